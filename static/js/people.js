import { tags } from './words.js';

/** Who is in the room: beside the messages where there is width, behind a button where there is not. */
export class People {
  #panel = document.getElementById('people');
  #list = this.#panel.querySelector('ul');
  #toggle = document.getElementById('people-toggle');
  #person = document.getElementById('person-template').content;
  #wide = matchMedia('(min-width: 900px)');
  #rows = new Map(); // id → row
  #drawn = null;
  #open = false;

  constructor() {
    this.#toggle.addEventListener('click', () => this.#show(!this.#open));
    // On a phone the panel lies over the messages: a tap beside it closes it.
    document.getElementById('messages').addEventListener('click', () => this.#show(false));
    this.#wide.addEventListener('change', () => this.#show(false));
    document.getElementById('room').addEventListener('keydown', ({ key }) => {
      if (key !== 'Escape' || !this.#open) return;
      this.#show(false);
      this.#toggle.focus();
    });
    this.#show(false);
  }

  draw({ people }) {
    if (people === this.#drawn) return;
    this.#drawn = people;
    this.#toggle.dataset.count = people.length;

    const here = new Set(people.map(({ id }) => id));
    for (const [id, row] of this.#rows) {
      if (here.has(id)) continue;
      row.remove();
      this.#rows.delete(id);
    }
    people.forEach((person, place) => {
      const row = this.#rowOf(person);
      if (this.#list.children[place] !== row) this.#list.insertBefore(row, this.#list.children[place] ?? null);
    });
  }

  #rowOf({ id, name, connected, you }) {
    const row = this.#rows.get(id) ?? this.#person.cloneNode(true).firstElementChild;
    this.#rows.set(id, row);
    const [shown, tag] = row.children;
    shown.textContent = name;
    tag.textContent = you ? tags.you : connected ? '' : tags.away;
    row.classList.toggle('person--away', !connected);
    return row;
  }

  #show(open) {
    this.#open = open;
    this.#panel.hidden = !open && !this.#wide.matches;
    this.#toggle.setAttribute('aria-expanded', String(open));
  }
}
