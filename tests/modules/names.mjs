import assert from 'node:assert/strict';
import { test } from 'node:test';

import { nextName } from '../../static/js/names.js';

test('a taken name is counted on', () => {
  for (const [taken, free] of [
    ['Ana', 'Ana 2'],
    ['Ana 2', 'Ana 3'],
    ['Ana 9', 'Ana 10'],
    ['Ana Lee 12', 'Ana Lee 13'],
    ['  Ana ', 'Ana 2'],
    ['2', '2 2'],
    ['R2D2', 'R2D2 2'],
    ['Bond 007', 'Bond 8'],
    ['Ana 999999', 'Ana 1000000'],
    ['Ana 1000000', 'Ana 1000000 2'],
  ]) assert.equal(nextName(taken, 40), free, taken);
});

test('a long name gives way to its number', () => {
  for (const [taken, free] of [
    ['Annabella', 'Annab 2'],
    ['Annab 2', 'Annab 3'],
    ['Annab 9', 'Anna 10'],
    ['Anna Lee', 'Anna 2'],
    ['👩👩👩👩👩👩👩', '👩👩👩👩👩 2'],
  ]) assert.equal(nextName(taken, 7), free, taken);
});
