import { inTone, load, search } from './emoji.js';
import { Flyout } from './flyout.js';
import { Grid } from './grid.js';
import { emoji as said } from './words.js';

const RECENT = 14;

/** Chooses emoji for the message that is being written. */
export class Picker {
  #panel = document.getElementById('picker');
  #toggle = document.getElementById('emoji');
  #typed = document.getElementById('emoji-search');
  #tone = document.getElementById('emoji-tone');
  #said = document.getElementById('emoji-said');
  #cells = document.getElementById('emoji-grid');
  #grid = new Grid(this.#cells);
  #touch = matchMedia('(pointer: coarse) and (hover: none)');
  #flyout;
  #groups = null; // until they were loaded
  #sections = []; // as they are shown
  #recent = []; // in this visit, the latest first
  #pick;

  constructor({ pick }) {
    this.#pick = pick;
    this.#flyout = new Flyout({ panel: this.#panel, toggle: this.#toggle, changed: (open) => this.#turn(open) });
    this.#typed.addEventListener('input', () => this.#draw());
    this.#typed.addEventListener('keydown', (event) => this.#pressed(event));
    this.#tone.addEventListener('change', () => this.#draw());
    this.#cells.addEventListener('click', ({ target }) => {
      const { section, cell } = target.closest('button')?.dataset ?? {};
      if (cell !== undefined) this.#take(this.#sections[section].cells[cell]);
    });
  }

  draw({ phase }) {
    if (phase !== 'over') return;
    this.#flyout.show(false);
    this.#toggle.hidden = true;
  }

  async #turn(open) {
    this.#panel.hidden = !open;
    if (!open) return;
    this.#typed.value = '';
    // The keyboard on a phone would cover what there is to choose from.
    if (this.#touch.matches) this.#panel.focus();
    else this.#typed.focus();
    try {
      this.#groups ??= await load();
      this.#draw();
    } catch {
      this.#said.textContent = said.notLoaded;
    }
  }

  #draw() {
    if (this.#groups === null) return;
    const typed = this.#typed.value.trim();
    const groups = typed === '' ? this.#groups : [{ name: said.found, emoji: search(this.#groups, typed) }];
    const tone = Number(this.#tone.value);
    this.#sections = groups.map(({ name, emoji }) => ({
      name,
      cells: emoji.map((one) => ({ label: one.name, text: inTone(one, tone) })),
    }));
    if (typed === '' && this.#recent.length > 0) {
      this.#sections.unshift({ name: said.recent, cells: [...this.#recent] });
    }
    this.#grid.draw(this.#sections.filter(({ cells }) => cells.length > 0));
    this.#said.textContent = typed === '' ? '' : said.count(this.#sections[0].cells.length);
  }

  #pressed(event) {
    if (event.isComposing) return;
    if (event.key === 'ArrowDown') {
      event.preventDefault();
      this.#grid.focus();
    } else if (event.key === 'Enter') {
      event.preventDefault();
      const first = this.#sections[0]?.cells[0];
      if (first) this.#take(first);
    }
  }

  #take(cell) {
    this.#recent = [cell, ...this.#recent.filter(({ text }) => text !== cell.text)].slice(0, RECENT);
    this.#flyout.show(false);
    this.#pick(cell.text);
  }
}
