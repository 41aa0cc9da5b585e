import { startWorker } from './trusted.js';

/**
 * @import { EventOf } from './model.js'
 * @import { FromSafety, FromSession, OwnPicture, RequestOf, SessionRequests, ToDerive, ToSafety } from './trusted.js'
 */

/**
 * The page's side of the two workers. The password goes to the worker that stretches it; everything else, keys included,
 * lives in the other one.
 */
export class Client {
  #tell;
  /** @type {Worker | null} */
  #derive = null;
  /** @type {Worker | null} */
  #session = null;
  /** @type {Worker | null} */
  #safety = null;
  #listening = new AbortController();
  /** @type {{ path: string, body: Blob } | null} */
  #farewell = null; // while in the room: the beacon for closing the page

  /** @param {(event: EventOf) => void} tell */
  constructor(tell) {
    this.#tell = tell;
  }

  /** Starts both workers afresh, so that they load while the form is being filled in. */
  start() {
    this.stop();
    this.#listening = new AbortController();
    try {
      this.#derive = this.#spawn('derive');
      this.#session = this.#spawn('session');
    } catch {
      this.#fail();
      return;
    }
    this.#session.addEventListener('message', ({ data }) => this.#hear(data), this.#listening);
  }

  /** @param {{ intent: string, room: string, user: string, password: string, pass: string | null }} attempt */
  enter({ intent, room, user, password, pass }) {
    const { port1, port2 } = new MessageChannel();
    this.#post({ do: 'enter', intent, room, user, pass, port: port1 }, [port1]);
    this.#derive?.postMessage(/** @satisfies {ToDerive} */ ({ password, port: port2 }), [port2]);
  }

  /** @param {string} text */
  send(text) {
    this.#post({ do: 'send', text });
  }

  /** @param {OwnPicture} picture */
  picture(picture) {
    this.#post({ do: 'picture', ...picture }, [picture.bytes.buffer]);
  }

  /** @param {number} number */
  cancel(number) {
    this.#post({ do: 'cancel', number });
  }

  /** Asks for the safety words of the present keys; they, or why there are none, are told as `safety`. */
  safety() {
    const fail = () => this.#tell({ type: 'safety', why: 'unknown' });
    this.#safety?.terminate();
    const { port1, port2 } = new MessageChannel();
    try {
      this.#safety = startWorker('safety');
    } catch {
      fail();
      return;
    }
    this.#safety.addEventListener('message', (/** @type {MessageEvent<FromSafety>} */ { data }) => {
      this.#tell({ type: 'safety', ...data });
    }, this.#listening);
    this.#safety.addEventListener('error', fail, this.#listening);
    this.#safety.postMessage(/** @satisfies {ToSafety} */ ({ port: port2 }), [port2]);
    this.#post({ do: 'safety', port: port1 }, [port1]);
  }

  /** Leaves, and tells the page nothing more. The worker goes on until the server knows. */
  leave() {
    this.#post({ do: 'leave' });
    this.#tell({ type: 'ended', code: 'left', words: '' });
    this.#tell = () => {};
  }

  /** @param {boolean} online */
  network(online) {
    this.#post({ do: 'network', online });
  }

  visible() {
    this.#post({ do: 'visible' });
  }

  /** Ends the workers. A message of theirs that is still on its way is not heard. */
  stop() {
    this.#listening.abort();
    this.#derive?.terminate();
    this.#session?.terminate();
    this.#safety?.terminate();
    this.#derive = null;
    this.#session = null;
  }

  /**
   * Leaves when the page is closed: no worker lives long enough to do it. A browser that closes a tab may stop the page's
   * scripts after their first few steps, so the beacon comes first.
   */
  close() {
    const farewell = this.#farewell;
    if (farewell && !navigator.sendBeacon(farewell.path, farewell.body)) {
      fetch(farewell.path, { method: 'POST', body: farewell.body, keepalive: true }).catch(() => {});
    }
    this.#farewell = null;
    this.stop();
  }

  /** @param {'derive' | 'session'} name */
  #spawn(name) {
    const worker = startWorker(name);
    const fail = () => this.#fail();
    worker.addEventListener('error', fail, this.#listening);
    worker.addEventListener('messageerror', fail, this.#listening);
    return worker;
  }

  /** @param {FromSession} event */
  #hear(event) {
    if (event.type === 'farewell') {
      this.#farewell = { path: event.path, body: new Blob([event.body], { type: 'application/json' }) };
      event.body.fill(0);
      return;
    }
    if (event.type === 'ended') {
      // The session has left by itself, or its place is not its own any more.
      this.#farewell = null;
      if (event.code === 'left') this.stop();
    }
    this.#tell(event);
  }

  /**
   * @param {RequestOf<SessionRequests>} request
   * @param {Transferable[]} transferred
   */
  #post(request, transferred = []) {
    this.#session?.postMessage(request, transferred);
  }

  #fail() {
    this.close();
    this.#tell({ type: 'broken' });
  }
}
