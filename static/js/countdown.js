import { tryAgainIn } from './words.js';

/** How long one has to wait, second by second. */
export class Countdown {
  #place;
  #done;
  #timer = 0;
  #blocks = false;

  /**
   * @param {HTMLElement} place
   * @param {() => void} done what to do when it is over
   */
  constructor(place, done) {
    this.#place = place;
    this.#done = done;
  }

  /** Whether nothing can be tried before it is over. */
  get blocks() {
    return this.#timer !== 0 && this.#blocks;
  }

  /**
   * @param {number} seconds
   * @param {boolean} blocks
   */
  start(seconds, blocks) {
    this.stop();
    this.#blocks = blocks;
    const until = performance.now() + seconds * 1000;
    const tick = () => {
      const left = Math.ceil((until - performance.now()) / 1000);
      if (left <= 0) {
        this.stop();
        this.#done();
        return;
      }
      this.#place.textContent = tryAgainIn(left);
      this.#place.hidden = false;
    };
    this.#timer = setInterval(tick, 1000);
    tick();
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = 0;
    this.#place.hidden = true;
    this.#place.textContent = '';
  }
}
