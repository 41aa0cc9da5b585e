/** What a taken name could be instead: “Ana” → “Ana 2” → “Ana 3”, within the length that names may have. */
export function nextName(taken, most) {
  const [, stem, number] = /^(.*?)(?: (\d{1,6}))?$/su.exec(taken.trim());
  const end = ` ${Number(number ?? 1) + 1}`;
  return [...stem].slice(0, most - end.length).join('').trimEnd() + end;
}
