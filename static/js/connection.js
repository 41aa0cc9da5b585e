import { connection as said, inSeconds } from './words.js';

const over = Object.freeze({ state: 'over', retryInMs: 0, words: '' });

/** Says whether the room can be reached, and counts down to the next attempt. */
export class Connection {
  #room = document.getElementById('room');
  #status = document.getElementById('connection');
  #words = this.#status.querySelector('.connection__words');
  #wait = this.#status.querySelector('.connection__wait');
  #why = this.#status.querySelector('.connection__why');
  #drawn = null;
  #ticking = null;

  draw({ phase, connection }) {
    if (phase === 'over') connection = over;
    if (connection === this.#drawn) return;
    this.#drawn = connection;
    const { state, retryInMs, words } = connection;
    clearInterval(this.#ticking);
    this.#status.dataset.state = state;
    this.#room.dataset.connection = state;
    this.#words.textContent = said[state];
    this.#why.textContent = words && ` ${words}`;
    this.#wait.textContent = '';
    if (state === 'waiting') this.#countDown(Math.ceil(retryInMs / 1000));
  }

  /** The seconds stand outside the live words: nobody wants each of them read out. */
  #countDown(seconds) {
    const say = () => {
      this.#wait.textContent = inSeconds(seconds);
      if (seconds <= 0) clearInterval(this.#ticking);
      seconds -= 1;
    };
    this.#ticking = setInterval(say, 1000);
    say();
  }
}
