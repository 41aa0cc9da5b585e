// Words that only the page knows; what went wrong at the server or in the core comes with words of its own.
// A note is a list of parts, so that a name can be set apart from the direction of the text around it.

/**
 * @import { Person } from './model.js'
 *
 * @typedef {string | { name: string }} Part
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

export const empty = {
  room: 'Give the name of the room.',
  user: 'Give the name that others will see.',
  password: 'Type the password.',
};

export const remade = 'This room is there already. Join it, with its password.';

/** @param {number} least */
export const tooShort = (least) => `Use at least ${least} characters.`;

export const stages = {
  deriving: 'Turning the password into keys…',
  entering: 'Knocking…',
  connecting: 'Connecting…',
};

/** @param {number} seconds */
export function tryAgainIn(seconds) {
  const minutes = Math.floor(seconds / 60);
  return `Try again in ${minutes > 0 ? `${minutes} min ` : ''}${seconds % 60} s.`;
}

export const signingIn = 'Signing in…';

export const gate = {
  unreachable: 'The server cannot be reached. Check your connection and try again.',
  notLoaded: 'This page could not load its encryption part. Reload the page.',
  passed: 'Signed in to this server.',
  empty: {
    token: 'Enter your access token.',
    accountSecret: 'Enter your account password.',
    mailbox: 'Enter your e-mail address.',
    code: 'Enter the one-time code.',
  },
  /** @type {Record<string, string>} by the gate's kind */
  hint: {
    people: 'The six digits that your authenticator app shows, or one of your recovery codes.',
    email: 'Six digits, good for ten minutes. If no mail comes, look among the spam, or ask the operator.',
  },
  /** @type {Record<string, (name: string) => Part[]>} by the gate's kind */
  from: {
    people: (name) => ['Signing in as ', { name }, '.'],
    email: (name) => ['If ', { name }, ' is on the list, a code was sent there.'],
  },
  /** @type {(name: string) => Part[]} */
  another: (name) => ['If ', { name }, ' is on the list, another code was sent there. The one before is no good any more.'],
};

export const lacks = {
  security: 'Messages can be encrypted only on a secure page. Open it over https or on localhost.',
  wasm: 'This browser does not run WebAssembly, which encryption needs. Open the page in a newer browser, or allow WebAssembly for it.',
  workers: 'This browser does not run web workers, which encryption needs. Open the page in a newer browser.',
};

export const notLoaded = 'This page could not load its encryption part. Reload the page.';
export const stopped = 'The encryption part of this page has stopped. What was not yet sent is still below.';

export const connection = {
  connecting: 'Connecting…',
  knocking: 'Waiting to be let in…',
  connected: 'Connected',
  waiting: 'Offline, connecting again',
  over: 'Disconnected',
};

export const safety = {
  outside: 'There are none yet: nobody has let you in.',
  waiting: 'Working them out…',
  memory: 'They could not be worked out: this device has too little memory free. Close other tabs and open this again.',
  unknown: 'They could not be worked out for now. Check your connection and open this again.',
};

/** @param {string} name */
export const compared = (name) => `Compared with ${name}`;
/** @param {string} name */
export const ownKey = (name) => `${name} (you)`;

/** @param {number} seconds */
export const inSeconds = (seconds) => (seconds > 0 ? ` in ${seconds} s…` : '…');

export const tags = {
  you: 'you',
  coming: 'coming in…',
  leaving: 'leaving…',
  away: 'reconnecting…',
  muted: 'muted',
  another: 'another',
};

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
export const leadsTo = (host) => `Opens ${host}`;

export const mute = 'Mute';
export const unmute = 'Unmute';

/** @param {number} count */
const characters = (count) => `${count} ${count === 1 ? 'character' : 'characters'}`;
/** @param {number} count */
export const left = (count) => `${characters(count)} left`;
/** @param {number} count */
export const tooMany = (count) => `${characters(count)} too many`;
/** @param {number} count */
export const tooLong = (count) => `This message is ${characters(count)} too long. Shorten it, or send it in parts.`;

export const emoji = {
  recent: 'Used just now',
  found: 'Found',
  /** @param {number} count */
  count: (count) => (count === 0 ? 'Nothing found' : `${count} found`),
  notLoaded: 'The emoji could not be loaded. Check your connection and try again.',
};

export const states = {
  sending: 'sending…',
  sent: '',
  waiting: 'not sent',
  unsent: 'not sent',
  cancelled: '', // a picture says so in its own place
  retry: 'Retry',
};

export const transcript = {
  /** @param {string} time */
  saved: (time) => `Saved ${time}`,
  /** @param {string} alt */
  picture: (alt) => (alt ? `[Picture: ${alt}]` : '[Picture]'),
  unnamed: 'transcript',
};

/** @param {number} count */
const messages = (count) => `${count} ${count === 1 ? 'message' : 'messages'}`;
/**
 * @param {{ name: string, count: number }} veiled
 * @returns {Part[]}
 */
export const hidden = ({ name, count }) => [`${messages(count)} from `, { name }, ', muted'];
/** @param {number} count */
export const newOnes = (count) => `${count} new`;

/** @type {{ [Type in keyof Noted]: (of: Noted[Type]) => Part[] }} */
export const notes = {
  anew: () => ['The encryption of this room was begun anew, with new keys.'],
  newKey: ({ name }) => [{ name }, ' has a new key. Compare it again before you trust it.'],
  joined: () => ['You are in. You see what is said from now on.'],
  away: ({ name }) => [{ name }, ' lost the connection for now'],
  back: ({ name }) => [{ name }, ' is back'],
  reconnected: () => ['You are connected again'],
  left: ({ name, lost, here }) => [{ name }, (here === false && departures.unheard)
    || (lost ? departures.lost : departures.left)],
  unlisted: () => ['The list of people and the encryption group differ: somebody could read unseen. '
    + 'This page stays out and asks again.'],
  missed: ({ name, count }) => [`${messages(count)} from `, { name }, ' did not arrive'],
  unreadable: ({ name, why }) => (unreadable[why] ?? unreadable.sealed)(name),
};

const departures = {
  left: ' left',
  lost: ' lost the connection',
  unheard: ' left without saying anything. Until now this member could read along.',
};

const arrived = { coming: ' is coming in', here: ' came in', gone: ' was let in' };

/**
 * A newcomer in the log: let in at first, and then either heard of or gone. The keys are theirs from the beginning.
 *
 * @param {{ name: string, another: boolean }} newcomer
 * @param {keyof typeof arrived} place
 * @returns {Part[]}
 */
export function arrivals({ name, another }, place) {
  const end = another ? '. The name was used before, maybe by someone else.' : '';
  return [...(another ? ['Another '] : []), { name }, arrived[place], end || (place === 'coming' ? '…' : '')];
}

/** @type {Record<string, (name: string) => Part[]>} */
const unreadable = {
  sealed: (name) => ['A message from ', { name }, ' could not be opened.'],
  kind: (name) => [{ name }, ' sent something that this version cannot show.'],
  replayed: (name) => ['A message from ', { name }, ' arrived twice and was dropped.'],
};

export const copied = 'Copied';
export const notCopied = 'The browser did not allow it: the text is selected, copy it by hand.';
export const copyByHand = 'The browser did not allow it. It is selected: copy it by hand.';

export const noSuggestion = 'No passphrase could be drawn. Reload the page, or make one up from several random words.';

/** @type {[string, number][]} */
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
  const years = seconds / 31_536_000;
  if (years >= 1e9) return 'billions of years';
  if (years >= 1e6) return 'millions of years';
  if (years >= 1e3) return 'thousands of years';
  const fitting = spans.find(([, each]) => seconds >= each);
  if (fitting === undefined) return 'less than a minute';
  const [unit, length] = fitting;
  const count = Math.floor(seconds / length);
  return `about ${count} ${unit}${count === 1 ? '' : 's'}`;
}

/** @param {number} seconds */
export const holdsOut = (seconds) =>
  `Holds out ${span(seconds)} against someone with this server’s data and a hundred graphics cards.`;

const nothingStays = 'Nothing of what was said is left on this page.';
export const notLastOut = `The others see that you have gone. ${nothingStays}`;
export const unheardOut = 'You were not connected: whoever is still there sees that you have gone once the line is '
  + `back, or after a minute or two. ${nothingStays}`;
export const lastOut = 'You were the last one there, so the room is gone, with all that was said in it.';

/**
 * @param {string} room
 * @param {number} unread
 */
export const title = (room, unread) => `${unread > 0 ? `(${unread}) ` : ''}${room} · Cloakroom`;
/** @param {string} name */
export const wrote = (name) => `${name} wrote`;
export const unnotified = {
  unable: 'This browser shows no notifications for pages like this one.',
  refused: 'The browser does not allow notifications from this page. Its settings for the page can change that.',
};
