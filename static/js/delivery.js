import { element } from './parts.js';
import { states } from './words.js';

/** @typedef {Exclude<keyof typeof states, 'retry'>} Sent */

/** What has become of one message of one's own, said beside it: sending, sent, or not sent. */
export class Delivery {
  #message;
  #place;
  #retry;
  /** @type {Sent | null} */
  #state = null;

  /**
   * @param {Element} message
   * @param {{ retry: () => void }} does
   */
  constructor(message, { retry }) {
    this.#message = message;
    this.#place = message.appendChild(element('span', ''));
    this.#retry = retry;
  }

  /**
   * The client sends again by itself once it is connected; the button does so now.
   *
   * @param {Sent} state
   */
  say(state) {
    if (state === this.#state) return;
    this.#state = state;
    const hadFocus = this.#place.contains(document.activeElement);
    const isUnsent = state === 'unsent' || state === 'waiting';
    this.#place.className = `message__state message__state--${isUnsent ? 'unsent' : state}`;
    this.#message.classList.toggle('message--unsent', isUnsent);
    this.#place.textContent = states[state];
    if (state === 'waiting') this.#place.append(this.#button());
    if (hadFocus) document.getElementById('messages').focus();
  }

  #button() {
    const button = element('button', states.retry);
    button.className = 'message__retry';
    button.type = 'button';
    button.addEventListener('click', (event) => {
      event.stopPropagation(); // the message itself is not meant
      this.#retry();
    });
    return button;
  }
}
