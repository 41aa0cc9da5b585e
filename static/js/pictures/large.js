/** @import { Picture } from '../model.js' */

import { fileName } from './words.js';

/** One picture as large as the window allows, and the way to keep it. */
export class Large {
  #dialog = document.getElementById('large');
  #image = document.getElementById('large-image');
  #name = document.getElementById('large-name');
  #alt = document.getElementById('large-alt');
  #save = document.getElementById('large-save');

  constructor() {
    document.getElementById('large-close').addEventListener('click', () => this.#dialog.close());
    this.#dialog.addEventListener('close', () => this.#image.removeAttribute('src'));
  }

  /**
   * @param {Picture & { label: string }} picture
   * @param {{ url: string, type: string }} kept
   */
  show({ name, alt, width, height, label, at }, { url, type }) {
    this.#name.textContent = name;
    this.#alt.textContent = alt;
    Object.assign(this.#image, { src: url, width, height, alt: label });
    Object.assign(this.#save, { href: url, download: fileName(at, type) });
    this.#dialog.showModal();
  }

  close() {
    this.#dialog.close();
  }
}
