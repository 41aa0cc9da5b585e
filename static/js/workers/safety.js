// Makes the safety words of one epoch, and ends: the 64 MiB of Argon2id are given back with the worker.
import initDerive, { stretchSafety } from '../../wasm/derive.js';
import initWords, { safetyWords } from '../../wasm/words.js';

const wasm = Promise.all([initDerive(), initWords()]);
// A rejected promise would stay in here; an error reaches the page.
self.addEventListener('unhandledrejection', ({ reason }) => setTimeout(() => { throw reason; }));

// From the page, once: the way to the session worker.
self.onmessage = ({ data: { port } }) => {
  // From the session worker, once: what the words are made of.
  port.onmessage = async ({ data: { of } }) => {
    await wasm;
    try {
      self.postMessage({ words: safetyWords(stretchSafety(of)) });
    } catch {
      self.postMessage({ why: 'memory' });
    }
    self.close();
  };
};
