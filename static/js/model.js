// What the page knows, as one value. It changes only by `next(state, event)`: no DOM, no clock, no wire.
// Events come from the session worker under its own names, and from the page: submitted, refused, unable, broken,
// sent, picture_looked, reading, muted, compared, wondered, chosen.

import { Log } from './log.js';
import { notes, notLoaded, stopped } from './words.js';

const GROUP_WITHIN_MS = 5 * 60 * 1000;
// On a line that comes and goes the list of people tells the rest: the log is for what is said.
const DROPOUT_NOTED_EVERY_MS = 5 * 60 * 1000;

export const start = Object.freeze({
  phase: 'door', // → 'entering' → 'room' → 'over'; a refusal leads back to 'door'
  stage: null,
  refusal: null, // { words, field, reload, taken, inDoubt }: of the last, whether it may have been done all the same
  able: true,
  made: false, // whether one made the room, or found it
  room: '',
  user: '',
  connection: { state: 'connecting', retryInMs: 0, words: '' },
  lost: false, // whether the connection was there and is not, or has failed to come about
  people: [], // { id, name, connected, place, another, you, fingerprint }: everyone in the group's tree
  dropouts: new Map(), // id → { at, noted }: when someone's dropout was last noted, and whether this one was
  muted: new Set(), // ids of those whose messages one does not want to see
  compared: new Map(), // id → { name, fingerprint } of those whose key was compared
  keys: null, // { at }: when the group's keys last changed
  safety: null, // { words, why }: the safety words, or why there are none; null while they are worked out
  log: new Log(), // only ever grows, so that a view draws what it has not drawn yet
  sending: [], // counters of one's own messages, and keys of pictures, that the server has not taken yet
  pictures: new Map(), // key → { id, number, name, mine, width, height, length, alt, at, bytes, onItsWay, state }
  rejection: null, // { text, words } of what was not taken; of a picture no text comes back
  reading: true, // whether the end of the log is before one's eyes
  unread: 0, // messages that came while it was not
  marker: null, // where in the log the first of them stands
  heard: null, // { name } of whoever spoke last, a new value each time; neither oneself nor anyone muted
  choices: { sound: false, notifications: false },
  ending: null, // { words, remake, left }
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
    refusal: {
      words,
      field: field ?? null,
      reload: code === 'stale',
      taken: code.endsWith('_name_taken'),
      // A browser that is left without an answer may ask a second time by itself.
      inDoubt: code === 'unreachable' || code === 'room_id_taken',
    },
  }),

  unable: (state, { words }) => ({ ...state, able: false, refusal: { words, field: null, reload: false } }),

  broken: (state) => {
    if (state.phase === 'over') return state;
    if (state.phase === 'room') return steps.ended(state, { words: stopped, remake: false });
    const refusal = { words: notLoaded, field: null, reload: true };
    return { ...state, phase: 'door', stage: null, able: false, refusal };
  },

  admitted: (state, { room, user }) => ({ ...state, phase: 'room', stage: null, room, user }),

  connection: (state, { state: now, retry_in_ms: retryInMs, words, at }) => {
    const connection = { state: now, retryInMs: retryInMs ?? 0, words: words ?? '' };
    const is = now === 'connected';
    const was = state.connection.state === 'connected';
    const changed = { ...state, connection, lost: !is && (was || now === 'waiting' || state.lost) };
    const isBack = is && state.lost && state.people.length > 0;
    return isBack ? noted(changed, { type: 'reconnected', at }) : changed;
  },

  keys: (state, { at, anew }) => {
    const changed = { ...state, keys: { at }, safety: null };
    return anew ? noted(changed, { type: 'anew', at }) : changed;
  },

  safety: (state, { words, why }) => ({ ...state, safety: { words, why } }),

  wondered: (state) => ({ ...state, safety: null }),

  compared: (state, { id, yes }) => {
    const compared = new Map(state.compared);
    const person = state.people.find((other) => other.id === id);
    if (yes && person) compared.set(id, { name: person.name, fingerprint: person.fingerprint });
    else compared.delete(id);
    return { ...state, compared };
  },

  people: (state, { people, at }) => {
    const before = new Map(state.people.map((person) => [person.id, person]));
    const came = { ...state, people };
    // Newcomers see nothing of what was said before: they are told so.
    if (before.size === 0) return isAlone(came) ? came : noted(came, { type: 'joined', at });
    return people
      .filter(({ id, you, connected, place }) => !you && place !== 'coming' && before.has(id) && before.get(id).connected !== connected)
      .reduce((noting, person) => (person.connected ? back : away)(noting, person, at), came);
  },

  // What became of a newcomer is drawn from the list of people, in the place of this note.
  entered: (state, event) => {
    const entered = noted(state, event, { newcomer: event });
    // A mark stands for a key, and a new visit brings a new one.
    const former = [...state.compared].find(([id, { name }]) => name === event.name && id !== event.id);
    if (!former) return entered;
    const compared = new Map(state.compared);
    compared.delete(former[0]);
    return noted({ ...entered, compared }, { type: 'newKey', name: event.name, at: event.at });
  },
  // What one does not hear to its end does not come any more.
  left: (state, event) => noted(broken(state, event.id), event),
  unlisted: noted,
  missed: (state, event) => noted(broken(state, event.id), event),
  unreadable: noted,

  message: (state, { id, name, text, mine, counter, at }) => said(state, { id, name, text, mine, counter, at }),

  picture: (state, { id, picture: number, name, mine, width, height, length, alt, at }) => {
    const key = keyOf(id, number);
    const fresh = { id, number, name, mine, width, height, length, alt, at, bytes: 0, onItsWay: false, state: 'moving' };
    const pictures = new Map(state.pictures).set(key, fresh);
    return said({ ...state, pictures }, { id, name, picture: key, mine, counter: key, at });
  },

  picture_moved: (state, { id, picture, bytes, on_its_way: onItsWay }) => {
    const { mine, length } = state.pictures.get(keyOf(id, picture)) ?? {};
    const isSent = mine && bytes === length;
    return pictured(state, keyOf(id, picture), { bytes, onItsWay, ...(isSent && { state: 'here' }) });
  },

  picture_came: (state, { id, picture }) => {
    const key = keyOf(id, picture);
    return pictured(state, key, { bytes: state.pictures.get(key)?.length, state: 'moving' });
  },

  picture_looked: (state, { key, fine }) => pictured(state, key, { state: fine ? 'here' : 'unshowable' }),

  picture_ended: (state, { id, picture, why }) => pictured(state, keyOf(id, picture), { state: why }),

  accepted: (state, { counter }) => freed(state, counter),

  sent: (state) => ({ ...state, rejection: null }),

  rejected: (state, { text, words }) => ({ ...state, rejection: { text, words } }),

  reading: (state, { reading }) => ({ ...state, reading, unread: reading ? 0 : state.unread }),

  muted: (state, { id, muted }) => {
    const others = new Set(state.muted);
    if (muted) others.add(id);
    else others.delete(id);
    return { ...state, muted: others };
  },

  chosen: (state, { choice, on }) => ({ ...state, choices: { ...state.choices, [choice]: on } }),

  ended: (state, { code, words, remake }) => ({
    ...state,
    pictures: code === 'left' ? new Map() : halted(state.pictures),
    log: code === 'left' ? new Log() : state.log,
    phase: 'over',
    ending: { words, remake: Boolean(remake), left: code === 'left' },
  }),
};

function said(state, { id, name, mine, ...what }) {
  const another = !mine && Boolean(state.people.find((person) => person.id === id)?.another);
  const entry = { kind: 'message', id, name, another, mine, ...what };
  entry.follows = follows(state.log.at(-1), entry);
  const log = state.log.with(entry);
  // Who writes has read what stands above.
  if (mine) return { ...state, log, sending: [...state.sending, entry.counter], unread: 0, marker: null };
  if (state.muted.has(id)) return { ...state, log };
  const heard = { name };
  if (state.reading) return { ...state, log, heard };
  const marker = state.unread === 0 ? state.log.length : state.marker;
  return { ...state, log, heard, unread: state.unread + 1, marker };
}

const keyOf = (id, number) => `${id}:${number}`;

function pictured(state, key, change) {
  const before = state.pictures.get(key);
  if (!before) return state;
  const after = { ...before, ...change };
  const changed = { ...state, pictures: new Map(state.pictures).set(key, after) };
  return after.state === 'moving' ? changed : freed(changed, key);
}

/** One thing less waits: where there was no room for another of its kind, there is again. */
function freed(state, key) {
  if (!state.sending.includes(key)) return state;
  const { sending, pictures, rejection } = state;
  const isOfKind = rejection !== null && pictures.has(key) === (rejection.text === '');
  return { ...state, sending: sending.filter((other) => other !== key), rejection: isOfKind ? null : rejection };
}

/** What this one was still sending does not come whole. */
function broken(state, sender) {
  const open = [...state.pictures].filter(([, { id, mine, bytes, length, state: now }]) =>
    id === sender && !mine && now === 'moving' && bytes < length);
  return open.reduce((ending, [key]) => pictured(ending, key, { state: 'broken' }), state);
}

/** Nothing more comes or goes. */
const halted = (pictures) => new Map([...pictures].map(([key, picture]) => {
  const { mine, state, bytes, length } = picture;
  if (mine && state === 'moving') return [key, { ...picture, state: 'unsent' }];
  return [key, state === 'moving' && bytes < length ? { ...picture, state: 'broken' } : picture];
}));

function noted(state, event, more = { parts: notes[event.type](event) }) {
  return { ...state, log: state.log.with({ kind: 'note', at: event.at, ...more }) };
}

function away(state, { id, name }, at) {
  const last = state.dropouts.get(id);
  const isNoted = last === undefined || Math.abs(at - last.at) >= DROPOUT_NOTED_EVERY_MS;
  const dropouts = new Map(state.dropouts).set(id, isNoted ? { at, noted: true } : { ...last, noted: false });
  return isNoted ? noted({ ...state, dropouts }, { type: 'away', name, at }) : { ...state, dropouts };
}

function back(state, { id, name }, at) {
  return state.dropouts.get(id)?.noted === false ? state : noted(state, { type: 'back', name, at });
}

function follows(before, { id, at }) {
  return before?.kind === 'message' && before.id === id && Math.abs(at - before.at) < GROUP_WITHIN_MS;
}

