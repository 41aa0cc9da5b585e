// Makes pictures ready to be sent, and looks at those that came before the page shows them.
/** @import { PictureAnswers, PictureRequests, RequestOf } from '../trusted.js' */
import { headerOf } from '../pictures/header.js';
import { MOST_BYTES, MOST_FILE_BYTES, MOST_PIXELS, MOST_SIDE } from '../pictures/limits.js';

const QUALITIES = [0.88, 0.76, 0.6];
const SHRINK = 0.75;
/** Some browsers alter a pixel here and there by a little that nobody sees. */
const UNSEEN = 4;

// A rejected promise would stay in here; an error reaches the page.
self.addEventListener('unhandledrejection', ({ reason }) => setTimeout(() => { throw reason; }));

/**
 * Makes of a file what can be sent, or says why not.
 *
 * @param {PictureRequests['prepare']} request
 * @returns {Promise<PictureAnswers['prepare']>}
 */
async function prepare({ file }) {
  if (file.size > MOST_FILE_BYTES) return { refusal: 'heavy' };
  let bytes;
  try {
    bytes = new Uint8Array(await file.arrayBuffer());
  } catch {
    return { refusal: 'unread' };
  }
  const header = headerOf(bytes);
  if (header === null) return { refusal: 'unknown' };
  if (header.width === undefined) return { refusal: header.type === 'image/heic' ? 'heic' : 'svg' };
  const { type, width, height, animated } = header;
  if (width * height > MOST_PIXELS) return { refusal: 'large' };
  if (!drawsTrue()) return { refusal: 'noise' };
  let bitmap;
  try {
    bitmap = await createImageBitmap(new Blob([bytes], { type }), { imageOrientation: 'from-image' });
  } catch {
    return { refusal: 'damaged' };
  }
  try {
    // Of the file itself nothing goes on: where it was taken, and by whom, stays here.
    const encoded = await encode(bitmap, type !== 'image/jpeg');
    return { ...encoded, from: { width: bitmap.width, height: bitmap.height }, animated };
  } finally {
    bitmap.close();
  }
}

/**
 * Smaller and smaller, until it fits.
 *
 * @param {ImageBitmap} bitmap
 * @param {boolean} mayBeClear
 */
async function encode(bitmap, mayBeClear) {
  for (let side = MOST_SIDE; ; side *= SHRINK) {
    const canvas = draw(bitmap, Math.min(1, side / Math.max(bitmap.width, bitmap.height)));
    const { width, height } = canvas;
    const type = mayBeClear && isClear(canvas) ? 'image/png' : 'image/jpeg';
    for (const quality of type === 'image/png' ? [1] : QUALITIES) {
      const blob = await canvas.convertToBlob({ type, quality });
      if (blob.size <= MOST_BYTES) return { blob, width, height };
    }
  }
}

/**
 * @param {ImageBitmap} bitmap
 * @param {number} scale
 */
function draw(bitmap, scale) {
  /** @param {number} length */
  const side = (length) => Math.max(1, Math.round(length * scale));
  const canvas = new OffscreenCanvas(side(bitmap.width), side(bitmap.height));
  const context = contextOf(canvas);
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** @param {OffscreenCanvas} canvas */
function contextOf(canvas) {
  const context = canvas.getContext('2d');
  if (context === null) throw new Error('no canvas to draw on');
  return context;
}

/**
 * Whether one can see through it anywhere.
 *
 * @param {OffscreenCanvas} canvas
 */
function isClear(canvas) {
  const { data } = contextOf(canvas).getImageData(0, 0, canvas.width, canvas.height);
  for (let at = 3; at < data.length; at += 4) if (data[at] < 255) return true;
  return false;
}

/** Against being told apart by what they draw, some browsers hand out noise in place of a picture. */
function drawsTrue() {
  const SIDE = 16;
  const context = contextOf(new OffscreenCanvas(SIDE, SIDE));
  const drawn = context.createImageData(SIDE, SIDE);
  for (let at = 0; at < drawn.data.length; at += 1) drawn.data[at] = at % 4 === 3 ? 255 : (at * 37) % 256;
  context.putImageData(drawn, 0, 0);
  const { data } = context.getImageData(0, 0, SIDE, SIDE);
  return drawn.data.every((value, at) => Math.abs(value - data[at]) <= UNSEEN);
}

/**
 * Bytes that came → a blob, if they begin as a picture of this type and size does; an honest one never moves.
 *
 * @param {PictureRequests['look']} request
 * @returns {PictureAnswers['look']}
 */
function look({ bytes, media, width, height }) {
  const header = headerOf(bytes);
  const isThat = header?.type === media && header.width === width && header.height === height && !header.animated;
  return { blob: isThat && Math.max(width, height) <= MOST_SIDE ? new Blob([bytes], { type: media }) : null };
}

/** @type {{ [Deed in keyof PictureRequests]: (request: PictureRequests[Deed]) => PictureAnswers[Deed] | Promise<PictureAnswers[Deed]> }} */
const requests = { prepare, look };

/**
 * @template {keyof PictureRequests} Deed
 * @param {RequestOf<PictureRequests, Deed>} request
 */
const serve = (request) => requests[request.do](request);

/** @param {MessageEvent<RequestOf<PictureRequests> & { port: MessagePort }>} event */
self.onmessage = async ({ data }) => data.port.postMessage(await serve(data));
