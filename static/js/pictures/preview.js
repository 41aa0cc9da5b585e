import { oneAtATime, prepared } from './words.js';

const SOON_MS = 200;

/** A picture before it is sent: how it will look, and a description for those who cannot see it. */
export class Preview {
  #dialog = document.getElementById('preview');
  #form = this.#dialog.querySelector('form');
  #image = document.getElementById('preview-image');
  #words = document.getElementById('preview-words');
  #field = document.getElementById('preview-field');
  #alt = document.getElementById('preview-alt');
  #sendButton = this.#form.querySelector('[type=submit]');
  #timer = 0;
  #ready = null;
  #url = null;
  #send;

  constructor({ send }) {
    this.#send = send;
    document.getElementById('preview-cancel').addEventListener('click', () => this.#dialog.close());
    this.#dialog.addEventListener('close', () => this.#empty());
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      const ready = this.#ready;
      const alt = this.#alt.value.trim();
      this.#dialog.close();
      if (ready) this.#send({ ...ready, alt });
    });
  }

  /** A picture is being made ready: says so if that takes long. */
  wait() {
    this.#draw(null, this.#words.dataset.waiting);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#open(), SOON_MS);
  }

  get isOpen() {
    return this.#dialog.open;
  }

  /** Whether it was closed since it began to wait. */
  get isGone() {
    return this.#timer === 0;
  }

  show(ready, isOneOfMany) {
    this.#draw(ready, [prepared(ready), isOneOfMany ? oneAtATime : ''].filter(Boolean).join(' '));
    this.#open();
    this.#sendButton.focus();
  }

  close() {
    this.#dialog.close();
    this.#empty();
  }

  #open() {
    clearTimeout(this.#timer);
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  #draw(ready, words) {
    this.#release();
    this.#ready = ready;
    this.#words.textContent = words;
    this.#sendButton.disabled = ready === null;
    this.#field.hidden = ready === null;
    this.#image.hidden = ready === null;
    if (ready === null) return;
    this.#url = URL.createObjectURL(ready.blob);
    Object.assign(this.#image, { src: this.#url, width: ready.width, height: ready.height });
  }

  #empty() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#alt.value = '';
    this.#draw(null, '');
  }

  #release() {
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = null;
    this.#image.removeAttribute('src');
  }
}
