/** A link as a picture for the camera of a phone. What draws it is loaded when it is first asked for. */
export class QrCode {
  #svg;
  /** @type {string | null} */
  #drawn = null;

  /** @param {Element} svg */
  constructor(svg) {
    this.#svg = svg;
  }

  /** @param {string} link */
  async draw(link) {
    if (link === this.#drawn) return;
    this.#drawn = link;
    try {
      const { default: init, draw } = await import('../wasm/qr.js');
      await init();
      const drawing = draw(link);
      if (drawing && link === this.#drawn) this.#put(drawing);
    } catch {
      this.#drawn = null; // the link is there without it
    }
  }

  /** @param {{ size: number, path: string }} drawing */
  #put({ size, path }) {
    // Readers find a code by the empty margin around it, four modules wide.
    this.#svg.setAttribute('viewBox', `-4 -4 ${size + 8} ${size + 8}`);
    this.#svg.firstElementChild?.setAttribute('d', path);
    this.#svg.removeAttribute('hidden');
  }
}
