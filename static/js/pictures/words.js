// The words about pictures. They come with the rest of it, when one is in a room.

/**
 * @import { Part } from '../text.js'
 * @import { Prepared } from '../trusted.js'
 */

import catalog from '../catalog.js';
import { clockOf, dayOf } from '../dates.js';
import { parts, text } from '../text.js';

const words = catalog.pictures;
const number = new Intl.NumberFormat();
/** @param {{ width: number, height: number }} size */
const pixels = ({ width, height }) =>
  text(words.pixels, { width: number.format(width), height: number.format(height) });

/** @param {number} bytes */
function weight(bytes) {
  const kilo = bytes / 1024;
  if (kilo < 1000) return text(words.kilobytes, { count: Math.max(1, Math.round(kilo)) });
  const count = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 }).format(kilo / 1024);
  return text(words.megabytes, { count });
}

/** @param {string} name */
export const pictureFrom = (name) => text(words.from, { name });
/** @param {string} name */
export const coming = (name) => text(words.coming, { name });
export const { cancelled, going, oneAtATime, refusals, unsent } = words;

/** @type {Record<string, (name: string) => Part[]>} */
export const ended = {
  broken: (name) => parts(words.ended.broken, { name }),
  cancelled: (name) => parts(words.ended.cancelled, { name }),
  unshowable: (name) => parts(words.ended.unshowable, { name }),
};

/**
 * What becomes of a file, for the person who is about to send it.
 *
 * @param {Prepared} ready
 */
export function prepared({ width, height, blob, from, animated }) {
  const isSmaller = from.width !== width || from.height !== height;
  const size = { pixels: pixels({ width, height }), weight: weight(blob.size), from: pixels(from) };
  return [text(isSmaller ? words.smaller : words.asItIs, size), animated ? words.animated : ''].filter(Boolean).join(' ');
}

/**
 * Named by when it came, and never by its sender.
 *
 * @param {number} at
 * @param {string} type
 */
export function fileName(at, type) {
  const date = new Date(at);
  const ending = type === 'image/png' ? 'png' : 'jpg';
  return text(words.file, { day: dayOf(date), clock: clockOf(date, ''), ending });
}
