// The words of the page, from the catalog. What went wrong at the server or in the core comes with words of its own.

/**
 * @import { Person } from './model.js'
 * @import { Part } from './text.js'
 *
 * @typedef {object} Noted what notes are made from, by their types
 * @property {{}} anew
 * @property {{ name: string }} newKey
 * @property {{}} joined
 * @property {{ name: string }} away
 * @property {{ name: string }} back
 * @property {{}} reconnected
 * @property {{ name: string, lost: boolean, here: boolean }} left
 * @property {{}} unlisted
 * @property {{ name: string, count: number }} missed
 * @property {{ name: string, why: string }} unreadable
 */

import catalog from './catalog.js';
import { parts, text } from './text.js';

export const {
  connection, copied, copyByHand, empty, lacks, mute, noSuggestion, notCopied, notLoaded, remade, safety, signingIn,
  stages, stopped, tags, unmute, unnotified,
} = catalog;

/** @param {number} least */
export const tooShort = (least) => text(catalog.tooShort, { least });

/** @param {number} seconds */
export function tryAgainIn(seconds) {
  const minutes = Math.floor(seconds / 60);
  const { tryAgain } = catalog;
  return text(minutes > 0 ? tryAgain.minutes : tryAgain.seconds, { minutes, seconds: seconds % 60 });
}

/** @type {Record<string, string>} by the gate's kind */
const hint = catalog.gate.hint;
/** @type {Record<string, string>} by the gate's kind */
const from = catalog.gate.from;
export const gate = {
  ...catalog.gate,
  notLoaded,
  hint,
  /** @type {(kind: string, name: string) => Part[]} */
  from: (kind, name) => parts(from[kind] ?? '', { name }),
  /** @type {(name: string) => Part[]} */
  another: (name) => parts(catalog.gate.another, { name }),
};

/** @param {string} name */
export const compared = (name) => text(catalog.compared, { name });
/** @param {string} name */
export const ownKey = (name) => text(catalog.ownKey, { name });

/** @param {number} seconds */
export const inSeconds = (seconds) => (seconds > 0 ? text(catalog.inSeconds, { seconds }) : catalog.soon);

/**
 * What is said of a person before anything else: oneself, a change under way, a lost connection.
 *
 * @param {Pick<Person, 'you' | 'place' | 'connected'>} person
 */
export const tagOf = ({ you, place, connected }) =>
  (you && tags.you) || (place !== 'here' && tags[place]) || (!connected && tags.away) || '';

/**
 * A link that does not say so itself.
 *
 * @param {string} host
 */
export const leadsTo = (host) => text(catalog.leadsTo, { host });

/** @param {number} count */
export const left = (count) => text(catalog.left, { count });
/** @param {number} count */
export const tooMany = (count) => text(catalog.tooMany, { count });
/** @param {number} count */
export const tooLong = (count) => text(catalog.tooLong, { count });

export const emoji = {
  ...catalog.emoji,
  /** @param {number} count */
  count: (count) => (count === 0 ? catalog.emoji.none : text(catalog.emoji.count, { count })),
};

export const states = {
  ...catalog.states,
  sent: '',
  cancelled: '', // a picture says so in its own place
};

export const transcript = {
  ...catalog.transcript,
  /** @param {string} time */
  saved: (time) => text(catalog.transcript.saved, { time }),
  /** @param {string} alt */
  picture: (alt) => (alt ? text(catalog.transcript.pictureOf, { alt }) : catalog.transcript.picture),
};

/** @param {{ name: string, count: number }} veiled */
export const hidden = (veiled) => parts(catalog.hidden, veiled);
/** @param {number} count */
export const newOnes = (count) => text(catalog.newOnes, { count });

/** @type {Record<string, string>} */
const unreadable = catalog.unreadable;

/** @type {{ [Type in keyof Noted]: (of: Noted[Type]) => Part[] }} */
export const notes = {
  anew: () => parts(catalog.notes.anew),
  newKey: (of) => parts(catalog.notes.newKey, of),
  joined: () => parts(catalog.notes.joined),
  away: (of) => parts(catalog.notes.away, of),
  back: (of) => parts(catalog.notes.back, of),
  reconnected: () => parts(catalog.notes.reconnected),
  // That someone could read unseen matters more than how they went.
  left: ({ name, lost, here }) => {
    const { left: went, lost: dropped, unheard } = catalog.notes;
    return parts(here === false ? unheard : lost ? dropped : went, { name });
  },
  unlisted: () => parts(catalog.notes.unlisted),
  missed: (of) => parts(catalog.notes.missed, of),
  unreadable: ({ name, why }) => parts(unreadable[why] ?? catalog.unreadable.sealed, { name }),
};

/**
 * A newcomer in the log: let in at first, and then either heard of or gone. The keys are theirs from the beginning.
 *
 * @param {{ name: string, another: boolean }} newcomer
 * @param {keyof typeof catalog.arrivals} place
 */
export const arrivals = ({ name, another }, place) =>
  parts((another ? catalog.arrivalsOfAnother : catalog.arrivals)[place], { name });

/** @type {['year' | 'month' | 'day' | 'hour' | 'minute', number][]} */
const spans = [
  ['year', 31_536_000],
  ['month', 2_628_000],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

/**
 * A time that nobody will measure: one figure says enough.
 *
 * @param {number} seconds
 */
function span(seconds) {
  const { short, thousands, millions, billions } = catalog.spans;
  const years = seconds / 31_536_000;
  if (years >= 1e9) return billions;
  if (years >= 1e6) return millions;
  if (years >= 1e3) return thousands;
  const fitting = spans.find(([, each]) => seconds >= each);
  if (fitting === undefined) return short;
  const [unit, length] = fitting;
  return text(catalog.spans[unit], { count: Math.floor(seconds / length) });
}

/** @param {number} seconds */
export const holdsOut = (seconds) => text(catalog.holdsOut, { span: span(seconds) });

export const { notLast: notLastOut, unheard: unheardOut, last: lastOut } = catalog.out;

/**
 * @param {string} room
 * @param {number} unread
 */
export const title = (room, unread) => text(unread > 0 ? catalog.titleUnread : catalog.title, { room, unread });
/** @param {string} name */
export const wrote = (name) => text(catalog.wrote, { name });
