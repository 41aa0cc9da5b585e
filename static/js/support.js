import { lacks } from './words.js';

/**
 * Says what a browser lacks for encryption and what to do about it; null if nothing.
 *
 * @param {{ isSecureContext: boolean, WebAssembly?: unknown, Worker?: unknown }} browser
 */
export function lacking({ isSecureContext, WebAssembly, Worker }) {
  if (!isSecureContext) return lacks.security;
  if (!WebAssembly) return lacks.wasm;
  if (!Worker) return lacks.workers;
  return null;
}
