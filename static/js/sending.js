import { element } from './parts.js';
import { states } from './words.js';

/** What has become of one's own messages: sending, sent, or not sent. */
export class Sending {
  #waiting = new Map(); // counter → { element, state }: where the message's state is said, and what is said
  #retry;

  constructor({ retry }) {
    this.#retry = retry;
  }

  add({ counter }, message) {
    const said = { element: message.appendChild(element('span', '')), state: null };
    this.#say(said, 'sending');
    this.#waiting.set(counter, said);
  }

  draw({ sending, phase, lost }) {
    for (const [counter, said] of this.#waiting) {
      if (!sending.includes(counter)) {
        this.#say(said, 'sent');
        this.#waiting.delete(counter);
      } else if (phase === 'over') {
        this.#say(said, 'unsent');
      } else {
        this.#say(said, lost ? 'waiting' : 'sending');
      }
    }
  }

  /** It is sent by itself once the connection is back; who does not want to wait for the next attempt need not. */
  #say(said, state) {
    if (said.state === state) return;
    said.state = state;
    const { element: place } = said;
    const hadFocus = place.contains(document.activeElement);
    const isUnsent = state === 'unsent' || state === 'waiting';
    place.className = `message__state message__state--${isUnsent ? 'unsent' : state}`;
    place.textContent = states[state];
    if (state === 'waiting') place.append(this.#button());
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
