// Writes static/emoji/en.json from the npm package emojibase-data: what the emoji picker shows and searches.
//
//   npm pack emojibase-data@17.0.0 && tar xf emojibase-data-17.0.0.tgz
//   node tools/emoji.mjs package > static/emoji/en.json

import { readFileSync } from 'node:fs';
import { argv, stdout } from 'node:process';

const folder = argv[2];
const read = (path) => readFileSync(`${folder}/${path}`, 'utf8');

/** Newer ones are missing from many systems' fonts, and show as boxes. */
const NEWEST = 15.1;
/** The groups of the standard, but for that of the parts that emoji are put together from. */
const GROUPS = {
  0: 'Smileys and feelings',
  1: 'People and hands',
  3: 'Animals and nature',
  4: 'Food and drink',
  5: 'Travel and places',
  6: 'Activities',
  7: 'Objects',
  8: 'Symbols',
  9: 'Flags',
};
const TONES = 5;

/** One row is [emoji, name, further words to find it by, the same in each skin tone from light to dark]. */
function row({ emoji, label, tags = [], skins = [] }) {
  const named = label.toLowerCase().split(/[^\p{L}\p{N}]+/u);
  const words = tags.filter((tag) => !named.includes(tag)).join(' ');
  const tones = Array.from({ length: TONES }, (_, index) => skins.find(({ tone }) => tone === index + 1)?.emoji);
  const whole = [emoji, label];
  if (words || tones[0]) whole.push(words);
  if (tones[0]) whole.push(tones.join(' '));
  return whole;
}

const shown = JSON.parse(read('en/data.json'))
  .filter(({ group, version }) => group in GROUPS && version <= NEWEST)
  .sort((one, other) => one.order - other.order);
const { version } = JSON.parse(read('package.json'));

const rows = (group) => shown.filter((one) => one.group === Number(group)).map((one) => JSON.stringify(row(one)));
const groups = Object.entries(GROUPS).map(([group, name]) =>
  `{"name":${JSON.stringify(name)},"emoji":[\n${rows(group).join(',\n')}\n]}`);
const [source, licence] = [`emojibase-data ${version}`, read('LICENSE').trim()].map((text) => JSON.stringify(text));
stdout.write(`{"source":${source},"licence":${licence},"groups":[\n${groups.join(',\n')}\n]}\n`);
