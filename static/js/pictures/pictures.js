import { Frame, labelOf } from './frame.js';
import { Large } from './large.js';
import { MOST_WAITING } from './limits.js';
import { Preview } from './preview.js';
import { Studio } from './studio.js';
import { Ways } from './ways.js';
import { refusals } from './words.js';

/** Pictures in the room: one's own until they are on their way, and all of them as they are seen. */
export class Pictures {
  #studio = new Studio();
  #preview = new Preview({ send: (ready) => this.#send(ready) });
  #large = new Large();
  #ways = new Ways({ take: (files) => this.#take(files) });
  #problem = document.getElementById('picture-problem');
  #frames = new Map(); // key → Frame
  #drawn = new Map(); // key → as it was drawn last
  #kept = new Map(); // key → { url, type, blob } of what can be seen
  #own = new Map(); // number → the same, of one's own
  #last = 0; // number of one's own last picture
  #over = false;
  #phase = null;
  #lost = null;
  #turn = 0; // counts what was taken: only the last one is waited for
  #cancel;
  #retry;
  #give;
  #tell;

  constructor({ send, cancel, retry, tell }) {
    this.#give = send;
    this.#cancel = cancel;
    this.#retry = retry;
    this.#tell = tell;
    document.getElementById('composer').addEventListener('submit', () => this.#complain(''));
  }

  draw({ pictures, phase, lost }) {
    // Most of what happens in a room is not about pictures, and there may be many.
    if (pictures === this.#drawn && phase === this.#phase && lost === this.#lost) return;
    this.#phase = phase;
    this.#lost = lost;
    this.#over = phase === 'over';
    this.#ways.allow(!this.#over);
    if (this.#over) this.#preview.close();
    for (const [key, picture] of pictures) {
      const frame = this.#frame(key, picture);
      if (this.#drawn.get(key) !== picture) frame.draw(picture, this.#of(key, picture)?.url);
      frame.mark(picture, lost);
    }
    this.#drawn = pictures;
    if (this.#problem.textContent === refusals.many && !this.#isFull()) this.#complain('');
  }

  /** A picture came whole: it is looked at before anything decodes it. */
  async receive({ id, picture, ...came }) {
    const key = `${id}:${picture}`;
    const blob = await this.#studio.look(came);
    if (blob) this.#kept.set(key, this.#keep(blob));
    this.#tell({ type: 'picture_looked', key, fine: blob !== null });
  }

  /** Nothing of them stays. */
  close() {
    this.#ways.close();
    this.#studio.close();
    for (const { url } of [...this.#kept.values(), ...this.#own.values()]) URL.revokeObjectURL(url);
    this.#kept.clear();
    this.#own.clear();
  }

  #keep = (blob) => ({ url: URL.createObjectURL(blob), type: blob.type, blob });

  #of(key, { mine, number }) {
    return mine ? this.#own.get(number) : this.#kept.get(key);
  }

  #frame(key, picture) {
    const known = this.#frames.get(key);
    if (known) return known;
    const { mine, number } = picture;
    const frame = new Frame(document.querySelector(`[data-picture="${key}"]`), picture, {
      open: () => this.#open(key),
      cancel: () => this.#cancel(number),
      again: () => this.#again(key),
      retry: () => this.#retry(),
      failed: () => { if (!mine) this.#tell({ type: 'picture_looked', key, fine: false }); },
    });
    this.#frames.set(key, frame);
    return frame;
  }

  #open(key) {
    const picture = this.#drawn.get(key);
    this.#large.show({ ...picture, label: labelOf(picture) }, this.#of(key, picture));
  }

  async #take(files) {
    if (files.length === 0 || this.#over || this.#preview.isOpen) return;
    this.#complain('');
    if (this.#isFull()) {
      this.#complain(refusals.many);
      return;
    }
    this.#preview.wait();
    this.#turn += 1;
    const turn = this.#turn;
    const ready = await this.#studio.prepare(files[0]);
    if (turn !== this.#turn || this.#preview.isGone) return;
    if (ready.refusal) {
      this.#preview.close();
      this.#complain(refusals[ready.refusal]);
    } else {
      this.#preview.show(ready, files.length > 1);
    }
  }

  #isFull() {
    const moving = [...this.#drawn.values()].filter(({ mine, state }) => mine && state === 'moving');
    return moving.length >= MOST_WAITING;
  }

  async #send({ blob, width, height, alt }) {
    const bytes = new Uint8Array(await blob.arrayBuffer());
    this.#last += 1;
    this.#own.set(this.#last, this.#keep(blob));
    this.#give({ number: this.#last, type: blob.type, width, height, alt, bytes });
  }

  #again(key) {
    const { width, height, alt, number } = this.#drawn.get(key);
    if (this.#isFull()) this.#complain(refusals.many);
    else this.#send({ blob: this.#own.get(number).blob, width, height, alt });
  }

  #complain(words) {
    this.#problem.textContent = words;
  }
}
