import { copied, copyByHand } from './words.js';

/** A button that copies what a field holds, and says whether it did. */
export class Copy {
  #field;
  #said;

  /** @param {{ button: HTMLElement, field: HTMLInputElement, said: HTMLElement }} parts */
  constructor({ button, field, said }) {
    this.#field = field;
    this.#said = said;
    button.addEventListener('click', () => this.#copy());
  }

  clear() {
    this.#said.textContent = '';
  }

  async #copy() {
    try {
      await navigator.clipboard.writeText(this.#field.value);
      this.#said.textContent = copied;
    } catch {
      this.#field.select();
      this.#said.textContent = copyByHand;
    }
  }
}
