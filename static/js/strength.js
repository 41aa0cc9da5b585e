import { idle } from './idle.js';
import { startWorker } from './trusted.js';
import { holdsOut } from './words.js';

/** Guesses a second of a hundred graphics cards, at one Argon2id of 64 MiB and three passes each. */
const GUESSES_PER_SECOND = 200_000;
const DAY = 86_400;
const YEAR = 365 * DAY;
/** From how many seconds on each bar of the meter is filled. */
const BARS = [0, DAY, YEAR, 100 * YEAR];
/** A pause this long in typing lets the estimator load, which is larger than all the rest of the page. */
const PAUSE_MS = 250;

/** How long a password withstands guessing. The estimate comes late, or never: nothing waits for it. */
export class Strength {
  #meter = document.getElementById('strength');
  #words = document.getElementById('strength-words');
  /** @type {Worker | null} */
  #worker = null;
  #busy = false;
  #pause = 0;
  /** @type {import('./trusted.js').ToStrength | null} */
  #next = null; // what was typed since the estimate that is under way began

  /** @param {import('./trusted.js').ToStrength} typed */
  estimate(typed) {
    if (typed.password === '') {
      this.clear();
      return;
    }
    this.#next = typed;
    if (this.#worker === null) this.#startLater();
    else if (!this.#busy) this.#ask();
  }

  /**
   * What was drawn at random needs no estimate: so many guesses, as a power of ten, are known to be needed.
   *
   * @param {number} guesses
   */
  know(guesses) {
    this.clear();
    this.#draw(guesses);
  }

  /** Ends the worker, and with it every copy of a password. */
  clear() {
    this.#worker?.terminate();
    this.#worker = null;
    this.#busy = false;
    this.#next = null;
    clearTimeout(this.#pause);
    this.#meter.setAttribute('aria-valuenow', '0');
    this.#meter.removeAttribute('aria-valuetext');
    this.#words.textContent = '';
  }

  #startLater() {
    clearTimeout(this.#pause);
    this.#pause = setTimeout(async () => {
      await idle();
      if (this.#next === null || this.#worker !== null) return;
      this.#worker = this.#start();
      this.#ask();
    }, PAUSE_MS);
  }

  #start() {
    const worker = startWorker('strength');
    worker.addEventListener('message', (/** @type {MessageEvent<import('./trusted.js').FromStrength>} */ { data: { guesses } }) => {
      if (worker !== this.#worker) return;
      this.#busy = false;
      this.#draw(guesses);
      if (this.#next) this.#ask();
    });
    return worker;
  }

  #ask() {
    this.#busy = true;
    this.#worker?.postMessage(this.#next);
    this.#next = null;
  }

  /** @param {number} guesses */
  #draw(guesses) {
    // It is found halfway, on average.
    const seconds = 10 ** guesses / 2 / GUESSES_PER_SECOND;
    const words = holdsOut(seconds);
    this.#meter.setAttribute('aria-valuenow', String(BARS.filter((from) => seconds >= from).length));
    this.#meter.setAttribute('aria-valuetext', words);
    if (this.#words.textContent !== words) this.#words.textContent = words;
  }
}
