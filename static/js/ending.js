/** @import { State } from './model.js' */

import { doorPath } from './address.js';

/** Says that and why a room is over, and shows the ways on. */
export class Ending {
  #panel = document.getElementById('ending');
  #words = /** @type {HTMLElement} */ (this.#panel.querySelector('[role=alert]'));
  #remake = document.getElementById('remake');
  #rejoin = document.getElementById('rejoin');
  /** @type {State['ending']} */
  #drawn = null;

  /** @param {State} state */
  draw({ ending, room, user }) {
    if (ending === null || ending === this.#drawn) return;
    this.#drawn = ending;
    this.#panel.hidden = false;
    this.#words.textContent = ending.words;
    this.#remake.hidden = !ending.remake;
    this.#remake.href = doorPath('/create', { room, user });
    this.#rejoin.href = doorPath('/login', { room, user });
    (ending.remake ? this.#remake : this.#rejoin).focus();
  }
}
