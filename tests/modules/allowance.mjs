import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Allowance } from '../../static/js/allowance.js';

const MOST = 1000;
const measured = (...lengths) => {
  const allowance = new Allowance(MOST);
  return lengths.map((length) => allowance.measure('x'.repeat(length)));
};

test('what is left is shown from five hundred characters before the end', () => {
  for (const [length, shown, excess] of [
    [0, '', 0],
    [499, '', 0],
    [500, '500 characters left', 0],
    [999, '1 character left', 0],
    [1000, '0 characters left', 0],
    [1001, '1 character too many', 1],
    [1200, '200 characters too many', 200],
  ]) {
    const [now] = measured(length);
    assert.deepEqual([now.shown, now.excess], [shown, excess], length);
  }
});

test('what is left is said aloud at a few steps, in both directions', () => {
  const steps = [
    [499, null], [500, '500 characters left'], [501, null], [899, null], [900, '100 characters left'],
    [980, '20 characters left'], [999, null], [1000, '0 characters left'], [1001, '1 character too many'],
    [1002, null], [1000, '0 characters left'], [990, '10 characters left'], [981, null], [600, '400 characters left'],
    [400, ''], [300, null],
  ];
  assert.deepEqual(measured(...steps.map(([length]) => length)).map(({ said }) => said), steps.map(([, said]) => said));
});

test('a character counts once, however many code units it takes', () => {
  const allowance = new Allowance(MOST);
  assert.equal(allowance.measure('👩'.repeat(1000)).excess, 0);
  assert.equal(allowance.measure('👩'.repeat(1001)).excess, 1);
  assert.equal(allowance.measure('👩'.repeat(499)).shown, '');
  assert.equal(allowance.measure('👩'.repeat(500)).shown, '500 characters left');
});
