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
   * It is sent by itself once the connection is back; who does not want to wait for the next attempt need not.
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
