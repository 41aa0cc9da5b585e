import { Composer } from './composer.js';
import { Connection } from './connection.js';
import { Ending } from './ending.js';
import { Farewell } from './farewell.js';
import { Invite } from './invite.js';
import { Keeping } from './keeping.js';
import { Leaving } from './leaving.js';
import { Messages } from './messages.js';
import { Notice } from './notice.js';
import { People } from './people.js';
import { Picker } from './picker.js';
import { Security } from './security.js';
import { title } from './words.js';

const LOAD_AGAIN_MS = 1000;
const MOST_WAIT_MS = 15_000;

/** The room as a whole; each of its parts draws itself from the same state. */
export class Room {
  #root = document.getElementById('room');
  #site = document.getElementById('site');
  #name = document.getElementById('room-name');
  #composer;
  #parts;
  #ending = new Ending();
  #state = null;
  #forPictures;
  #loaded; // what makes pictures: on its way from the door on, where nobody waits for it
  #pictures = null;

  constructor({ send, picture, cancel, retry, leave, safety, tell }) {
    this.#forPictures = { send: picture, cancel, retry, tell };
    this.#loaded = this.#load();
    this.#composer = new Composer({ send });
    this.#parts = [
      new Connection(),
      new Messages({ retry, tell }),
      new People({ tell }),
      new Notice({ tell }),
      new Leaving({ leave, composer: this.#composer }),
      this.#composer,
      new Picker({ pick: (text) => this.#composer.insert(text) }),
      new Invite(),
      new Security({ ask: safety, tell }),
      new Keeping(),
    ];
    globalThis.visualViewport?.addEventListener('resize', () => this.#fit());
  }

  draw(state) {
    const open = state.phase === 'room' || state.phase === 'over';
    if (!open) return;
    if (state.ending?.left) {
      this.#clear(state);
      return;
    }
    this.#show(true);
    if (this.#name.textContent !== state.room) this.#name.textContent = state.room;
    document.title = title(state.room, state.unread);
    this.#state = state;
    this.#pictures ??= this.#open();
    for (const part of this.#parts) part.draw(state);
    // Last: it takes the focus, which others give up.
    this.#ending.draw(state);
  }

  /** Hands over a picture that came. */
  async receive(event) {
    (await this.#pictures)?.receive(event);
  }

  #show(shown) {
    this.#root.hidden = !shown;
    this.#site.hidden = shown;
    document.documentElement.classList.toggle('holds-room', shown);
    document.querySelector('title').translate = false; // it holds the room's name
  }

  focus() {
    this.#composer.focus();
  }

  /** On a bad line it may take several attempts; the button stays as it is meanwhile, disabled. */
  async #load() {
    for (let wait = LOAD_AGAIN_MS; this.#root.isConnected; wait = Math.min(2 * wait, MOST_WAIT_MS)) {
      try {
        return await import('./pictures/pictures.js');
      } catch {
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
    return null;
  }

  async #open() {
    const loaded = await this.#loaded;
    if (!this.#root.isConnected) return null;
    const pictures = new loaded.Pictures(this.#forPictures);
    this.#parts.push(pictures);
    pictures.draw(this.#state);
    return pictures;
  }

  /** Nothing of a room that one has left stays in the page. */
  #clear(state) {
    if (!this.#root.isConnected) return;
    this.#show(false);
    this.#root.remove();
    this.#root.replaceChildren();
    this.#parts = [];
    this.#pictures?.then((pictures) => pictures?.close());
    document.title = title(state.room, 0);
    new Farewell().show(state);
  }

  /** Where an on-screen keyboard covers the page instead of shrinking it, the composer would lie beneath it. */
  #fit() {
    const { height, scale } = globalThis.visualViewport;
    if (this.#root.hidden || scale !== 1) return;
    this.#root.style.setProperty('--room-height', `${height}px`);
    scrollTo(0, 0);
  }
}
