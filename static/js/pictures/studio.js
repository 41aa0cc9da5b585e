import { startWorker } from '../trusted.js';

/** @import { PictureAnswers, PictureRequests, RequestOf } from '../trusted.js' */

/** The page's end of the worker for pictures. It is loaded before there is one: then there may be no connection. */
export class Studio {
  /** @type {Set<(failure: Error) => void>} */
  #waiting = new Set(); // what is to be told if the worker fails
  /** @type {Worker | null} */
  #worker = this.#start();

  /**
   * A file made ready to be sent.
   *
   * @param {File} file
   * @returns {Promise<PictureAnswers['prepare']>}
   */
  prepare(file) {
    return this.#ask({ do: 'prepare', file }).catch(() => ({ refusal: 'stopped' }));
  }

  /**
   * What came, if it is what it is said to be; else null.
   *
   * @param {PictureRequests['look']} came
   */
  async look({ bytes, media, width, height }) {
    const request = { do: /** @type {const} */ ('look'), bytes, media, width, height };
    const { blob } = await this.#ask(request, [bytes.buffer]).catch(() => ({ blob: null }));
    return blob;
  }

  close() {
    this.#worker?.terminate();
    this.#worker = null;
  }

  /**
   * @template {keyof PictureRequests} Deed
   * @param {RequestOf<PictureRequests, Deed>} request
   * @param {Transferable[]} transferred
   * @returns {Promise<PictureAnswers[Deed]>}
   */
  #ask(request, transferred = []) {
    return new Promise((resolve, reject) => {
      const { port1, port2 } = new MessageChannel();
      this.#waiting.add(reject);
      /** @param {MessageEvent<PictureAnswers[Deed]>} event */
      port1.onmessage = ({ data }) => {
        this.#waiting.delete(reject);
        port1.close();
        resolve(data);
      };
      this.#worker ??= this.#start();
      this.#worker.postMessage({ ...request, port: port2 }, [port2, ...transferred]);
    });
  }

  #start() {
    const worker = startWorker('picture');
    worker.addEventListener('error', () => {
      this.close();
      for (const reject of this.#waiting) reject(new Error('the worker for pictures has stopped'));
      this.#waiting.clear();
    });
    return worker;
  }
}
