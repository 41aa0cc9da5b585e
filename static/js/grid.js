/**
 * @typedef {{ label: string, text: string }} Cell
 * @typedef {{ name: string, cells: Cell[] }} Section
 */

import { clone, element } from './parts.js';

const COLUMNS = 7;

/** Rows of buttons under headings. One of them is a stop for Tab; arrow keys go to the others. */
export class Grid {
  #root;
  /** @type {HTMLButtonElement | null} */
  #stop = null;

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
    root.addEventListener('keydown', (event) => this.#pressed(event));
    root.addEventListener('focusin', ({ target }) => this.#stopAt(target));
  }

  /**
   * A button tells its place in `data-section` and `data-cell`.
   *
   * @param {Section[]} sections
   */
  draw(sections) {
    this.#stop = null;
    this.#root.replaceChildren(...sections.map(sectionOf));
    this.#root.scrollTop = 0;
    this.#stopAt(this.#cells()[0]);
  }

  focus() {
    this.#stop?.focus();
  }

  #cells() {
    return buttonsIn(this.#root);
  }

  /** @param {EventTarget | null | undefined} cell */
  #stopAt(cell) {
    if (!(cell instanceof HTMLButtonElement)) return;
    if (this.#stop) this.#stop.tabIndex = -1;
    this.#stop = cell;
    cell.tabIndex = 0;
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const to = this.#from(/** @type {HTMLElement} */ (event.target), event.key);
    if (to === undefined) return;
    event.preventDefault();
    to?.focus();
  }

  /**
   * Where a key leads; null if there is nothing that way, undefined if it leads nowhere.
   *
   * @param {HTMLElement} cell
   * @param {string} key
   * @returns {HTMLElement | null | undefined}
   */
  #from(cell, key) {
    const row = cell.parentElement;
    if (row === null) return undefined;
    const inRow = buttonsIn(row);
    /** @param {number} way */
    const beside = (way) => {
      const cells = this.#cells();
      return cells[cells.findIndex((other) => other === cell) + way] ?? null;
    };
    /** @param {number} way */
    const across = (way) => {
      const rows = [...this.#root.querySelectorAll('[role=row]')];
      const other = rows[rows.indexOf(row) + way];
      const there = other ? buttonsIn(other) : [];
      return there[Math.min(inRow.findIndex((one) => one === cell), there.length - 1)] ?? null;
    };
    switch (key) {
      case 'ArrowLeft': return beside(-1);
      case 'ArrowRight': return beside(1);
      case 'ArrowUp': return across(-1);
      case 'ArrowDown': return across(1);
      case 'Home': return inRow[0];
      case 'End': return inRow.at(-1);
      default: return undefined;
    }
  }
}

/** @param {Element} part */
const buttonsIn = (part) => [...part.querySelectorAll('button')];

/**
 * @param {Section} from
 * @param {number} section
 */
function sectionOf({ name, cells }, section) {
  const made = clone('picker-section-template');
  made.querySelector('.picker__name')?.replaceChildren(name);
  made.setAttribute('aria-label', name);
  for (let start = 0; start < cells.length; start += COLUMNS) {
    const row = document.createElement('div');
    row.className = 'picker__row';
    row.role = 'row';
    row.append(...cells.slice(start, start + COLUMNS).map((cell, index) => cellOf(cell, section, start + index)));
    made.append(row);
  }
  return made;
}

/**
 * @param {Cell} from
 * @param {number} section
 * @param {number} cell
 */
function cellOf({ label, text }, section, cell) {
  const made = element('button', text);
  Object.assign(made, { type: 'button', className: 'picker__cell', role: 'gridcell', tabIndex: -1 });
  Object.assign(made, { ariaLabel: label, title: label });
  Object.assign(made.dataset, { section, cell });
  return made;
}
