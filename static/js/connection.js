/** @import { State } from './model.js' */

import { connection as said, inSeconds } from './words.js';

/** @typedef {Omit<State['connection'], 'state'> & { state: keyof typeof said }} Shown */

/** @type {Shown} */
const over = { state: 'over', retryInMs: 0, words: '' };

/** Says whether the room can be reached, and counts down to the next attempt. */
export class Connection {
  #room = document.getElementById('room');
  #status = document.getElementById('connection');
  #words = /** @type {HTMLElement} */ (this.#status.querySelector('.connection__words'));
  #wait = /** @type {HTMLElement} */ (this.#status.querySelector('.connection__wait'));
  #why = /** @type {HTMLElement} */ (this.#status.querySelector('.connection__why'));
  /** @type {Shown | null} */
  #drawn = null;
  #ticking = 0;

  /** @param {State} state */
  draw({ phase, connection: now }) {
    const connection = phase === 'over' ? over : now;
    if (connection === this.#drawn) return;
    this.#drawn = connection;
    const { state, retryInMs, words } = connection;
    clearInterval(this.#ticking);
    this.#status.dataset.state = state;
    this.#room.dataset.connection = state;
    this.#words.textContent = said[state];
    this.#why.textContent = words && ` ${words}`;
    this.#wait.textContent = '';
    if (state === 'waiting') this.#countDown(Math.ceil(retryInMs / 1000));
  }

  /**
   * The seconds stand outside the live words: nobody wants each of them read out.
   *
   * @param {number} seconds
   */
  #countDown(seconds) {
    const say = () => {
      this.#wait.textContent = inSeconds(seconds);
      if (seconds <= 0) clearInterval(this.#ticking);
      seconds -= 1;
    };
    this.#ticking = setInterval(say, 1000);
    say();
  }
}
