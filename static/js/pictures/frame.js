import { element, named } from '../parts.js';
import { states } from '../words.js';
import { cancelled, coming, ended, going, pictureFrom, unsent } from './words.js';

/** One picture in the log: a place of its size from the start, and in it what has become of it. */
export class Frame {
  #root;
  #button;
  #image;
  #words;
  #progress;
  #cancel;
  #again;
  #state = null;
  #url = null;

  constructor(root, { width, height }, { open, cancel, again, failed }) {
    this.#root = root;
    const { style } = root.querySelector('.picture');
    style.setProperty('--width', width);
    style.setProperty('--height', height);
    this.#button = root.querySelector('.picture__open');
    this.#image = root.querySelector('img');
    this.#words = root.querySelector('.picture__words');
    this.#progress = root.querySelector('progress');
    this.#cancel = root.querySelector('.picture__cancel');
    this.#again = root.querySelector('.picture__again');
    this.#button.addEventListener('click', open);
    this.#cancel.addEventListener('click', cancel);
    this.#again.addEventListener('click', again);
    this.#image.addEventListener('error', failed);
  }

  draw(picture, url) {
    const { name, mine, width, height, length, bytes, onItsWay, state } = picture;
    const isMoving = state === 'moving';
    const isSeen = url !== undefined && (isMoving || state === 'here' || state === 'unsent');
    if (isSeen && url !== this.#url) {
      Object.assign(this.#image, { src: url, width, height, alt: labelOf(picture) });
      this.#url = url;
    }
    this.#button.hidden = !isSeen;
    this.#progress.hidden = !isMoving;
    this.#progress.value = bytes / length;
    this.#progress.setAttribute('aria-label', mine ? going : coming(name));
    const hadFocus = document.activeElement === this.#cancel;
    this.#cancel.hidden = !(mine && isMoving && !onItsWay);
    this.#again.hidden = !(mine && state === 'cancelled');
    if (hadFocus && this.#cancel.hidden) (this.#again.hidden ? this.#button : this.#again).focus();
    this.#root.querySelector('.picture').classList.toggle('picture--ended', !isSeen && !isMoving);
    this.#say(picture, isSeen);
    if (mine) this.#mark(state);
  }

  #say({ name, mine, state }, isSeen) {
    const own = { cancelled: [cancelled], unsent: isSeen ? [] : [unsent] };
    const parts = (mine ? own[state] : ended[state]?.(name)) ?? [];
    this.#words.replaceChildren(...named(parts));
    this.#words.hidden = parts.length === 0;
  }

  /** As beside one's own texts. */
  #mark(state) {
    this.#state ??= this.#root.appendChild(element('span', ''));
    const kind = { here: 'message__state--sent', unsent: 'message__state--unsent' }[state] ?? '';
    this.#state.className = `message__state ${kind}`;
    this.#state.textContent = { moving: states.sending, unsent: states.unsent }[state] ?? '';
    this.#state.hidden = state === 'cancelled';
  }
}

export const labelOf = ({ alt, name }) => alt || pictureFrom(name);
