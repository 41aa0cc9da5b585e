/**
 * What a taken name could be instead: “Ana” → “Ana 2” → “Ana 3”, within the length that names may have.
 *
 * @param {string} taken
 * @param {number} most
 */
export function nextName(taken, most) {
  const [, stem = '', number = '1'] = /^(.*?)(?: (\d{1,6}))?$/su.exec(taken.trim()) ?? [];
  const end = ` ${Number(number) + 1}`;
  return [...stem].slice(0, most - end.length).join('').trimEnd() + end;
}
