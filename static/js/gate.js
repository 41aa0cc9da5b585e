import { startWorker } from './trusted.js';
import { gate as words } from './words.js';

/**
 * @import { GateKind } from './gated.js'
 * @import { Stretched, ToDerive, ToStretch } from './trusted.js'
 *
 * @typedef {'token' | 'account' | 'accountSecret' | 'mailbox' | 'code'} GateField
 * @typedef {object} GateRefusal
 * @property {string} words
 * @property {GateField | null} field
 * @property {number} [wait] seconds after which to try again
 * @property {boolean} [blocks] whether it is of no use before
 * @typedef {{ pass: string, refusal?: undefined } | { pass?: undefined, refusal: GateRefusal | null }} Outcome a step that
 *   goes on with another has neither
 */

const ANSWER_WITHIN_MS = 20_000;

/** @type {Record<string, GateField>} the field that a refusal of the server's belongs to, by its code */
const FIELDS = {
  wrong_access_token: 'token',
  wrong_person: 'accountSecret',
  password_too_short: 'accountSecret',
  password_too_long: 'accountSecret',
  wrong_code: 'code',
  codes_locked: 'code',
  bad_mailbox: 'mailbox',
  too_many_mails: 'code',
  mail_down: 'mailbox',
};

/** What a refused step leads to. */
class Refused extends Error {
  /** @param {{ error?: string, message?: string, retry_after?: number }} body */
  constructor({ error = '', message = words.unreachable, retry_after: wait }) {
    super(message);
    this.code = error;
    this.wait = wait;
  }
}

/** @param {string} id */
const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
/** @param {string} id */
const input = (id) => /** @type {HTMLInputElement} */ (document.getElementById(id));

/** What the server's gate asks for, between a form that is filled in and the room: in the same form, a step at a time. */
export class Gate {
  fields = {
    token: input('access-token'),
    account: input('account'),
    accountSecret: input('account-secret'),
    mailbox: input('mailbox'),
    code: input('one-time-code'),
  };

  #kind;
  #form;
  #names;
  #frame = element('gate');
  #first;
  #code = element('gate-code');
  #passed = element('gate-passed');
  #again = element('gate-again');
  /** @type {string | null} */
  #pass = null;
  /** Whose code is asked for, once the first step is done. @type {{ name: string, verifier?: string } | null} */
  #asked = null;
  #isAnother = false;

  /** @param {{ kind: GateKind, form: HTMLFormElement, names: () => { user: string } }} door */
  constructor({ kind, form, names }) {
    this.#kind = kind;
    this.#form = form;
    this.#names = names;
    this.#first = element(`gate-${kind}`);
    this.#frame.hidden = false;
    this.#first.hidden = false;
    this.#again.hidden = kind !== 'email';
    element('one-time-code-hint').textContent = words.hint[kind] ?? '';
    element('gate-back').addEventListener('click', () => {
      this.#back();
      this.#first.querySelector('input')?.focus();
    });
    this.#again.addEventListener('click', () => {
      this.#asked = null;
      this.#isAnother = true;
      this.fields.code.value = '';
      form.requestSubmit();
    });
  }

  /** What of this step is missing. @returns {[GateField, string] | null} */
  fault() {
    if (this.#pass) return null;
    const { token, accountSecret, mailbox, code } = this.fields;
    if (!this.#code.hidden) return this.#asked && code.value.trim() === '' ? ['code', words.empty.code] : null;
    if (this.#kind === 'token' && token.value.trim() === '') return ['token', words.empty.token];
    if (this.#kind === 'people' && accountSecret.value === '') return ['accountSecret', words.empty.accountSecret];
    if (this.#kind === 'email' && mailbox.value.trim() === '') return ['mailbox', words.empty.mailbox];
    return null;
  }

  /** Takes this step. @returns {Promise<Outcome>} */
  async enter() {
    if (this.#pass) return { pass: this.#pass };
    try {
      const pass = await this.#steps[this.#kind]();
      if (!pass) {
        this.#askForCode();
        return { refusal: null };
      }
      this.#pass = pass;
      this.#finish();
      return { pass };
    } catch (fault) {
      if (!(fault instanceof Refused)) throw fault;
      const field = FIELDS[fault.code] ?? null;
      // The step to which the fault belongs is the one to be at.
      if (field && field !== 'code') this.#back();
      // A recovery code, or the last code that was sent, is good all the same.
      const blocks = fault.code === 'locked_out' || fault.code === 'too_many_requests';
      return { refusal: { words: fault.message, field, wait: fault.wait, blocks } };
    }
  }

  /** The server does not take the pass any more. */
  forget() {
    this.#pass = null;
    this.#back();
  }

  /** @type {Record<GateKind, () => Promise<string | null>>} */
  #steps = {
    token: async () => {
      const token = this.fields.token.value.trim();
      const { pass } = await post('/api/gate/token', { token });
      this.fields.token.value = '';
      return pass;
    },

    people: async () => {
      this.#asked ??= await this.#prove();
      const code = this.fields.code.value.trim();
      try {
        const { pass } = await post('/api/gate/people', { ...this.#asked, ...(code && { code }) });
        return pass;
      } catch (fault) {
        if (!(fault instanceof Refused)) throw fault;
        this.fields.code.value = '';
        if (fault.code === 'code_wanted') return null;
        if (fault.code === 'codes_locked') this.#askForCode();
        // Without a connection the same may be shown again.
        else if (fault.code !== 'wrong_code' && fault.code !== '') this.#asked = null;
        throw fault;
      }
    },

    email: async () => {
      const code = this.fields.code.value.trim();
      if (this.#asked && code) {
        const { pass } = await post('/api/gate/email', { address: this.#asked.name, code });
        return pass;
      }
      const address = this.fields.mailbox.value.trim();
      await post('/api/gate/email', { address });
      this.#asked = { name: address };
      return null;
    },
  };

  /** Turns the password into what the server is shown. The field is emptied, unless it was not the password's fault. */
  async #prove() {
    const name = this.fields.account.value.trim() || this.#names().user.trim();
    const password = this.fields.accountSecret.value;
    this.fields.accountSecret.value = '';
    try {
      const { salt } = await post('/api/gate/salt', { name });
      return { name, verifier: encode(await verifierOf(password, name, decode(salt))) };
    } catch (fault) {
      this.fields.accountSecret.value = password;
      throw fault;
    }
  }

  #askForCode() {
    this.#form.dataset.step = 'code';
    this.#first.hidden = true;
    this.#code.hidden = false;
    const { name = '' } = this.#asked ?? {};
    const from = this.#isAnother ? words.another(name) : words.from(this.#kind, name);
    this.#isAnother = false;
    element('gate-code-from').replaceChildren(...from.map(isolated));
    this.fields.code.focus();
  }

  #back() {
    this.#asked = null;
    this.fields.code.value = '';
    delete this.#form.dataset.step;
    this.#code.hidden = true;
    this.#first.hidden = false;
    this.#passed.textContent = '';
  }

  #finish() {
    this.#back();
    this.#first.hidden = true;
    this.#passed.textContent = words.passed;
  }
}

/** @param {import('./text.js').Part} part */
function isolated(part) {
  if (typeof part === 'string') return part;
  const name = document.createElement('bdi');
  name.translate = false;
  name.textContent = part.name;
  return name;
}

/**
 * @param {string} path
 * @param {object} body
 */
async function post(path, body) {
  let answer;
  let said;
  try {
    answer = await fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      cache: 'no-store',
      credentials: 'omit',
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    said = await answer.json().catch(() => ({}));
  } catch {
    throw new Refused({});
  }
  if (!answer.ok) throw new Refused(said);
  return said;
}

/**
 * Argon2id in a worker of its own, whose memory ends with it.
 *
 * @param {string} password
 * @param {string} person
 * @param {Uint8Array} salt
 * @returns {Promise<Uint8Array>}
 */
function verifierOf(password, person, salt) {
  const worker = startWorker('derive');
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve, reject) => {
    worker.addEventListener('error', () => reject(new Refused({ message: words.notLoaded })));
    port1.addEventListener('message', (/** @type {MessageEvent<Stretched>} */ { data }) => {
      worker.terminate();
      if (data.stretched) resolve(data.stretched);
      else reject(new Refused({ error: data.code, message: data.words }));
    });
    port1.start();
    worker.postMessage(/** @satisfies {ToDerive} */ ({ password, port: port2 }), [port2]);
    port1.postMessage(/** @satisfies {ToStretch} */ ({ person, salt }));
  });
}

/** @param {string} text in base64url */
const decode = (text) => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0));

/** @param {Uint8Array} bytes */
const encode = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
