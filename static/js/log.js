/**
 * A list that only grows, as a value: adding to it gives another list and leaves this one as it was. The two share
 * their entries and know their own lengths, so that adding costs the same however long the list is.
 *
 * @template Entry
 */
export class Log {
  #entries;
  #length;

  /** @param {Entry[]} entries */
  constructor(entries = []) {
    this.#entries = entries;
    this.#length = entries.length;
  }

  get length() {
    return this.#length;
  }

  /** @param {number} index */
  at(index) {
    const place = index < 0 ? this.#length + index : index;
    return place < this.#length ? this.#entries[place] : undefined;
  }

  /** @param {Entry} entry */
  with(entry) {
    // Where another list went on from here already, its entries are its own.
    const isEnd = this.#entries.length === this.#length;
    const entries = isEnd ? this.#entries : this.#entries.slice(0, this.#length);
    entries.push(entry);
    return new Log(entries);
  }
}
