// The bounds of pictures. What is sent is bounded by the protocol, which the core holds to; what is read, by what a
// browser can decode without standing still: a picture of a few bytes can have any number of pixels.

export const MOST_SIDE = 2048;
export const MOST_BYTES = 5 * 1024 * 1024;
export const MOST_PIXELS = 50_000_000;
export const MOST_FILE_BYTES = 40 * 1024 * 1024;
export const MOST_WAITING = 4;
