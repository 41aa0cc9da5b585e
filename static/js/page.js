import { doorPath, namesIn, roomPath } from './address.js';
import { Client } from './client.js';
import { Door } from './door.js';
import { idle } from './idle.js';
import { next, start } from './model.js';
import { lacking } from './support.js';

/** The page: shows the door's form, then the room, and clears both when it closes. */
export class Page {
  #state = start;
  #client = new Client((event) => this.#tell(event));
  #door = new Door({
    submit: (attempt) => this.#enter(attempt),
    reload: (intent, names) => location.replace(doorPath(intent === 'create' ? '/create' : '/login', names)),
  });
  #room = null; // comes after the door, which does not wait for it
  #roomLoaded = null;

  open() {
    this.#door.fill(namesIn(location));
    if (location.search) history.replaceState(null, '', location.pathname);

    const words = lacking(globalThis);
    if (words) {
      this.#tell({ type: 'unable', words });
    } else {
      this.#listen();
      this.#roomLoaded = this.#loadRoom();
    }
    this.#door.open();
  }

  /** Starts the workers and loads the room once the form can be used, in pieces: between them the page answers. */
  async #loadRoom() {
    if (document.readyState !== 'complete') await new Promise((done) => addEventListener('load', done, { once: true }));
    await idle();
    this.#client.start();
    await idle();
    document.head.append(document.getElementById('room-modules').content);
    try {
      const { Room } = await import('./room.js');
      await idle();
      this.#room = new Room({
        send: (text) => this.#send(text),
        picture: (picture) => this.#client.picture(picture),
        cancel: (number) => this.#client.cancel(number),
        retry: () => this.#client.network(true),
        leave: () => this.#leave(),
        safety: () => this.#client.safety(),
        tell: (event) => this.#tell(event),
      });
    } catch {
      this.#client.close();
      this.#tell({ type: 'broken' });
      return;
    }
    this.#room.draw(this.#state);
  }

  #listen() {
    addEventListener('online', () => this.#client.network(true));
    addEventListener('offline', () => this.#client.network(false));
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.#client.visible();
    });
    addEventListener('pagehide', () => this.#close());
    // Going back must not bring back a room that was left: the document was emptied, so it starts over.
    addEventListener('pageshow', ({ persisted }) => {
      if (persisted) location.reload();
    });
  }

  #tell(event) {
    this.#state = next(this.#state, event);
    this.#door.draw(this.#state);
    this.#room?.draw(this.#state);
    this.#follow(event);
  }

  /** What an event asks of the page beyond drawing. */
  #follow(event) {
    const { type, code } = event;
    if (type === 'picture_came') this.#room.receive(event);
    if (type === 'refused') this.#client.start();
    if (type === 'admitted') {
      const { room } = this.#state;
      history.replaceState(null, '', roomPath(room));
      this.#room.focus();
    }
    if (type === 'ended' && code === 'left') history.replaceState(null, '', '/');
  }

  async #enter(attempt) {
    if (this.#state.phase !== 'door' || !this.#state.able) return;
    this.#tell({ type: 'submitted', intent: attempt.intent });
    await this.#roomLoaded;
    if (this.#state.phase === 'entering') this.#client.enter(attempt);
  }

  #send(text) {
    this.#tell({ type: 'sent' });
    this.#client.send(text);
  }

  #leave() {
    if (this.#state.phase === 'over') location.replace('/');
    else this.#client.leave();
  }

  #close() {
    this.#client.close();
    this.#door.close();
    document.body.replaceChildren();
  }
}
