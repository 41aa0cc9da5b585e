/** @import { State } from './model.js' */

import { doorPath } from './address.js';
import { isAlone } from './model.js';
import { lastOut, notLastOut, unheardOut } from './words.js';

/** What stands where the room was, once one has left it: that one has, and the way back. */
export class Farewell {
  #page = document.getElementById('farewell');
  #room = /** @type {HTMLElement} */ (this.#page.querySelector('bdi'));
  #words = document.getElementById('farewell-words');
  #rejoin = document.getElementById('farewell-rejoin');
  #remake = document.getElementById('farewell-remake');

  /** @param {State} state */
  show(state) {
    const { room, user } = state;
    const heard = state.connection.state === 'connected';
    // Someone may have come in the meantime.
    const last = heard && isAlone(state);
    this.#page.hidden = false;
    this.#room.textContent = room;
    this.#words.textContent = last ? lastOut : heard ? notLastOut : unheardOut;
    this.#rejoin.hidden = last;
    this.#rejoin.href = doorPath('/login', { room, user });
    this.#remake.hidden = !last;
    this.#remake.href = doorPath('/create', { room, user });
    this.#page.querySelector('h1')?.focus();
  }
}
