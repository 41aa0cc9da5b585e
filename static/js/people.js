import { Flyout } from './flyout.js';
import { Person } from './person.js';

/** Who is in the room: beside the messages where there is width, behind a button where there is not. */
export class People {
  #panel = document.getElementById('people');
  #list = this.#panel.querySelector('ul');
  #count = this.#panel.querySelector('.people__count');
  #toggle = document.getElementById('people-toggle');
  #wide = matchMedia('(min-width: 900px)');
  #flyout;
  #rows = new Map(); // id → row
  #people = null;
  #muted = null;
  #tell;

  constructor({ tell }) {
    this.#tell = tell;
    this.#flyout = new Flyout({
      panel: this.#panel,
      toggle: this.#toggle,
      changed: (open) => {
        this.#fit();
        if (open) this.#panel.focus();
      },
    });
    document.getElementById('people-close').addEventListener('click', () => this.#flyout.close());
    this.#wide.addEventListener('change', () => {
      this.#flyout.show(false);
      this.#fit();
    });
    this.#fit();
  }

  draw({ people, muted }) {
    if (people === this.#people && muted === this.#muted) return;
    this.#people = people;
    this.#muted = muted;
    this.#toggle.dataset.count = people.length;
    this.#count.textContent = people.length;

    const focused = this.#list.contains(document.activeElement) ? document.activeElement : null;
    const here = new Set(people.map(({ id }) => id));
    for (const [id, row] of this.#rows) {
      if (here.has(id)) continue;
      row.element.remove();
      this.#rows.delete(id);
    }
    // In the order of arrival; who is away for the moment stands below.
    const ordered = [...people.filter(({ connected }) => connected), ...people.filter(({ connected }) => !connected)];
    for (const [place, person] of ordered.entries()) this.#put(person, place);
    // What is moved loses the focus, and what is gone takes it along.
    if (focused && focused !== document.activeElement) {
      (focused.isConnected ? focused : this.#panel).focus({ preventScroll: true });
    }
  }

  #put(person, place) {
    const row = this.#rows.get(person.id) ?? new Person(person, { tell: this.#tell });
    this.#rows.set(person.id, row);
    row.draw(person, this.#muted.has(person.id));
    const there = this.#list.children[place] ?? null;
    if (there !== row.element) this.#list.insertBefore(row.element, there);
  }

  #fit() {
    this.#panel.hidden = !this.#flyout.isOpen && !this.#wide.matches;
  }
}
