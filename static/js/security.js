import { compared, ownKey, safety, tagOf } from './words.js';

const clock = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' });

/** Who holds keys, and how to make sure of it. */
export class Security {
  #dialog = document.getElementById('security');
  #opener = document.getElementById('security-open');
  #words = document.getElementById('safety');
  #changed = document.getElementById('keys-changed');
  #prints = document.getElementById('prints');
  #print = document.getElementById('print-template').content;
  #inside = this.#dialog.querySelectorAll('[data-inside]');
  #asked = null; // the keys whose words were asked for
  #failed = false;
  #keys = null;
  #ask;
  #tell;

  constructor({ ask, tell }) {
    this.#ask = ask;
    this.#tell = tell;
    this.#opener.addEventListener('click', () => this.#open());
    document.getElementById('security-close').addEventListener('click', () => this.#dialog.close());
  }

  draw({ phase, keys, people, compared: marks, safety: found }) {
    this.#opener.disabled = phase === 'over';
    if (phase === 'over') this.#dialog.close();
    this.#keys = keys;
    this.#failed = Boolean(found?.why);
    this.#words.textContent = keys ? this.#said(found) : safety.outside;
    this.#words.classList.toggle('safety--known', Boolean(found?.words));
    this.#words.translate = !found?.words;
    for (const part of this.#inside) part.hidden = !keys;
    if (keys) {
      this.#changed.dateTime = new Date(keys.at).toISOString();
      this.#changed.textContent = clock.format(keys.at);
    }
    this.#wonder();
    this.#list(people, marks);
  }

  /** What failed before is tried again by who looks again. */
  #open() {
    if (this.#failed) {
      this.#asked = null;
      this.#tell({ type: 'safetyRequested' });
    }
    this.#dialog.showModal();
    this.#wonder();
  }

  #said(found) {
    return found === null ? safety.waiting : (found.words ?? safety[found.why]);
  }

  /** The words are worked out while somebody looks, and anew for every change of keys. */
  #wonder() {
    if (!this.#dialog.open || this.#keys === null || this.#asked === this.#keys) return;
    this.#asked = this.#keys;
    this.#ask();
  }

  #list(people, marks) {
    const rows = people.map((person) => this.#rowOf(person, marks.get(person.id)?.fingerprint === person.fingerprint));
    // Only what differs is touched: a box that has the focus keeps it.
    rows.forEach((row, place) => {
      if (this.#prints.children[place] !== row) this.#prints.insertBefore(row, this.#prints.children[place] ?? null);
    });
    while (this.#prints.children.length > rows.length) this.#prints.lastElementChild.remove();
  }

  #rowOf(person, isCompared) {
    const { id, name, fingerprint, you } = person;
    const key = `print-${id}`;
    const row = this.#prints.querySelector(`#${key}`) ?? this.#print.cloneNode(true).firstElementChild;
    const [head, digits, label] = row.children;
    const [shown, tag] = head.children;
    const box = label.firstElementChild;
    if (row.id !== key) {
      row.id = key;
      box.addEventListener('change', () => this.#tell({ type: 'compared', id, yes: box.checked }));
    }
    shown.textContent = you ? ownKey(name) : name;
    tag.textContent = you ? '' : tagOf(person);
    digits.textContent = fingerprint;
    label.hidden = you;
    box.checked = isCompared;
    box.setAttribute('aria-label', compared(name));
    return row;
  }
}
