import { clone, element } from './parts.js';

const COLUMNS = 7;

/** Rows of buttons under headings. One of them is a stop for Tab; arrow keys go to the others. */
export class Grid {
  #root;
  #stop = null;

  constructor(root) {
    this.#root = root;
    root.addEventListener('keydown', (event) => this.#pressed(event));
    root.addEventListener('focusin', ({ target }) => this.#stopAt(target));
  }

  /** Sections are { name, cells: [{ label, text }] }; a button tells its place in `data-section` and `data-cell`. */
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
    return [...this.#root.querySelectorAll('button')];
  }

  #stopAt(cell) {
    if (!cell?.matches('button')) return;
    if (this.#stop) this.#stop.tabIndex = -1;
    this.#stop = cell;
    cell.tabIndex = 0;
  }

  #pressed(event) {
    const to = this.#from(event.target, event.key);
    if (to === undefined) return;
    event.preventDefault();
    to?.focus();
  }

  /** Where a key leads; null if there is nothing that way, undefined if it leads nowhere. */
  #from(cell, key) {
    const row = cell.parentElement;
    const beside = (way) => {
      const cells = this.#cells();
      return cells[cells.indexOf(cell) + way] ?? null;
    };
    const across = (way) => {
      const rows = [...this.#root.querySelectorAll('[role=row]')];
      const other = rows[rows.indexOf(row) + way];
      return other?.children[Math.min([...row.children].indexOf(cell), other.children.length - 1)] ?? null;
    };
    switch (key) {
      case 'ArrowLeft': return beside(-1);
      case 'ArrowRight': return beside(1);
      case 'ArrowUp': return across(-1);
      case 'ArrowDown': return across(1);
      case 'Home': return row.firstElementChild;
      case 'End': return row.lastElementChild;
      default: return undefined;
    }
  }
}

function sectionOf({ name, cells }, section) {
  const made = clone('picker-section-template');
  made.querySelector('.picker__name').textContent = name;
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

function cellOf({ label, text }, section, cell) {
  const made = element('button', text);
  Object.assign(made, { type: 'button', className: 'picker__cell', role: 'gridcell', tabIndex: -1 });
  Object.assign(made, { ariaLabel: label, title: label });
  Object.assign(made.dataset, { section, cell });
  return made;
}
