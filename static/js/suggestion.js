/** @import { FromWords } from './trusted.js' */

import { Copy } from './copy.js';
import { startWorker } from './trusted.js';
import { noSuggestion } from './words.js';

/** Offers a passphrase: drawn in a worker, filled into the field, and spelled out to be written down. */
export class Suggestion {
  #field;
  #accept;
  #card = document.getElementById('suggestion');
  #words = document.getElementById('suggestion-words');
  #problem = document.getElementById('password-error');
  #copy;
  /** @type {Worker | null} */
  #worker = null;

  /** @param {{ field: HTMLInputElement, accept: () => void }} with */
  constructor({ field, accept }) {
    this.#field = field;
    this.#accept = accept;
    this.#copy = new Copy({
      button: document.getElementById('suggestion-copy'),
      said: document.getElementById('suggestion-copied'),
      field,
    });
    document.getElementById('suggest').addEventListener('click', () => this.#ask());
  }

  /**
   * Whether this is the passphrase that is spelled out.
   *
   * @param {string} password
   */
  holds(password) {
    return !this.#card.hidden && password === this.#words.textContent;
  }

  clear() {
    this.#worker?.terminate();
    this.#worker = null;
    this.#card.hidden = true;
    this.#words.textContent = '';
    this.#copy.clear();
  }

  #ask() {
    this.clear();
    const worker = startWorker('words');
    worker.addEventListener('message', (/** @type {MessageEvent<FromWords>} */ { data: { phrase } }) => {
      this.#show(phrase);
    });
    worker.addEventListener('error', () => this.#fail());
    this.#worker = worker;
  }

  /** @param {string} phrase */
  #show(phrase) {
    this.clear();
    this.#field.value = phrase;
    this.#words.textContent = phrase;
    this.#card.hidden = false;
    this.#accept();
  }

  #fail() {
    this.clear();
    this.#problem.textContent = noSuggestion;
  }
}
