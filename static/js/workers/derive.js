// Turns the password into its stretched key, hands that to the session worker, and ends: the
// 64 MiB that Argon2id takes are given back with the worker, not before.
/** @import { Failure } from '../../wasm/derive.js' */
/** @import { Stretched, ToDerive, ToStretch } from '../trusted.js' */
import init, { personVerifier, stretch } from '../../wasm/derive.js';

const wasm = init();
// A rejected promise would stay in here; an error reaches the page.
self.addEventListener('unhandledrejection', ({ reason }) => setTimeout(() => { throw reason; }));

// From the page, once: the password, and the way to the session worker.
/** @param {MessageEvent<ToDerive>} event */
self.onmessage = ({ data: { password, port } }) => {
  self.onmessage = null;
  // From the session worker, once: the room and its salt; or from the page, a person and theirs.
  /** @param {MessageEvent<ToStretch>} event */
  port.onmessage = async ({ data }) => {
    await wasm;
    try {
      const stretched = data.person === undefined
        ? stretch(password, data.room, data.salt)
        : personVerifier(password, data.person, data.salt);
      port.postMessage(/** @satisfies {Stretched} */ ({ stretched }), [stretched.buffer]);
    } catch (failure) {
      // A refusal has a code; anything else is the engine out of memory.
      const { code = 'no_memory', words = 'This device has too little memory free to turn the password into keys. Close other tabs and try again.' } = /** @type {Partial<Failure>} */ (failure);
      port.postMessage(/** @satisfies {Stretched} */ ({ code, words }));
    }
    self.close();
  };
};
