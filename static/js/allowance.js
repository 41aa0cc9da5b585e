import { left, tooMany } from './words.js';

const SHOWN_FROM = 500; // characters before the end
const SAID_AT = [500, 100, 20, 0];

/** How much a message may still hold: shown near the end, and said aloud only now and then on the way there. */
export class Allowance {
  #most;
  #step = 0; // how many of the steps have been passed

  /** @param {number} most */
  constructor(most) {
    this.#most = most;
  }

  /**
   * Counts a text → { excess, shown, said }: how many characters it has too many, the words that are shown beside it,
   * and those that are said aloud, or null as long as nothing new is to be said.
   *
   * @param {string} text
   */
  measure(text) {
    const rest = this.#rest(text);
    const words = rest < 0 ? tooMany(-rest) : left(rest);
    const step = SAID_AT.filter((at) => rest <= at).length + (rest < 0 ? 1 : 0);
    const isNews = step !== this.#step;
    this.#step = step;
    return {
      excess: Math.max(0, -rest),
      shown: rest <= SHOWN_FROM ? words : '',
      said: isNews ? (step === 0 ? '' : words) : null,
    };
  }

  /**
   * Counts Unicode scalar values, as the protocol does; a text never has more of them than code units.
   *
   * @param {string} text
   */
  #rest(text) {
    if (text.length < this.#most - SHOWN_FROM) return this.#most - text.length;
    let rest = this.#most;
    for (const _ of text) rest -= 1;
    return rest;
  }
}
