// What the page knows, as one value. It changes only by `next(state, event)`: no DOM, no clock, no wire.
// Events come from the session worker under its own names, and from the page: submitted, refused, unable, broken, sent.

import { notes, notLoaded, stopped } from './words.js';

const GROUP_WITHIN_MS = 5 * 60 * 1000;

export const start = Object.freeze({
  phase: 'door', // → 'entering' → 'room' → 'over'; a refusal leads back to 'door'
  stage: null,
  refusal: null, // { words, field, reload, taken }
  able: true,
  made: false, // whether one made the room, or found it
  room: '',
  user: '',
  connection: { state: 'connecting', retryInMs: 0, words: '' },
  people: [],
  log: [], // only ever grows, so that a view draws what it has not drawn yet
  sending: [], // counters of one's own messages that the server has not taken yet
  rejection: null, // { text, words }
  ending: null, // { words, remake }
});

export function next(state, event) {
  return Object.hasOwn(steps, event.type) ? steps[event.type](state, event) : state;
}

/** Alone is who knows of nobody else; before the first list arrives nobody is known to be alone. */
export const isAlone = ({ people }) => people.length > 0 && people.every(({ you }) => you);

/** Whether the room was just made, and nothing has happened in it yet. */
export const isNew = (state) => state.phase === 'room' && state.made && isAlone(state) && state.log.length === 0;

const steps = {
  submitted: (state, { intent }) => ({
    ...state,
    phase: 'entering',
    stage: 'deriving',
    refusal: null,
    made: intent === 'create',
  }),

  progress: (state, { stage }) => ({ ...state, stage }),

  refused: (state, { code, words, field }) => ({
    ...state,
    phase: 'door',
    stage: null,
    refusal: { words, field: field ?? null, reload: code === 'stale', taken: code.endsWith('_name_taken') },
  }),

  unable: (state, { words }) => ({ ...state, able: false, refusal: { words, field: null, reload: false } }),

  broken: (state) => {
    if (state.phase === 'over') return state;
    if (state.phase === 'room') return steps.ended(state, { words: stopped, remake: false });
    const refusal = { words: notLoaded, field: null, reload: true };
    return { ...state, phase: 'door', stage: null, able: false, refusal };
  },

  admitted: (state, { room, user }) => ({ ...state, phase: 'room', stage: null, room, user }),

  connection: (state, { state: now, retry_in_ms: retryInMs, words }) => ({
    ...state,
    connection: { state: now, retryInMs: retryInMs ?? 0, words: words ?? '' },
  }),

  people: (state, { people }) => {
    const first = state.people.length === 0;
    const came = { ...state, people };
    // Who comes into talk that is under way sees none of it: that is said, not left to be wondered at.
    return first && !isAlone(came) ? noted(came, { type: 'joined' }) : came;
  },

  entered: noted,
  left: noted,
  missed: noted,
  unreadable: noted,

  message: (state, { id, name, text, mine, counter, at }) => {
    const entry = { kind: 'message', id, name, text, mine, counter, at };
    entry.follows = follows(state.log.at(-1), entry);
    const sending = mine ? [...state.sending, counter] : state.sending;
    return { ...state, log: [...state.log, entry], sending };
  },

  accepted: (state, { counter }) => ({ ...state, sending: state.sending.filter((other) => other !== counter) }),

  sent: (state) => ({ ...state, rejection: null }),

  rejected: (state, { text, words }) => ({ ...state, rejection: { text, words } }),

  ended: (state, { words, remake }) => ({ ...state, phase: 'over', ending: { words, remake: Boolean(remake) } }),
};

function noted(state, event) {
  const note = { kind: 'note', parts: notes[event.type](event) };
  return { ...state, log: [...state.log, note] };
}

function follows(before, { id, at }) {
  return before?.kind === 'message' && before.id === id && Math.abs(at - before.at) < GROUP_WITHIN_MS;
}
