// Draws one passphrase, and ends: no copy of it stays in here.
/** @import { FromWords } from '../trusted.js' */
import init, { suggest } from '../../wasm/words.js';

// A rejected promise would stay in here; an error reaches the page.
self.addEventListener('unhandledrejection', ({ reason }) => setTimeout(() => { throw reason; }));

await init();
self.postMessage(/** @satisfies {FromWords} */ ({ phrase: suggest() }));
self.close();
