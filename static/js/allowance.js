import { left, tooMany } from './words.js';

const SHOWN_FROM = 500; // characters before the end
const SAID_AT = [500, 100, 20, 0];

/** How much a message may still hold: shown near the end, and said aloud only now and then on the way there. */
export class Allowance {
  #most;
  #count = document.getElementById('composer-count');
  #said = document.getElementById('composer-said');
  #step = 0; // how many of the steps have been passed

  constructor(most) {
    this.#most = most;
  }

  /** Counts a text, and tells how many characters it has too many. */
  measure(text) {
    const rest = this.#rest(text);
    const words = rest < 0 ? tooMany(-rest) : left(rest);
    this.#count.textContent = rest <= SHOWN_FROM ? words : '';
    this.#count.classList.toggle('composer__count--over', rest < 0);

    const step = SAID_AT.filter((at) => rest <= at).length + (rest < 0 ? 1 : 0);
    if (step !== this.#step) this.#said.textContent = step === 0 ? '' : words;
    this.#step = step;
    return Math.max(0, -rest);
  }

  /** Counts Unicode scalar values, as the protocol does; a text never has more of them than code units. */
  #rest(text) {
    if (text.length < this.#most - SHOWN_FROM) return this.#most - text.length;
    let rest = this.#most;
    for (const _ of text) rest -= 1;
    return rest;
  }
}
