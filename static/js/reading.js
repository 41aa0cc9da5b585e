/**
 * @import { EventOf, State } from './model.js'
 * @import { Scroll } from './scroll.js'
 */

import { newOnes } from './words.js';

/**
 * Whether the end of the log is before the reader's eyes: the page is seen, and not scrolled up. Says so to the
 * model, offers the way down, and begins where one had left off when one comes back to the page.
 */
export class Reading {
  #scroll;
  #marker;
  #log = document.getElementById('messages');
  #jump = document.getElementById('jump');
  #count = document.getElementById('jump-count');
  #reading = true;
  #unread = 0;
  #tell;

  /** @param {{ scroll: Scroll, marker: Element, tell: (event: EventOf) => void }} with */
  constructor({ scroll, marker, tell }) {
    this.#scroll = scroll;
    this.#marker = marker;
    this.#tell = tell;
    document.addEventListener('visibilitychange', () => this.#turned());
    this.#jump.addEventListener('click', () => {
      this.#scroll.toEnd();
      this.#log.focus({ preventScroll: true });
    });
  }

  /** @param {State} state */
  draw({ unread }) {
    if (unread === this.#unread) return;
    this.#unread = unread;
    this.#count.textContent = unread === 0 ? '' : newOnes(unread);
  }

  /** Tells after the page is drawn: it may be found out amid the drawing. */
  look() {
    this.#jump.hidden = this.#scroll.following;
    queueMicrotask(() => {
      const reading = this.#scroll.following && !document.hidden;
      if (reading === this.#reading) return;
      this.#reading = reading;
      this.#tell({ type: 'reading', reading });
    });
  }

  #turned() {
    if (!document.hidden && this.#unread > 0 && this.#scroll.following) this.#scroll.toEndFrom(this.#marker);
    this.look();
  }
}
