/** @import { State } from './model.js' */

import { Delivery } from './delivery.js';

/** One's own texts that are not sent yet, or never will be. */
export class Sending {
  /** @type {Map<number | string, Delivery>} */
  #waiting = new Map(); // counter → Delivery
  #retry;

  /** @param {{ retry: () => void }} does */
  constructor({ retry }) {
    this.#retry = retry;
  }

  /**
   * @param {{ counter: number | string }} entry
   * @param {Element} message
   */
  add({ counter }, message) {
    this.#waiting.set(counter, new Delivery(message, { retry: this.#retry }));
  }

  /** @param {State} state */
  draw({ sending, phase, lost }) {
    if (this.#waiting.size === 0) return;
    const unsent = new Set(sending);
    for (const [counter, delivery] of this.#waiting) {
      if (!unsent.has(counter)) {
        delivery.say('sent');
        this.#waiting.delete(counter);
      } else if (phase === 'over') {
        delivery.say('unsent');
      } else {
        delivery.say(lost ? 'waiting' : 'sending');
      }
    }
  }
}
