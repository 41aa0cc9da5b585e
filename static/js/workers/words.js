// Draws one passphrase, and ends: no copy of it stays in here.
import init, { suggest } from '../../wasm/words.js';

// A rejected promise would stay in here; an error reaches the page.
self.addEventListener('unhandledrejection', ({ reason }) => setTimeout(() => { throw reason; }));

await init();
self.postMessage({ phrase: suggest() });
self.close();
