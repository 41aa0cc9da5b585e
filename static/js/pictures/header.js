// What a file is, by its own first bytes: neither a name nor a declared type is believed.

/**
 * @typedef {{ width: number, height: number, animated: boolean }} Size
 * @typedef {{ type: string } & Size} Header
 * @typedef {{ type: string, width?: undefined, height?: undefined, animated?: undefined }} Unread of what is known and not read
 */

const HEIC = new Set(['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'mif1', 'msf1']);

/**
 * @param {Uint8Array} bytes
 * @returns {Header | Unread | null}
 */
export function headerOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  /** @type {Text} */
  const text = (start, end) => String.fromCharCode(...bytes.subarray(start, end));
  try {
    if (text(0, 8) === '\x89PNG\r\n\x1a\n') return sized('image/png', png(view, text));
    if (text(0, 3) === '\xff\xd8\xff') return sized('image/jpeg', jpeg(view));
    if (/^GIF8[79]a/u.test(text(0, 6))) return sized('image/gif', gif(view));
    if (text(0, 4) === 'RIFF' && text(8, 12) === 'WEBP') return sized('image/webp', webp(view, text(12, 16)));
  } catch (failure) {
    if (failure instanceof RangeError) return null; // cut short
    throw failure;
  }
  if (text(4, 8) === 'ftyp' && HEIC.has(text(8, 12))) return { type: 'image/heic' };
  if (/^(?:\xef\xbb\xbf)?\s*<(?:svg|(?:\?xml|!DOCTYPE svg|!--)[^]*<svg)[\s>]/iu.test(text(0, 2048))) return { type: 'image/svg+xml' };
  return null;
}

/** @typedef {(start: number, end: number) => string} Text reads bytes as Latin-1 */

/**
 * @param {string} type
 * @param {Size | null} found
 */
const sized = (type, found) => (found && found.width > 0 && found.height > 0 ? { type, ...found } : null);

/**
 * @param {DataView} view
 * @param {Text} text
 */
function png(view, text) {
  if (text(12, 16) !== 'IHDR') return null;
  const size = { width: view.getUint32(16), height: view.getUint32(20) };
  // An animation says so before the first image.
  for (let at = 8; at + 8 <= view.byteLength; at += 12 + view.getUint32(at)) {
    const chunk = text(at + 4, at + 8);
    if (chunk === 'acTL') return { ...size, animated: true };
    if (chunk === 'IDAT') break;
  }
  return { ...size, animated: false };
}

/**
 * The size stands in the first frame header; before it there may be any number of other segments.
 *
 * @param {DataView} view
 */
function jpeg(view) {
  let at = 2;
  for (;;) {
    if (view.getUint8(at) !== 0xff) return null;
    while (view.getUint8(at) === 0xff) at += 1;
    const marker = view.getUint8(at);
    at += 1;
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return { width: view.getUint16(at + 5), height: view.getUint16(at + 3), animated: false };
    if (marker === 0xd9 || marker === 0xda) return null;
    const isAlone = marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7);
    if (!isAlone) at += Math.max(2, view.getUint16(at));
  }
}

/** @param {DataView} view */
function gif(view) {
  const size = { width: view.getUint16(6, true), height: view.getUint16(8, true) };
  /** @param {number} flags */
  const table = (flags) => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);
  /** @param {number} start */
  const afterBlocks = (start) => {
    let at = start;
    while (view.getUint8(at) > 0) at += 1 + view.getUint8(at);
    return at + 1;
  };
  let images = 0;
  let at = 13 + table(view.getUint8(10));
  try {
    while (images < 2 && view.getUint8(at) !== 0x3b) {
      if (view.getUint8(at) === 0x21) {
        at = afterBlocks(at + 2);
      } else if (view.getUint8(at) === 0x2c) {
        images += 1;
        at = afterBlocks(at + 11 + table(view.getUint8(at + 9)));
      } else {
        break;
      }
    }
  } catch (failure) {
    if (!(failure instanceof RangeError)) throw failure; // the end is missing: what there is counts
  }
  return { ...size, animated: images > 1 };
}

/**
 * @param {DataView} view
 * @param {string} chunk
 */
function webp(view, chunk) {
  /** @param {number} at */
  const uint24 = (at) => view.getUint16(at, true) + view.getUint8(at + 2) * 0x10000;
  switch (chunk) {
    case 'VP8 ': {
      if (view.getUint8(23) !== 0x9d || view.getUint16(24) !== 0x012a) return null;
      /** @param {number} at */
      const side = (at) => view.getUint16(at, true) & 0x3fff;
      return { width: side(26), height: side(28), animated: false };
    }
    case 'VP8L': {
      if (view.getUint8(20) !== 0x2f) return null;
      const bits = view.getUint32(21, true);
      return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1, animated: false };
    }
    case 'VP8X':
      return { width: uint24(24) + 1, height: uint24(27) + 1, animated: (view.getUint8(20) & 2) !== 0 };
    default:
      return null;
  }
}
