import { lacks } from './words.js';

/** Says what a browser lacks for encryption and what to do about it; null if nothing. */
export function lacking({ isSecureContext, WebAssembly, Worker }) {
  if (!isSecureContext) return lacks.security;
  if (!WebAssembly) return lacks.wasm;
  if (!Worker) return lacks.workers;
  return null;
}
