// Estimates passwords as they are typed. Large, so it is started only when there is something to estimate.
/** @import { FromStrength, ToStrength } from '../trusted.js' */
import init, { guessesLog10 } from '../../wasm/strength.js';

const wasm = init();
// A rejected promise would stay in here; an error reaches the page.
self.addEventListener('unhandledrejection', ({ reason }) => setTimeout(() => { throw reason; }));

/** @param {MessageEvent<ToStrength>} event */
self.onmessage = async ({ data: { password, room, user } }) => {
  await wasm;
  self.postMessage(/** @satisfies {FromStrength} */ ({ guesses: guessesLog10(password, room, user) }));
};
