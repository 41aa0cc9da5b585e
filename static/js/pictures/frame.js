import { Delivery } from '../delivery.js';
import { named } from '../parts.js';
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
  #delivery = null; // of one's own
  #url = null;

  constructor(root, { width, height, mine }, { open, cancel, again, failed, retry }) {
    this.#root = root;
    if (mine) this.#delivery = new Delivery(root, { retry });
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
  }

  /** As beside one's own texts. */
  mark({ state }, lost) {
    const marks = { moving: lost ? 'waiting' : 'sending', here: 'sent', unsent: 'unsent', cancelled: 'cancelled' };
    this.#delivery?.say(marks[state]);
  }

  #say({ name, mine, state }, isSeen) {
    const own = { cancelled: [cancelled], unsent: isSeen ? [] : [unsent] };
    const parts = (mine ? own[state] : ended[state]?.(name)) ?? [];
    this.#words.replaceChildren(...named(parts));
    this.#words.hidden = parts.length === 0;
  }
}

export const labelOf = ({ alt, name }) => alt || pictureFrom(name);
