import { Strength } from './strength.js';
import { Suggestion } from './suggestion.js';

/** Six of 7,776 words, as a power of ten. */
const GUESSES_OF_SUGGESTION = 6 * Math.log10(7_776);

/** @typedef {{ room: string, user: string }} Names */

/** The field for the password, with what helps to choose one where a room is made. */
export class Password {
  field = document.getElementById('password');
  #toggle = document.getElementById('show-password');
  /** @type {Strength | null} */
  #strength = null;
  /** @type {Suggestion | null} */
  #suggestion = null;

  /** @param {{ form: HTMLFormElement, names: () => Names }} door */
  constructor({ form, names }) {
    this.#toggle.addEventListener('click', () => this.#show(this.field.type === 'password'));
    if (!document.getElementById('suggest')) return; // who joins was told the password
    this.#strength = new Strength();
    this.#suggestion = new Suggestion({ field: this.field, accept: () => this.#accept() });
    form.addEventListener('input', () => this.#follow(names()));
  }

  /** Hands the password over, and keeps nothing of it. */
  take() {
    const { value } = this.field;
    this.field.value = '';
    this.#show(false);
    this.#strength?.clear();
    this.#suggestion?.clear();
    return value;
  }

  /** @param {Names} names */
  #follow(names) {
    const password = this.field.value;
    if (this.#suggestion?.holds(password)) return;
    this.#suggestion?.clear();
    this.#strength?.estimate({ ...names, password });
  }

  #accept() {
    this.#show(true);
    this.field.dispatchEvent(new Event('input', { bubbles: true }));
    this.#strength?.know(GUESSES_OF_SUGGESTION);
  }

  /** @param {boolean} shown */
  #show(shown) {
    this.field.type = shown ? 'text' : 'password';
    this.#toggle.setAttribute('aria-pressed', String(shown));
  }
}
