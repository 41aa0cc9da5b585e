import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Log } from '../../static/js/log.js';

const entriesOf = (log) => Array.from({ length: log.length }, (_, index) => log.at(index));

test('adding leaves the shorter list as it was', () => {
  const none = new Log();
  const one = none.with('a');
  const two = one.with('b');
  assert.deepEqual([none, one, two].map(entriesOf), [[], ['a'], ['a', 'b']]);
});

test('two lists that go on from one do not see each other', () => {
  const one = new Log().with('a');
  const left = one.with('left');
  const right = one.with('right');
  const further = left.with('further');
  assert.deepEqual(entriesOf(right), ['a', 'right']);
  assert.deepEqual(entriesOf(further), ['a', 'left', 'further']);
  assert.deepEqual(entriesOf(one), ['a']);
});

test('a place is counted from either end, and is empty outside', () => {
  const one = new Log().with('a');
  const three = one.with('b').with('c');
  assert.equal(three.at(0), 'a');
  assert.equal(three.at(-1), 'c');
  assert.equal(three.at(-3), 'a');
  assert.equal(three.at(3), undefined);
  assert.equal(three.at(-4), undefined);
  assert.equal(one.at(1), undefined, 'though a longer list shares its entries');
  assert.equal(one.at(-1), 'a');
  assert.equal(new Log().at(-1), undefined);
});
