import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { inTone, load, search } from '../../static/js/emoji.js';

/** As the file holds them: glyph, name, more words to find it by, tones from light to dark. */
const file = {
  groups: [
    { name: 'Faces', emoji: [['😀', 'grinning face', 'smile happy'], ['😺', 'grinning cat', 'animal face']] },
    { name: 'People', emoji: [['👋', 'waving hand', 'hello', '👋🏻 👋🏼 👋🏽 👋🏾 👋🏿'], ['🤞', 'crossed fingers']] },
    { name: 'Flags', emoji: [['🇦🇽', 'flag: Åland Islands'], ['🇨🇮', 'flag: Côte d’Ivoire (Ivory)']] },
  ],
};

/** Stands for the network: the one request is answered with this. */
async function loaded(t, answer = Response.json(file)) {
  t.mock.method(globalThis, 'fetch', async () => answer);
  return load();
}

test('emoji are found by the beginnings of their words', async (t) => {
  const groups = await loaded(t);
  for (const [typed, found] of [
    ['wav', '👋'],
    ['WAVING', '👋'],
    ['hand wav', '👋'],
    ['hel', '👋'],
    ['ello', ''],
    ['hand cat', ''],
    ['  crossed   fing', '🤞'],
    ['åland', '🇦🇽'],
    ['flag: ivory', '🇨🇮'],
  ]) assert.equal(search(groups, typed).map(({ glyph }) => glyph).join(''), found, typed);
});

test('emoji with the word in their name come first', async (t) => {
  const groups = await loaded(t);
  assert.deepEqual(search(groups, 'animal').map(({ glyph }) => glyph), ['😺']);
  assert.deepEqual(search(groups, 'face').map(({ glyph }) => glyph), ['😀', '😺']);
  assert.deepEqual(search([...groups].reverse(), 'g').map(({ glyph }) => glyph), ['😀', '😺']);
  const catFirst = [{ name: 'Faces', emoji: [...groups[0].emoji].reverse() }];
  assert.deepEqual(search(catFirst, 'face').map(({ glyph }) => glyph), ['😀', '😺']);
});

test('a tone changes the emoji that have tones', async (t) => {
  const groups = await loaded(t);
  const [wave, fingers] = groups[1].emoji;
  assert.equal(inTone(wave, 0), '👋');
  assert.equal(inTone(wave, 1), '👋🏻');
  assert.equal(inTone(wave, 5), '👋🏿');
  assert.equal(inTone(fingers, 3), '🤞');
});

test('an answer without the file is an error', async (t) => {
  await assert.rejects(loaded(t, new Response('', { status: 404 })), /404/u);
});

test('every emoji that is served is found by its name', async (t) => {
  const served = await readFile(new URL('../../static/emoji/en.json', import.meta.url));
  const groups = await loaded(t, new Response(served));
  const all = groups.flatMap(({ emoji }) => emoji);
  assert.ok(all.length > 1000);
  for (const one of all) assert.ok(search(groups, one.name).includes(one), one.name);
});
