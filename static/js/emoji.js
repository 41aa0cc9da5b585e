// The emoji and how to find one; they are fetched when they are first wanted.

/**
 * @typedef {object} Emoji
 * @property {string} glyph
 * @property {string} name
 * @property {string[]} own words of its name
 * @property {string[]} words by which it is found, the own ones included
 * @property {string[]} tones from light to dark
 *
 * @typedef {{ name: string, emoji: Emoji[] }} Group
 * @typedef {[glyph: string, name: string, more?: string, tones?: string]} Row of the file
 */

const source = new URL('../emoji/en.json', import.meta.url);

/** @returns {Promise<Group[]>} */
export async function load() {
  const answer = await fetch(source, { credentials: 'omit' });
  if (!answer.ok) throw new Error(`emoji: ${answer.status}`);
  /** @type {{ groups: { name: string, emoji: Row[] }[] }} */
  const { groups } = await answer.json();
  return groups.map(({ name, emoji }) => ({ name, emoji: emoji.map(read) }));
}

/**
 * @param {Row} row
 * @returns {Emoji}
 */
function read([glyph, name, more = '', tones = '']) {
  const own = wordsOf(name);
  return { glyph, name, own, words: [...own, ...wordsOf(more)], tones: tones ? tones.split(' ') : [] };
}

/**
 * Every word that was typed begins one of the emoji's; those that have it in their name come first.
 *
 * @param {Group[]} groups
 * @param {string} typed
 */
export function search(groups, typed) {
  const wanted = wordsOf(typed);
  /** @param {string[]} words */
  const among = (words) => wanted.every((start) => words.some((word) => word.startsWith(start)));
  const found = groups.flatMap(({ emoji }) => emoji).filter(({ words }) => among(words));
  return [...found.filter(({ own }) => among(own)), ...found.filter(({ own }) => !among(own))];
}

/**
 * Tone 0 is the yellow one; the others go from light to dark.
 *
 * @param {Emoji} emoji
 * @param {number} tone
 */
export const inTone = ({ glyph, tones }, tone) => tones[tone - 1] ?? glyph;

/** @param {string} text */
const wordsOf = (text) => text.toLowerCase().split(/[\s:,“”()-]+/u).filter(Boolean);
