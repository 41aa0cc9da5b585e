import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fileName, prepared } from '../../static/js/pictures/words.js';

const MB = 1024 * 1024;
const ready = (more) => ({ width: 640, height: 480, blob: { size: 2 * MB }, from: { width: 640, height: 480 }, animated: false, ...more });

test('what becomes of a file is said in pixels and bytes', () => {
  assert.equal(prepared(ready()), '640\u00a0×\u00a0480 pixels, 2 MB.');
  assert.equal(
    prepared(ready({ from: { width: 960, height: 720 } })),
    '640\u00a0×\u00a0480 pixels, 2 MB, made smaller from 960\u00a0×\u00a0720.',
  );
  assert.equal(
    prepared(ready({ animated: true })),
    '640\u00a0×\u00a0480 pixels, 2 MB. Only the first image of the animation is sent.',
  );
});

test('sizes below a thousand KB are given in KB', () => {
  for (const [size, words] of [
    [1, '1 KB'],
    [1024, '1 KB'],
    [1535, '1 KB'],
    [1536, '2 KB'],
    [999 * 1024, '999 KB'],
    [1000 * 1024, '1 MB'],
    [5 * MB, '5 MB'],
  ]) assert.equal(prepared(ready({ blob: { size } })), `640\u00a0×\u00a0480 pixels, ${words}.`, size);
});

test('a picture that is kept is named by when it came', () => {
  assert.equal(fileName(new Date(2024, 0, 2, 3, 4, 5).getTime(), 'image/png'), 'picture 2024-01-02 030405.png');
  assert.equal(fileName(new Date(2024, 11, 31, 23, 59, 58).getTime(), 'image/jpeg'), 'picture 2024-12-31 235958.jpg');
});
