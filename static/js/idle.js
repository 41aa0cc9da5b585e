/** By then the page goes on, idle or not. */
const WITHIN_MS = 1000;

/**
 * Resolves when the page has nothing else to do.
 *
 * @returns {Promise<void>}
 */
export const idle = () => new Promise((resolve) => {
  // WebKit has no idle callbacks.
  if ('requestIdleCallback' in globalThis) requestIdleCallback(() => resolve(), { timeout: WITHIN_MS });
  else setTimeout(resolve);
});
