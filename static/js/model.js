// What the page knows, as one value. It changes only by `next(state, event)`: no DOM, no clock, no wire.

import { Log } from './log.js';
import { notes, notLoaded, stopped } from './words.js';

/**
 * @import { Part } from './text.js'
 * @import { Noted } from './words.js'
 *
 * @typedef {'deriving' | 'entering' | 'connecting'} Stage
 * @typedef {'room' | 'user' | 'password'} Field
 *
 * @typedef {object} Person in the group's tree
 * @property {number} id
 * @property {string} name
 * @property {boolean} connected
 * @property {'coming' | 'here' | 'leaving'} place
 * @property {boolean} another whether the name looks like one that another key had in this visit
 * @property {boolean} you
 * @property {string} fingerprint
 *
 * @typedef {{ id: number, name: string, another: boolean, here: boolean, at: number }} Newcomer
 *
 * @typedef {object} Picture
 * @property {number} id of its sender
 * @property {number} number
 * @property {string} name of its sender
 * @property {boolean} mine
 * @property {number} width
 * @property {number} height
 * @property {number} length in bytes
 * @property {string} alt
 * @property {number} at
 * @property {number} bytes how many of them have come, or were taken
 * @property {boolean} onItsWay
 * @property {'moving' | 'here' | 'unshowable' | 'cancelled' | 'broken' | 'unsent'} state
 *
 * @typedef {{ kind: 'note', at: number, parts: Part[], newcomer?: undefined }
 *   | { kind: 'note', at: number, newcomer: Newcomer }} Note of a newcomer the words change with the list of people
 *
 * @typedef {object} Said
 * @property {'message'} kind
 * @property {number} id
 * @property {string} name
 * @property {boolean} another
 * @property {boolean} mine
 * @property {number | string} counter
 * @property {number} at
 * @property {string} [text]
 * @property {string} [picture] its key, in place of a text
 * @property {boolean} follows whether it belongs to the message before
 */

/**
 * The session worker's events by their types: its views, each with the time at which it was told.
 *
 * @typedef {object} SessionEvents
 * @property {{ stage: Stage }} progress
 * @property {{ code: string, words: string, field?: Field | null, wait?: number | null }} refused
 * @property {{ room: string, user: string }} admitted
 * @property {{ state: ConnectionState, retry_in_ms?: number, words?: string, at: number }} connection
 * @property {{ people: Person[], at: number }} people
 * @property {{ at: number, anew: boolean }} keys
 * @property {Newcomer} entered
 * @property {{ id: number, at: number } & Noted['left']} left
 * @property {{ at: number }} unlisted
 * @property {{ id: number, name: string, text: string, mine: boolean, counter: number, at: number }} message
 * @property {{ counter: number }} accepted
 * @property {Omit<Picture, 'number' | 'bytes' | 'onItsWay' | 'state'> & { picture: number }} picture
 * @property {{ id: number, picture: number, bytes: number, on_its_way: boolean }} picture_moved
 * @property {{ id: number, picture: number } & Came} picture_came
 * @property {{ id: number, picture: number, why: 'cancelled' | 'broken' }} picture_ended
 * @property {{ id: number, at: number } & Noted['missed']} missed
 * @property {{ id: number, at: number } & Noted['unreadable']} unreadable
 * @property {{ text: string, words: string }} rejected
 * @property {{ code?: string, words: string, remake?: boolean }} ended
 *
 * @typedef {{ media: string, width: number, height: number, bytes: Uint8Array<ArrayBuffer> }} Came a picture as it came
 * @typedef {'connecting' | 'knocking' | 'connected' | 'waiting'} ConnectionState
 */

/**
 * The page's own events.
 *
 * @typedef {object} PageEvents
 * @property {{ intent: string }} submitted
 * @property {{ words: string }} unable
 * @property {{}} broken
 * @property {{}} sent
 * @property {{ key: string, fine: boolean }} picture_looked
 * @property {{ reading: boolean }} reading
 * @property {{ id: number, muted: boolean }} muted
 * @property {{ id: number, yes: boolean }} compared
 * @property {{}} safetyRequested
 * @property {Safety} safety
 * @property {{ choice: 'sound' | 'notifications', on: boolean }} chosen
 *
 * @typedef {{ words?: string, why?: 'memory' | 'unknown' }} Safety
 */

/** @typedef {SessionEvents & PageEvents} Events */
/** @template {keyof Events} [Type=keyof Events] @typedef {{ [T in Type]: { type: T } & Events[T] }[Type]} EventOf */

/**
 * @typedef {object} State
 * @property {'door' | 'entering' | 'room' | 'over'} phase one after another; a refusal leads back to 'door'
 * @property {Stage | null} stage
 * @property {Refusal | null} refusal
 * @property {boolean} able
 * @property {boolean} made whether one made the room, or found it
 * @property {string} room
 * @property {string} user
 * @property {{ state: ConnectionState, retryInMs: number, words: string }} connection
 * @property {boolean} lost whether the connection was there and is not, or has failed to come about
 * @property {Person[]} people everyone in the group's tree
 * @property {Map<number, { at: number, noted: boolean }>} dropouts when someone's was last noted, and whether this one was
 * @property {Set<number>} muted ids of those whose messages one does not want to see
 * @property {Map<number, { name: string, fingerprint: string }>} compared those whose key was compared, by id
 * @property {{ at: number } | null} keys when the group's keys last changed
 * @property {Safety | null} safety the safety words, or why there are none; null while they are worked out
 * @property {Log<Note | Said>} log only ever grows, so that a view draws what it has not drawn yet
 * @property {(number | string)[]} sending counters of one's own messages, and keys of pictures, that the server has not taken yet
 * @property {Map<string, Picture>} pictures by their keys
 * @property {{ text: string, words: string } | null} rejection of what was not taken; of a picture no text comes back
 * @property {boolean} reading whether the end of the log is before one's eyes
 * @property {number} unread messages that came while it was not
 * @property {number | null} marker where in the log the first of them stands
 * @property {{ name: string } | null} heard who spoke last, a new value each time; neither oneself nor anyone muted
 * @property {{ sound: boolean, notifications: boolean }} choices
 * @property {{ words: string, remake: boolean, left: boolean } | null} ending
 *
 * @typedef {object} Refusal
 * @property {string} words
 * @property {Field | null} field
 * @property {boolean} reload
 * @property {number} [wait] seconds after which to try again
 * @property {boolean} [blocks] whether it is of no use before
 * @property {boolean} [passWanted] whether the server's gate wants a pass first
 * @property {boolean} [taken]
 * @property {boolean} [inDoubt] whether it may have been done all the same
 */

const GROUP_WITHIN_MS = 5 * 60 * 1000;
// On a line that comes and goes the list of people tells the rest: the log is for what is said.
const DROPOUT_NOTED_EVERY_MS = 5 * 60 * 1000;

/** @type {State} */
const first = {
  phase: 'door',
  stage: null,
  refusal: null,
  able: true,
  made: false,
  room: '',
  user: '',
  connection: { state: 'connecting', retryInMs: 0, words: '' },
  lost: false,
  people: [],
  dropouts: new Map(),
  muted: new Set(),
  compared: new Map(),
  keys: null,
  safety: null,
  log: new Log(),
  sending: [],
  pictures: new Map(),
  rejection: null,
  reading: true,
  unread: 0,
  marker: null,
  heard: null,
  choices: { sound: false, notifications: false },
  ending: null,
};

export const start = Object.freeze(first);

/**
 * @template {keyof Events} Type
 * @param {State} state
 * @param {EventOf<Type>} event
 * @returns {State}
 */
export function next(state, event) {
  return Object.hasOwn(steps, event.type) ? steps[event.type](state, event) : state;
}

/**
 * True when the list of people has arrived and holds only this user.
 *
 * @param {Pick<State, 'people'>} state
 */
export const isAlone = ({ people }) => people.length > 0 && people.every(({ you }) => you);

/**
 * Whether the room was just made, and nothing has happened in it yet.
 *
 * @param {State} state
 */
export const isNew = (state) => state.phase === 'room' && state.made && isAlone(state) && state.log.length === 0;

/** @type {{ [Type in keyof Events]: (state: State, event: EventOf<Type>) => State }} */
const steps = {
  submitted: (state, { intent }) => ({
    ...state,
    phase: 'entering',
    stage: 'deriving',
    refusal: null,
    made: intent === 'create',
  }),

  progress: (state, { stage }) => ({ ...state, stage }),

  refused: (state, { code, words, field, wait }) => ({
    ...state,
    phase: 'door',
    stage: null,
    refusal: {
      words,
      field: field ?? null,
      reload: code === 'stale',
      wait: wait ?? 0,
      blocks: Boolean(wait),
      passWanted: code === 'pass_wanted',
      taken: code.endsWith('_name_taken'),
      // A browser that is left without an answer may ask a second time by itself.
      inDoubt: code === 'unreachable' || code === 'room_id_taken',
    },
  }),

  unable: (state, { words }) => ({ ...state, able: false, refusal: { words, field: null, reload: false } }),

  broken: (state) => {
    if (state.phase === 'over') return state;
    if (state.phase === 'room') return next(state, { type: 'ended', words: stopped, remake: false });
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

  safetyRequested: (state) => ({ ...state, safety: null }),

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
      .filter(({ id, you, connected, place }) => !you && place !== 'coming' && (before.get(id)?.connected ?? connected) !== connected)
      .reduce((noting, person) => (person.connected ? back : away)(noting, person, at), came);
  },

  // What became of a newcomer is drawn from the list of people, in the place of this note.
  entered: (state, event) => {
    const entered = { ...state, log: state.log.with({ kind: 'note', at: event.at, newcomer: event }) };
    // A mark stands for a key, and a new visit brings a new one.
    const former = [...state.compared].find(([id, { name }]) => name === event.name && id !== event.id);
    if (!former) return entered;
    const compared = new Map(state.compared);
    compared.delete(former[0]);
    return noted({ ...entered, compared }, { type: 'newKey', name: event.name, at: event.at });
  },
  // Pictures of this member that are still arriving stay incomplete.
  left: (state, event) => noted(broken(state, event.id), event),
  unlisted: noted,
  missed: (state, event) => noted(broken(state, event.id), event),
  unreadable: noted,

  message: (state, { id, name, text, mine, counter, at }) => said(state, { id, name, text, mine, counter, at }),

  picture: (state, { id, picture: number, name, mine, width, height, length, alt, at }) => {
    const key = keyOf(id, number);
    /** @type {Picture} */
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

/**
 * @param {State} state
 * @param {Omit<Said, 'kind' | 'another' | 'follows'>} message
 * @returns {State}
 */
function said(state, message) {
  const { id, name, mine, counter, at } = message;
  const another = !mine && Boolean(state.people.find((person) => person.id === id)?.another);
  const log = state.log.with({ ...message, kind: 'message', another, follows: follows(state.log.at(-1), { id, at }) });
  // Sending marks everything above as read.
  if (mine) return { ...state, log, sending: [...state.sending, counter], unread: 0, marker: null };
  if (state.muted.has(id)) return { ...state, log };
  const heard = { name };
  if (state.reading) return { ...state, log, heard };
  const marker = state.unread === 0 ? state.log.length : state.marker;
  return { ...state, log, heard, unread: state.unread + 1, marker };
}

/**
 * @param {number} id
 * @param {number} number
 */
const keyOf = (id, number) => `${id}:${number}`;

/**
 * @param {State} state
 * @param {string} key
 * @param {Partial<Picture>} change
 * @returns {State}
 */
function pictured(state, key, change) {
  const before = state.pictures.get(key);
  if (!before) return state;
  const after = { ...before, ...change };
  const changed = { ...state, pictures: new Map(state.pictures).set(key, after) };
  return after.state === 'moving' ? changed : freed(changed, key);
}

/**
 * Removes a sent item, and the rejection that was waiting for room.
 *
 * @param {State} state
 * @param {number | string} key
 * @returns {State}
 */
function freed(state, key) {
  if (!state.sending.includes(key)) return state;
  const { sending, rejection } = state;
  const isOfKind = rejection !== null && (typeof key === 'string') === (rejection.text === '');
  return { ...state, sending: sending.filter((other) => other !== key), rejection: isOfKind ? null : rejection };
}

/**
 * What this one was still sending does not come whole.
 *
 * @param {State} state
 * @param {number} sender
 */
function broken(state, sender) {
  const open = [...state.pictures].filter(([, { id, mine, bytes, length, state: now }]) =>
    id === sender && !mine && now === 'moving' && bytes < length);
  return open.reduce((ending, [key]) => pictured(ending, key, { state: 'broken' }), state);
}

/**
 * Nothing more comes or goes.
 *
 * @param {State['pictures']} pictures
 */
const halted = (pictures) => new Map([...pictures].map(([key, picture]) => [key, halt(picture)]));

/**
 * @param {Picture} picture
 * @returns {Picture}
 */
function halt(picture) {
  const { mine, state, bytes, length } = picture;
  if (mine && state === 'moving') return { ...picture, state: 'unsent' };
  return state === 'moving' && bytes < length ? { ...picture, state: 'broken' } : picture;
}

/**
 * @template {keyof Noted} Type
 * @param {State} state
 * @param {{ type: Type, at: number } & Noted[Type]} event
 * @returns {State}
 */
function noted(state, event) {
  return { ...state, log: state.log.with({ kind: 'note', at: event.at, parts: notes[event.type](event) }) };
}

/**
 * @param {State} state
 * @param {Person} person
 * @param {number} at
 */
function away(state, { id, name }, at) {
  const last = state.dropouts.get(id);
  const isNoted = last === undefined || Math.abs(at - last.at) >= DROPOUT_NOTED_EVERY_MS;
  const dropouts = new Map(state.dropouts).set(id, isNoted ? { at, noted: true } : { ...last, noted: false });
  return isNoted ? noted({ ...state, dropouts }, { type: 'away', name, at }) : { ...state, dropouts };
}

/**
 * @param {State} state
 * @param {Person} person
 * @param {number} at
 */
function back(state, { id, name }, at) {
  return state.dropouts.get(id)?.noted === false ? state : noted(state, { type: 'back', name, at });
}

/**
 * @param {Note | Said | undefined} before
 * @param {{ id: number, at: number }} message
 */
function follows(before, { id, at }) {
  return before?.kind === 'message' && before.id === id && Math.abs(at - before.at) < GROUP_WITHIN_MS;
}

