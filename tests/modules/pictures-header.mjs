import assert from 'node:assert/strict';
import { test } from 'node:test';

import { headerOf } from '../../static/js/pictures/header.js';

/** Texts stand for their Latin-1 characters, numbers for single bytes, lists for what they hold. */
const bytes = (...parts) => Uint8Array.from(parts.flat(Infinity).flatMap((part) =>
  (typeof part === 'string' ? [...Buffer.from(part, 'latin1')] : [part])));
const zeros = (count) => Array(count).fill(0);
const u16 = (value) => [value >> 8, value & 0xff];
const u32 = (value) => [u16(value >>> 16), u16(value & 0xffff)];
const le16 = (value) => [value & 0xff, value >> 8];
const le24 = (value) => [le16(value & 0xffff), value >> 16];

const PNG = '\x89PNG\r\n\x1a\n';
const chunk = (type, ...data) => {
  const body = [...bytes(data)];
  return [u32(body.length), type, body, zeros(4)];
};
const ihdr = (width, height) => chunk('IHDR', u32(width), u32(height), 8, 6, 0, 0, 0);

const segment = (marker, ...data) => [0xff, marker, u16(bytes(data).length + 2), data];
const frame = (marker, width, height) => segment(marker, 8, u16(height), u16(width), 3, zeros(9));

const gif = (flags, ...blocks) => ['GIF89a', le16(300), le16(200), flags, 0, 0, blocks];
/** Of 16 by 16 pixels, at the left and the top; its data are two blocks. */
const image = (flags, ...table) => [0x2c, zeros(4), le16(16), le16(16), flags, table, 2, 2, 0x4c, 0x01, 1, 0x00, 0];
const delay = [0x21, 0xf9, 4, 0, 10, 0, 0, 0];
const END = 0x3b;

const webp = (type, ...data) => ['RIFF', zeros(4), 'WEBP', type, zeros(4), data];

const still = (type, width, height) => ({ type, width, height, animated: false });
const moving = (type, width, height) => ({ type, width, height, animated: true });

const whole = [
  ['PNG', [PNG, ihdr(640, 480), chunk('IDAT', 1, 2, 3), chunk('IEND')], still('image/png', 640, 480)],
  ['PNG with text', [PNG, ihdr(1, 70_000), chunk('tEXt', 'acTL'), chunk('IDAT')], still('image/png', 1, 70_000)],
  ['PNG, animated', [PNG, ihdr(9, 8), chunk('gAMA', zeros(4)), chunk('acTL', zeros(8)), chunk('IDAT')], moving('image/png', 9, 8)],
  ['PNG with an animation too late', [PNG, ihdr(9, 8), chunk('IDAT'), chunk('acTL', zeros(8))], still('image/png', 9, 8)],
  ['JPEG', [0xff, 0xd8, segment(0xe0, 'JFIF\0'), segment(0xdb, zeros(65)), frame(0xc0, 1024, 768)], still('image/jpeg', 1024, 768)],
  ['JPEG, progressive', [0xff, 0xd8, frame(0xc2, 65_535, 1)], still('image/jpeg', 65_535, 1)],
  ['JPEG with tables first', [0xff, 0xd8, segment(0xc4, zeros(28)), segment(0xc8, zeros(28)), segment(0xcc, zeros(28)), frame(0xcf, 5, 6)], still('image/jpeg', 5, 6)],
  ['JPEG with filling', [0xff, 0xd8, 0xff, 0xff, segment(0xfe, 'a comment'), 0xff, frame(0xc0, 5, 6)], still('image/jpeg', 5, 6)],
  ['JPEG with lone markers', [0xff, 0xd8, 0xff, 0x01, 0xff, 0xd0, 0xff, 0xd7, frame(0xc0, 5, 6)], still('image/jpeg', 5, 6)],
  // The thumbnail in a segment is a picture of its own.
  ['JPEG with a thumbnail', [0xff, 0xd8, segment(0xe1, 'Exif\0\0', 0xff, 0xd8, frame(0xc0, 160, 120)), frame(0xc0, 4000, 3000)], still('image/jpeg', 4000, 3000)],
  ['GIF', gif(0, image(0), END), still('image/gif', 300, 200)],
  ['GIF of 1987', ['GIF87a', le16(3), le16(2), 0, 0, 0, image(0), END], still('image/gif', 3, 2)],
  ['GIF, animated', gif(0, delay, image(0), delay, image(0), END), moving('image/gif', 300, 200)],
  // A table of colours may look like anything, an image included: 8 colours for all, 4 for each image.
  ['GIF with colours', gif(0x82, Array(24).fill(0x2c), image(0x81, Array(12).fill(0x2c)), END), still('image/gif', 300, 200)],
  ['GIF, animated, with colours', gif(0x82, Array(24).fill(END), image(0x81, Array(12).fill(END)), image(0), END), moving('image/gif', 300, 200)],
  ['GIF with sizes of tables that are not there', gif(0x77, image(0x47), image(0), END), moving('image/gif', 300, 200)],
  ['GIF with a comment', gif(0, 0x21, 0xfe, 3, 0x2c, 0x2c, 0x2c, 0, image(0), END), still('image/gif', 300, 200)],
  ['GIF with rubbish behind', gif(0, image(0), END, image(0)), still('image/gif', 300, 200)],
  ['GIF with rubbish between', gif(0, image(0), 0x99, image(0)), still('image/gif', 300, 200)],
  ['WebP, lossy', webp('VP8 ', zeros(3), 0x9d, 0x01, 0x2a, le16(800), le16(600)), still('image/webp', 800, 600)],
  // The two highest bits say how to scale.
  ['WebP, lossy, scaled', webp('VP8 ', zeros(3), 0x9d, 0x01, 0x2a, le16(0x4000 | 800), le16(0xc000 | 600)), still('image/webp', 800, 600)],
  // One less than 300, then one less than 200, in 14 bits each: 299 | 199 << 14 = 0x31c12b.
  ['WebP, lossless', webp('VP8L', 0x2f, 0x2b, 0xc1, 0x31, 0x00), still('image/webp', 300, 200)],
  ['WebP, lossless, largest', webp('VP8L', 0x2f, 0xff, 0xff, 0xff, 0x0f), still('image/webp', 16_384, 16_384)],
  ['WebP, extended', webp('VP8X', 0x3d, zeros(3), le24(99_999), le24(0)), still('image/webp', 100_000, 1)],
  ['WebP, animated', webp('VP8X', 0x02, zeros(3), le24(15), le24(31)), moving('image/webp', 16, 32)],
];

for (const [name, parts, header] of whole) {
  test(`the header of a ${name}`, () => {
    const file = bytes(parts);
    assert.deepEqual(headerOf(file), header);
    // Bytes may lie amid others.
    const amid = bytes(0xff, ...file, 0xff).subarray(1, -1);
    assert.deepEqual(headerOf(amid), header);
  });
}

test('a file that is cut short has no header, or the true size', () => {
  for (const [name, parts, { type, width, height }] of whole) {
    const file = bytes(parts);
    for (let length = 0; length < file.length; length += 1) {
      const header = headerOf(file.subarray(0, length));
      if (header === null) continue;
      assert.deepEqual([header.type, header.width, header.height], [type, width, height], `${name}, ${length} bytes`);
    }
    assert.equal(headerOf(file.subarray(0, 9)), null, name);
  }
});

test('an animation that is cut short in its second image is one', () => {
  const cut = bytes(gif(0, delay, image(0), delay, image(0))).subarray(0, -3);
  assert.deepEqual(headerOf(cut), moving('image/gif', 300, 200));
});

test('a picture without a side is none', () => {
  for (const [name, parts] of [
    ['PNG', [PNG, ihdr(0, 5), chunk('IDAT')]],
    ['PNG', [PNG, ihdr(5, 0), chunk('IDAT')]],
    ['JPEG whose height comes later', [0xff, 0xd8, frame(0xc0, 5, 0)]],
    ['GIF', ['GIF89a', le16(0), le16(5), 0, 0, 0, END]],
    ['WebP', webp('VP8 ', zeros(3), 0x9d, 0x01, 0x2a, le16(0), le16(5))],
  ]) assert.equal(headerOf(bytes(parts)), null, name);
});

test('a file that only begins like a picture is none', () => {
  for (const [name, parts] of [
    ['PNG without its header chunk', [PNG, chunk('IDAT', zeros(20))]],
    ['JPEG with image data before a frame', [0xff, 0xd8, segment(0xda, zeros(20)), frame(0xc0, 5, 6)]],
    ['JPEG that ends before a frame', [0xff, 0xd8, segment(0xd9, zeros(20)), frame(0xc0, 5, 6)]],
    ['JPEG with something between segments', [0xff, 0xd8, segment(0xe0, 0), 0x00, frame(0xc0, 5, 6)]],
    ['GIF of another version', ['GIF88a', zeros(20)]],
    ['WebP of an unknown kind', webp('VP9 ', zeros(20))],
    ['WebP, lossy, without its mark', webp('VP8 ', zeros(3), 0x9d, 0x01, 0x2b, le16(8), le16(6))],
    ['WebP, lossless, without its mark', webp('VP8L', 0x2e, 0x2b, 0xc1, 0x31, 0x00)],
    ['sound in RIFF', ['RIFF', zeros(4), 'WAVE', 'VP8X', zeros(20)]],
    ['WebP outside RIFF', ['RIFX', zeros(4), 'WEBP', 'VP8X', zeros(20)]],
  ]) assert.equal(headerOf(bytes(parts)), null, name);
});

test('false lengths neither loop for ever nor lead back', () => {
  // A chunk that ends beyond the file, and one whose length would overflow 32 bits.
  for (const length of [0x7fff_ffff, 0xffff_fff4, 0xffff_ffff]) {
    const file = bytes(PNG, ihdr(9, 8), u32(length), 'tEXt', chunk('acTL', zeros(8)));
    assert.deepEqual(headerOf(file), still('image/png', 9, 8));
  }
  // Lengths count their own two bytes, so these are too short to be true.
  for (const length of [0, 1]) {
    const file = bytes(0xff, 0xd8, 0xff, 0xe0, u16(length), frame(0xc0, 5, 6));
    assert.deepEqual(headerOf(file), still('image/jpeg', 5, 6));
  }
  assert.equal(headerOf(bytes(0xff, 0xd8, Array(100_000).fill(0xff))), null);
  assert.equal(headerOf(bytes(0xff, 0xd8, segment(0xe0, zeros(9)).slice(0, 2), u16(0xffff), frame(0xc0, 5, 6))), null);
  assert.deepEqual(headerOf(bytes(gif(0, 0x21, 0xfe, Array(100_000).fill(1)))), still('image/gif', 300, 200));
});

test('a HEIC picture is known, and its size is not', () => {
  for (const brand of ['heic', 'heix', 'mif1']) {
    assert.deepEqual(headerOf(bytes(zeros(3), 24, 'ftyp', brand, zeros(4))), { type: 'image/heic' });
  }
  assert.equal(headerOf(bytes(zeros(3), 24, 'ftyp', 'isom', zeros(4))), null, 'a film');
});

test('an SVG drawing is known by its root element', () => {
  const svg = { type: 'image/svg+xml' };
  for (const text of [
    '<svg xmlns="http://www.w3.org/2000/svg">',
    '<SVG>',
    '\xef\xbb\xbf \n<svg>',
    '<?xml version="1.0"?>\n<svg>',
    '<!-- drawn by hand -->\n<svg\nwidth="1">',
    '<!DOCTYPE svg PUBLIC "">\n<svg>',
  ]) assert.deepEqual(headerOf(bytes(text)), svg, text);
  for (const text of ['', 'svg', '<svgx>', '<html><svg>', '<!DOCTYPE html><svg>', 'text <svg>', '<?xml version="1.0"?><rss>']) {
    assert.equal(headerOf(bytes(text)), null, text);
  }
  assert.equal(headerOf(bytes('<?xml ?>', Array(3000).fill(0x20), '<svg>')), null, 'only the beginning is searched');
});

test('random bytes behind a beginning give a true header or none', () => {
  // Xorshift, so that a failure comes again.
  let state = 0x9e37_79b9;
  const random = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  const beginnings = [PNG, [PNG, ihdr(9, 8)], [0xff, 0xd8, 0xff], 'GIF89a', webp('VP8 '), webp('VP8L'), webp('VP8X'), '    ftyp', '<?xml', ''];
  for (let round = 0; round < 5000; round += 1) {
    const rest = Array.from({ length: random() % 200 }, () => random() & 0xff);
    const header = headerOf(bytes(beginnings[round % beginnings.length], rest));
    if (header === null) continue;
    const { type, width, height, animated } = header;
    assert.ok(['image/png', 'image/jpeg', 'image/gif', 'image/webp'].includes(type), type);
    assert.ok(Number.isInteger(width) && width > 0 && Number.isInteger(height) && height > 0);
    assert.equal(typeof animated, 'boolean');
  }
});
