// The emoji and how to find one; they are fetched when they are first wanted.

const source = new URL('../emoji/en.json', import.meta.url);

/** → [{ name, emoji: [{ glyph, name, words, tones }] }] */
export async function load() {
  const answer = await fetch(source, { credentials: 'omit' });
  if (!answer.ok) throw new Error(`emoji: ${answer.status}`);
  const { groups } = await answer.json();
  return groups.map(({ name, emoji }) => ({ name, emoji: emoji.map(read) }));
}

function read([glyph, name, more = '', tones = '']) {
  const own = wordsOf(name);
  return { glyph, name, own, words: [...own, ...wordsOf(more)], tones: tones ? tones.split(' ') : [] };
}

/** Every word that was typed begins one of the emoji's; those that have it in their name come first. */
export function search(groups, typed) {
  const wanted = wordsOf(typed);
  const among = (words) => wanted.every((start) => words.some((word) => word.startsWith(start)));
  const found = groups.flatMap(({ emoji }) => emoji).filter(({ words }) => among(words));
  return [...found.filter(({ own }) => among(own)), ...found.filter(({ own }) => !among(own))];
}

/** Tone 0 is the yellow one; the others go from light to dark. */
export const inTone = ({ glyph, tones }, tone) => tones[tone - 1] ?? glyph;

const wordsOf = (text) => text.toLowerCase().split(/[\s:,“”()-]+/u).filter(Boolean);
