import { copied, notCopied } from './words.js';

const GAP_PX = 8;

/**
 * What can be done with one message, and when it came. Beside the message under the mouse, the one that was tapped,
 * or the one chosen with the arrow keys: one set of tools for all, so that Tab does not stop at every message.
 */
export class Tools {
  #log = document.getElementById('messages');
  #frame = this.#log.parentElement;
  #bar = document.getElementById('tools');
  #time = this.#bar.querySelector('time');
  #copy = document.getElementById('copy');
  #said = this.#bar.querySelector('[role=status]');
  #message = null;
  #held = false; // chosen, rather than just under the mouse

  constructor() {
    this.#log.addEventListener('pointerover', ({ target, pointerType }) => {
      if (pointerType === 'mouse' && !this.#hasFocus()) this.#point(target.closest?.('.message') ?? this.#message);
    });
    this.#frame.addEventListener('pointerleave', ({ pointerType }) => {
      if (pointerType === 'mouse' && !this.#hasFocus()) this.#point(null);
    });
    this.#log.addEventListener('click', ({ target }) => {
      this.#point(target.closest('.message'));
      this.#held = true;
    });
    this.#log.addEventListener('scroll', () => this.#follow(), { passive: true });
    this.#log.addEventListener('keydown', (event) => this.#pressed(event));
    this.#bar.addEventListener('keydown', (event) => this.#returned(event));
    this.#frame.addEventListener('focusout', ({ relatedTarget }) => {
      if (!this.#frame.contains(relatedTarget)) this.#point(null);
    });
    this.#copy.addEventListener('click', () => this.#take());
    new ResizeObserver(() => this.#stand()).observe(this.#log);
  }

  #hasFocus() {
    const at = document.activeElement;
    return this.#message !== null && (this.#message.contains(at) || this.#bar.contains(at));
  }

  #point(message) {
    if (message === this.#message) return;
    if (this.#message) release(this.#message);
    this.#message = message;
    this.#held = false;
    this.#said.textContent = '';
    this.#bar.hidden = message === null;
    if (message === null) return;
    message.classList.add('message--chosen');
    this.#copy.hidden = textOf(message) === null;
    this.#bar.classList.toggle('tools--time-only', this.#copy.hidden);
    const time = timeOf(message);
    this.#time.dateTime = time.dateTime;
    this.#time.textContent = time.textContent;
    this.#stand();
  }

  /** Beside the message where there is room, else above it or below. */
  #stand() {
    if (this.#message === null) return;
    const frame = this.#frame.getBoundingClientRect();
    const message = this.#message.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = this.#bar;
    const mine = this.#message.parentElement.classList.contains('group--mine');
    const beside = mine ? message.left - width - GAP_PX : message.right + GAP_PX;
    const fits = beside >= frame.left && beside + width <= frame.right;
    const above = message.top - height;
    const left = fits ? beside : message.right - width;
    const top = fits ? message.top + (message.height - height) / 2 : above >= frame.top ? above : message.bottom;
    const x = within(left - frame.left, frame.width - width);
    const y = within(top - frame.top, frame.height - height);
    this.#bar.style.translate = `${x}px ${y}px`;
  }

  /** Tools that ran after whatever passes below the mouse would only lag behind it. */
  #follow() {
    if (this.#message === null) return;
    const { top, bottom } = this.#message.getBoundingClientRect();
    const frame = this.#frame.getBoundingClientRect();
    const isSeen = bottom > frame.top && top < frame.bottom;
    if (this.#hasFocus() || (this.#held && isSeen)) this.#stand();
    else this.#point(null);
  }

  #pressed(event) {
    const { key, target } = event;
    if (key === 'ArrowUp' || key === 'ArrowDown') {
      const next = this.#next(key === 'ArrowUp' ? -1 : 1);
      if (next) {
        event.preventDefault();
        this.#choose(next);
      }
    } else if (key === 'Tab' && !event.shiftKey && this.#isLast(target)) {
      event.preventDefault();
      this.#copy.focus();
    } else if (key === 'Escape' && target !== this.#log) {
      this.#log.focus({ preventScroll: true });
      this.#point(null);
    }
  }

  /** Of the chosen message and the links in it, the last: after it come the tools, not the links further down. */
  #isLast(stop) {
    return this.#message !== null && !this.#copy.hidden && [this.#message, ...this.#message.querySelectorAll('a')].at(-1) === stop;
  }

  #returned(event) {
    const back = event.key === 'Escape' || (event.key === 'Tab' && event.shiftKey);
    if (!back || this.#message === null) return;
    event.preventDefault();
    this.#choose(this.#message);
  }

  /** The message above or below the chosen one; without one, the first that is met coming into view. */
  #next(way) {
    if (!this.#hasFocus()) return way < 0 ? this.#seen().at(-1) : this.#seen()[0];
    const walk = document.createTreeWalker(this.#log, NodeFilter.SHOW_ELEMENT, (node) =>
      isShown(node) ? NodeFilter.FILTER_ACCEPT : NodeFilter.FILTER_SKIP);
    walk.currentNode = this.#message;
    return way < 0 ? walk.previousNode() : walk.nextNode();
  }

  /** What is in view; chunks that are not are passed over whole, since asking for more would lay them out. */
  #seen() {
    const { top, bottom } = this.#log.getBoundingClientRect();
    const isSeen = (part) => {
      const box = part.getBoundingClientRect();
      return box.bottom > top && box.top < bottom;
    };
    const chunks = [...this.#log.querySelectorAll('.chunk')].filter(isSeen);
    return chunks.flatMap((chunk) => [...chunk.querySelectorAll('.message')]).filter(isShown).filter(isSeen);
  }

  #choose(message) {
    this.#point(message);
    const name = message.parentElement.querySelector('bdi');
    message.role = 'article';
    message.ariaLabelledByElements = [name, textOf(message) ?? message.querySelector('.picture'), timeOf(message)];
    message.tabIndex = -1;
    message.focus({ preventScroll: true });
    message.scrollIntoView({ block: 'nearest' });
    this.#stand();
  }

  async #take() {
    const text = textOf(this.#message);
    try {
      await navigator.clipboard.writeText(text.textContent);
      this.#said.textContent = copied;
    } catch {
      getSelection().selectAllChildren(text);
      this.#said.textContent = notCopied;
    }
    this.#stand();
  }
}

const within = (value, most) => Math.round(Math.max(0, Math.min(value, most)));

/** A picture has none. */
const textOf = (message) => message.querySelector('.message__text');

/** The time of a group's first message stands at its head. */
const timeOf = (message) => message.querySelector('time') ?? message.parentElement.querySelector('time');

function release(message) {
  message.classList.remove('message--chosen');
  for (const name of ['role', 'aria-labelledby', 'tabindex']) message.removeAttribute(name);
}

/** Messages of someone who is muted are there, and are not shown. */
const isShown = (node) => node.classList.contains('message') && node.checkVisibility();
