const NEAR_PX = 48;

/** Keeps a growing log at its end while the reader is there, and leaves it alone while the reader is further up. */
export class Scroll {
  #log = document.getElementById('messages');
  #following = true;
  #seen = { top: 0, height: 0, view: 0 };
  #changed;

  /** @param {{ changed: () => void }} tells */
  constructor({ changed }) {
    this.#changed = changed;
    this.#log.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    // One look per frame, after layout, however many messages arrived and whatever else changed the room's size.
    const sizes = new ResizeObserver(() => {
      if (this.#following) this.toEnd();
    });
    sizes.observe(this.#log);
    sizes.observe(/** @type {Element} */ (this.#log.firstElementChild));
  }

  get following() {
    return this.#following;
  }

  /** Brings the end into view. Where it is in view, the next layout keeps it there: asking for the height lays out twice. */
  follow() {
    if (!this.#following) this.toEnd();
  }

  toEnd() {
    this.#follow(true);
    this.#log.scrollTop = this.#log.scrollHeight;
  }

  /**
   * Goes to the end, but no further than to where this still stands at the top.
   *
   * @param {Element} element
   */
  toEndFrom(element) {
    const above = element.getBoundingClientRect().top - this.#log.getBoundingClientRect().top;
    const { scrollTop, scrollHeight, clientHeight } = this.#log;
    const top = scrollTop + above;
    if (scrollHeight - top <= clientHeight) {
      this.toEnd();
      return;
    }
    this.#follow(false);
    this.#log.scrollTop = top;
  }

  /**
   * Only the reader's moving up ends following: neither a late event of an earlier scroll to the end does, nor
   * a new layout, such as a phone's being turned.
   */
  #scrolled() {
    const { scrollTop: top, scrollHeight: height, clientHeight: view } = this.#log;
    const { top: before, height: heightBefore, view: viewBefore } = this.#seen;
    this.#seen = { top, height, view };
    if (height - top - view < NEAR_PX) this.#follow(true);
    else if (top < before && height === heightBefore && view === viewBefore) this.#follow(false);
  }

  /** @param {boolean} following */
  #follow(following) {
    if (following === this.#following) return;
    this.#following = following;
    this.#changed();
  }
}
