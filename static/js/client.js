import { startWorker } from './trusted.js';

/**
 * @import { EventOf } from './model.js'
 * @import { FromSafety, FromSession, OwnPicture, RequestOf, SessionRequests, ToDerive, ToSafety } from './trusted.js'
 */

/** By then the server has noticed by itself. */
const FAREWELL_WITHIN_MS = 90_000;
const ANSWER_WITHIN_MS = 5000;
const AGAIN_AFTER_MS = 2000;

/**
 * The page's end of the two workers. The password goes to the one that stretches it; everything else, keys
 * included, lives in the other. What proves this visit to the server stays in here, for the one use of leaving.
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
  /** @type {Blob | null} */
  #farewell = null; // what is sent on leaving, ready to go

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

  leave() {
    this.#post({ do: 'leave' });
  }

  /** @param {boolean} online */
  network(online) {
    this.#post({ do: 'network', online });
  }

  visible() {
    this.#post({ do: 'visible' });
  }

  /** A message may still be on its way from a worker that was ended: nobody listens to it any more. */
  stop() {
    this.#listening.abort();
    this.#derive?.terminate();
    this.#session?.terminate();
    this.#safety?.terminate();
    this.#derive = null;
    this.#session = null;
  }

  /** Takes leave of the server, again and again until it answers: on a line that is dead, nobody would hear of it. */
  async takeLeave() {
    this.stop();
    const until = performance.now() + FAREWELL_WITHIN_MS;
    while (this.#farewell && performance.now() < until) {
      try {
        const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
        await fetch('/api/leave', { method: 'POST', body: this.#farewell, keepalive: true, signal });
        break;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER_MS));
      }
    }
    this.#farewell = null;
  }

  /**
   * Takes leave on the way out, when no worker would live long enough to do it; one that was already taken is
   * taken twice without harm. A browser that closes a tab may stop its scripts after their first few steps: the
   * beacon is the first.
   */
  close() {
    const farewell = this.#farewell;
    if (farewell && !navigator.sendBeacon('/api/leave', farewell)) {
      fetch('/api/leave', { method: 'POST', body: farewell, keepalive: true }).catch(() => {});
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
    if (event.type !== 'admitted') {
      this.#tell(event);
      return;
    }
    const { room_id, member_id, token, ...told } = event;
    this.#farewell = new Blob([JSON.stringify({ room_id, member_id, token })], { type: 'application/json' });
    this.#tell(told);
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
