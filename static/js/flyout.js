/** A panel behind a button. Escape, a press beside it and focus going elsewhere close it. */
export class Flyout {
  #panel;
  #toggle;
  #changed;
  #open = false;

  /** @param {{ panel: HTMLElement, toggle: HTMLElement, changed: (open: boolean) => void }} parts */
  constructor({ panel, toggle, changed }) {
    this.#panel = panel;
    this.#toggle = toggle;
    this.#changed = changed;
    toggle.addEventListener('click', () => this.show(!this.#open));
    document.addEventListener('pointerdown', ({ target }) => {
      if (target instanceof Node) this.#left(target);
    });
    panel.addEventListener('focusout', ({ relatedTarget }) => {
      if (relatedTarget instanceof Node) this.#left(relatedTarget);
    });
    document.addEventListener('keydown', ({ key }) => {
      if (key === 'Escape' && this.#open) this.close();
    });
  }

  get isOpen() {
    return this.#open;
  }

  /** @param {boolean} open */
  show(open) {
    if (open === this.#open) return;
    this.#open = open;
    this.#toggle.setAttribute('aria-expanded', String(open));
    this.#changed(open);
  }

  /** Closes it and gives the focus back to where it came from. */
  close() {
    this.show(false);
    this.#toggle.focus();
  }

  /** @param {Node} target */
  #left(target) {
    if (!this.#panel.contains(target) && !this.#toggle.contains(target)) this.show(false);
  }
}
