/** @import { State } from './model.js' */

import { asJson, asText, fileName } from './transcript.js';

/** The way to keep what was said: two files to choose from, as the talk stands when one asks for them. */
export class Keeping {
  #dialog = document.getElementById('transcript');
  #opener = document.getElementById('transcript-open');
  #text = document.getElementById('transcript-text');
  #json = document.getElementById('transcript-json');
  /** @type {State | null} */
  #state = null;
  /** How many entries of the log are no messages: all before this one. */
  #notes = 0;

  constructor() {
    this.#opener.addEventListener('click', () => this.#open());
    document.getElementById('transcript-close').addEventListener('click', () => this.#dialog.close());
    this.#dialog.addEventListener('close', () => this.#forget());
  }

  /** @param {State} state */
  draw(state) {
    this.#state = state;
    const { log } = state;
    while (this.#notes < log.length && log.at(this.#notes)?.kind !== 'message') this.#notes += 1;
    this.#opener.disabled = this.#notes === log.length;
  }

  #open() {
    if (this.#state === null) return;
    const now = new Date();
    const { room } = this.#state;
    this.#offer(this.#text, asText(this.#state, now), 'text/plain', fileName(room, now, 'txt'));
    this.#offer(this.#json, asJson(this.#state, now), 'application/json', fileName(room, now, 'json'));
    this.#dialog.showModal();
  }

  /**
   * @param {HTMLAnchorElement} link
   * @param {string} content
   * @param {string} type
   * @param {string} name
   */
  #offer(link, content, type, name) {
    Object.assign(link, { href: URL.createObjectURL(new Blob([content], { type })), download: name });
  }

  /** The browser would keep what was said for as long as there is an address for it. */
  #forget() {
    for (const link of [this.#text, this.#json]) {
      URL.revokeObjectURL(link.href);
      link.removeAttribute('href');
    }
  }
}
