// Makes the safety words of one epoch, and ends: the 64 MiB of Argon2id are given back with the worker.
/** @import { FromSafety, ToSafety, ToSafetyWords } from '../trusted.js' */
import initDerive, { stretchSafety } from '../../wasm/derive.js';
import initWords, { safetyWords } from '../../wasm/words.js';

const wasm = Promise.all([initDerive(), initWords()]);
// A rejected promise would stay in here; an error reaches the page.
self.addEventListener('unhandledrejection', ({ reason }) => setTimeout(() => { throw reason; }));

// From the page, once: the way to the session worker.
/** @param {MessageEvent<ToSafety>} event */
self.onmessage = ({ data: { port } }) => {
  // From the session worker, once: what the words are made of.
  /** @param {MessageEvent<ToSafetyWords>} event */
  port.onmessage = async ({ data: { of } }) => {
    await wasm;
    try {
      self.postMessage(/** @satisfies {FromSafety} */ ({ words: safetyWords(stretchSafety(of)) }));
    } catch {
      self.postMessage(/** @satisfies {FromSafety} */ ({ why: 'memory' }));
    }
    self.close();
  };
};
