import { element } from './parts.js';
import { states } from './words.js';

/** What has become of one's own messages: sending, sent, or not sent. */
export class Sending {
  #waiting = new Map(); // counter → where the message's state is said
  #retry;

  constructor({ retry }) {
    this.#retry = retry;
  }

  add({ counter }, message) {
    const state = element('span', '');
    message.append(state);
    this.#say(state, 'sending');
    this.#waiting.set(counter, state);
  }

  draw({ sending, phase, lost }) {
    for (const [counter, state] of this.#waiting) {
      if (!sending.includes(counter)) {
        this.#say(state, 'sent');
        this.#waiting.delete(counter);
      } else if (phase === 'over') {
        this.#say(state, 'unsent');
      } else {
        this.#say(state, lost ? 'waiting' : 'sending');
      }
    }
  }

  /** It is sent by itself once the connection is back; who does not want to wait for the next attempt need not. */
  #say(state, now) {
    if (state.dataset.state === now) return;
    const hadFocus = state.contains(document.activeElement);
    state.dataset.state = now;
    const isUnsent = now === 'unsent' || now === 'waiting';
    state.className = `message__state message__state--${isUnsent ? 'unsent' : now}`;
    state.textContent = states[now];
    if (now === 'waiting') state.append(this.#button());
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
