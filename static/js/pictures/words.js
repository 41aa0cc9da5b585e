// The words about pictures; they come with the rest of it, when one is in a room.

/** @import { Prepared } from '../trusted.js' */

import { clockOf, dayOf } from '../dates.js';

const count = new Intl.NumberFormat();
/** @param {{ width: number, height: number }} size */
const pixels = ({ width, height }) => `${count.format(width)}\u00a0×\u00a0${count.format(height)}`;

/** @param {number} bytes */
function weight(bytes) {
  const kilo = bytes / 1024;
  if (kilo < 1000) return `${Math.max(1, Math.round(kilo))} KB`;
  return `${new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 }).format(kilo / 1024)} MB`;
}

/** @param {string} name */
export const pictureFrom = (name) => `Picture from ${name}`;
/** @param {string} name */
export const coming = (name) => `Picture from ${name} is coming`;
export const going = 'Sending the picture';

/** @type {Record<string, (name: string) => (string | { name: string })[]>} */
export const ended = {
  broken: (name) => ['A picture from ', { name }, ' did not arrive whole.'],
  cancelled: (name) => [{ name }, ' cancelled a picture.'],
  unshowable: (name) => ['A picture from ', { name }, ' cannot be shown.'],
};
export const unsent = 'A picture';
export const cancelled = 'You cancelled this picture.';

/**
 * What becomes of a file, for the person who is about to send it.
 *
 * @param {Prepared} ready
 */
export function prepared({ width, height, blob, from, animated }) {
  const size = `${pixels({ width, height })} pixels, ${weight(blob.size)}`;
  const isSmaller = from.width !== width || from.height !== height;
  return [
    isSmaller ? `${size}, made smaller from ${pixels(from)}.` : `${size}.`,
    animated ? 'Only the first image of the animation is sent.' : '',
  ].filter(Boolean).join(' ');
}

export const oneAtATime = 'Pictures go one at a time: this is the first of them.';

const formats = 'JPEG, PNG, WebP and GIF';
export const refusals = {
  damaged: 'This browser could not read the picture. It may be damaged: open it elsewhere, save it as JPEG, and try again.',
  heavy: 'This file is larger than 40 MB. Choose a smaller picture.',
  heic: 'This is a HEIC picture, which browsers cannot read. Save it as JPEG, and attach that.',
  large: 'This picture has more than 50 million pixels. Make it smaller, and try again.',
  noise: 'This browser protects you from being recognised by altering pictures, and would send noise. Allow this page to read canvases, and try again. Nothing was sent.',
  svg: 'SVG drawings cannot be sent. Save it as PNG, and attach that.',
  unknown: `This is not a picture that can be sent. ${formats} can be.`,
  unread: 'The file could not be read. Try again.',
  stopped: 'The picture could not be made ready. Try again.',
  many: 'Four pictures are on their way already. Wait until one of them has been sent.',
};

/**
 * Named by when it came, and never by its sender.
 *
 * @param {number} at
 * @param {string} type
 */
export function fileName(at, type) {
  const date = new Date(at);
  return `picture ${dayOf(date)} ${clockOf(date, '')}.${type === 'image/png' ? 'png' : 'jpg'}`;
}
