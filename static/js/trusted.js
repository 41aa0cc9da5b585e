// The only script addresses that this page may ever start. Where the browser enforces Trusted Types, this is
// the one policy that the server's headers allow; elsewhere the same check stands alone.

/**
 * What crosses between the page and its workers, and between workers. Both ends take their types from here.
 *
 * @import { Came, EventOf, Safety, SessionEvents } from './model.js'
 *
 * @typedef {{ password: string, port: MessagePort }} ToDerive over the port come ToStretch, then Stretched
 * @typedef {{ room: string, person?: undefined, salt: Uint8Array } | { person: string, salt: Uint8Array }} ToStretch of a
 *   person's password comes what the gate is shown
 * @typedef {{ stretched: Uint8Array } | { stretched?: undefined, code: string, words: string }} Stretched
 *
 * @typedef {object} SessionRequests by what they ask to do
 * @property {{ intent: string, room: string, user: string, pass: string | null, port: MessagePort }} enter
 * @property {{ text: string }} send
 * @property {OwnPicture} picture
 * @property {{ number: number }} cancel
 * @property {{ port: MessagePort }} safety over the port goes ToSafetyWords
 * @property {{}} leave
 * @property {{ online: boolean }} network
 * @property {{}} visible
 *
 * @typedef {{ number: number, type: string, width: number, height: number, alt: string, bytes: Uint8Array<ArrayBuffer> }} OwnPicture
 * @typedef {{ type: 'farewell', path: string, body: Uint8Array<ArrayBuffer> }} Beacon sent when the page is closed
 * @typedef {EventOf<keyof SessionEvents> | Beacon} FromSession
 *
 * @typedef {{ port: MessagePort }} ToSafety over the port comes ToSafetyWords
 * @typedef {{ of: Uint8Array }} ToSafetyWords
 * @typedef {Safety} FromSafety
 *
 * @typedef {object} PictureRequests by what they ask to do; the answer goes over a port of its own
 * @property {{ file: File }} prepare
 * @property {Came} look
 *
 * @typedef {object} PictureAnswers
 * @property {Prepared | { refusal: string }} prepare
 * @property {{ blob: Blob | null }} look
 *
 * @typedef {object} Prepared
 * @property {undefined} [refusal]
 * @property {Blob} blob
 * @property {number} width
 * @property {number} height
 * @property {{ width: number, height: number }} from
 * @property {boolean} animated
 *
 * @typedef {{ password: string, room: string, user: string }} ToStrength
 * @typedef {{ guesses: number }} FromStrength as a power of ten
 *
 * @typedef {{ phrase: string }} FromWords
 */

/**
 * @template Requests
 * @template {keyof Requests} [Deed=keyof Requests]
 * @typedef {{ [D in Deed]: { do: D } & Requests[D] }[Deed]} RequestOf
 */

/** @param {string} name */
const worker = (name) => new URL(`./workers/${name}.js`, import.meta.url).href;

const workers = Object.freeze({
  derive: worker('derive'),
  picture: worker('picture'),
  safety: worker('safety'),
  session: worker('session'),
  strength: worker('strength'),
  words: worker('words'),
});

const rules = {
  /** @param {string} url */
  createScriptURL(url) {
    if (!Object.values(workers).includes(url)) throw new TypeError('Not a worker of this page');
    return url;
  },
};

const policy = globalThis.trustedTypes?.createPolicy('cloakroom', rules) ?? rules;

/** @param {keyof typeof workers} name */
export const startWorker = (name) => new Worker(policy.createScriptURL(workers[name]), { type: 'module' });
