const NEAR_PX = 48;

/** Keeps a growing log at its end while the reader is there, and leaves it alone while the reader is further up. */
export class Scroll {
  #log = document.getElementById('messages');
  #jump = document.getElementById('jump');
  #following = true;
  #top = 0;

  constructor() {
    this.#log.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    this.#jump.addEventListener('click', () => {
      this.toEnd();
      this.#log.focus({ preventScroll: true });
    });
    // One look per frame, after layout, however many messages arrived and whatever else changed the room's size.
    const sizes = new ResizeObserver(() => {
      if (this.#following) this.toEnd();
    });
    sizes.observe(this.#log);
    sizes.observe(this.#log.firstElementChild);
  }

  toEnd() {
    this.#follow(true);
    this.#log.scrollTop = this.#log.scrollHeight;
  }

  /** Only moving up ends following: a late event of an earlier scroll to the end must not. */
  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#log;
    if (scrollHeight - scrollTop - clientHeight < NEAR_PX) this.#follow(true);
    else if (scrollTop < this.#top) this.#follow(false);
    this.#top = scrollTop;
  }

  #follow(following) {
    this.#following = following;
    this.#jump.hidden = following;
  }
}
