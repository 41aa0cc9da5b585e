import assert from 'node:assert/strict';
import { test } from 'node:test';

import { lacking } from '../../static/js/support.js';
import { lacks } from '../../static/js/words.js';

const whole = { isSecureContext: true, WebAssembly: {}, Worker: class {} };

test('a browser that lacks nothing is told nothing', () => {
  assert.equal(lacking(whole), null);
});

test('a browser is told the first thing that it lacks', () => {
  assert.equal(lacking({ ...whole, WebAssembly: undefined }), lacks.wasm);
  assert.equal(lacking({ ...whole, Worker: undefined }), lacks.workers);
  // On a page that is not secure other things may be missing for that reason alone.
  assert.equal(lacking({ isSecureContext: false }), lacks.security);
});
