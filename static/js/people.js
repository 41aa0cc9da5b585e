/** @import { EventOf, Person as Told, State } from './model.js' */

import { Flyout } from './flyout.js';
import { Person } from './person.js';

/** Who is in the room: beside the messages where there is width, behind a button where there is not. */
export class People {
  #panel = document.getElementById('people');
  #list = /** @type {HTMLElement} */ (this.#panel.querySelector('ul'));
  #count = /** @type {HTMLElement} */ (this.#panel.querySelector('.people__count'));
  #toggle = document.getElementById('people-toggle');
  #wide = matchMedia('(min-width: 900px)');
  #flyout;
  /** @type {Map<number, Person>} */
  #rows = new Map(); // id → row
  /** @type {Told[] | null} */
  #people = null;
  /** @type {Set<number>} */
  #muted = new Set();
  #tell;

  /** @param {{ tell: (event: EventOf) => void }} does */
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

  /** @param {State} state */
  draw({ people, muted }) {
    if (people === this.#people && muted === this.#muted) return;
    this.#people = people;
    this.#muted = muted;
    this.#toggle.dataset.count = String(people.length);
    this.#count.textContent = String(people.length);

    const { activeElement } = document;
    const focused = activeElement instanceof HTMLElement && this.#list.contains(activeElement) ? activeElement : null;
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

  /**
   * @param {Told} person
   * @param {number} place
   */
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
