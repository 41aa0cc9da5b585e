import { Group } from './group.js';
import { Log } from './log.js';
import { isAlone } from './model.js';
import { clone, element, named } from './parts.js';
import { Reading } from './reading.js';
import { Scroll } from './scroll.js';
import { Sending } from './sending.js';
import { Tools } from './tools.js';
import { arrivals } from './words.js';

const CHUNK = 40; // entries that a browser lays out, or passes over, together
const days = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });

/** The list of messages. It only adds new ones, and changes an older one only to update its delivery state. */
export class Messages {
  #entries = document.querySelector('.log__entries');
  #alone = document.querySelector('.alone');
  #marker = clone('marker-template');
  #scroll = new Scroll({ changed: () => this.#reading.look() });
  #reading;
  #chunk = null;
  #room = 0; // entries that the last chunk still takes
  #group = null; // to which the next message may belong
  #groups = new Map(); // member → all their groups
  #day = null;
  #drawn = new Log();
  #muted = new Set();
  #newcomers = new Map(); // id → { event, note } of those who were let in, and not heard of yet
  #people = null;
  #sending;

  constructor({ retry, tell }) {
    this.#sending = new Sending({ retry });
    this.#reading = new Reading({ scroll: this.#scroll, marker: this.#marker, tell });
    new Tools();
  }

  draw(state) {
    const { log, marker, muted, phase, people } = state;
    if (log !== this.#drawn) this.#extend(log, marker);
    if (people !== this.#people) this.#await(people);
    if (marker === null) this.#marker.remove();
    if (muted !== this.#muted) this.#mute(muted);
    this.#sending.draw(state);
    this.#reading.draw(state);
    this.#alone.hidden = phase === 'over' || !isAlone(state);
  }

  #extend(log, marker) {
    let mine = false;
    for (let index = this.#drawn.length; index < log.length; index += 1) {
      const entry = log.at(index);
      this.#add(entry, index === marker);
      mine ||= entry.mine;
    }
    this.#drawn = log;
    if (mine) this.#scroll.follow();
  }

  #add(entry, isMarked) {
    const turned = this.#turn(entry.at);
    if (isMarked) this.#place(this.#marker);
    if (entry.kind === 'note') {
      const note = clone('note-template');
      const { newcomer, parts } = entry;
      note.append(...named(newcomer ? arrivals(newcomer, newcomer.here ? 'here' : 'coming') : parts));
      if (newcomer && !newcomer.here) this.#newcomers.set(newcomer.id, { event: newcomer, note });
      this.#place(note);
      this.#group = null;
      return;
    }
    const goesOn = entry.follows && !turned && !isMarked;
    if (!goesOn || this.#room === 0) this.#begin(entry, { headed: !goesOn });
    const message = this.#group.add(entry);
    this.#room -= 1;
    // `pictures/` shows the state of pictures.
    if (entry.mine && !entry.picture) this.#sending.add(entry, message);
  }

  #begin(entry, { headed }) {
    this.#group = new Group(entry, { headed });
    if (this.#muted.has(entry.id)) this.#group.mute(true);
    const groups = this.#groups.get(entry.id);
    if (groups) groups.push(this.#group);
    else this.#groups.set(entry.id, [this.#group]);
    this.#place(this.#group.element);
  }

  /** Says which day it is when it is another than that of what stands above. */
  #turn(at) {
    const date = new Date(at);
    const day = days.format(date);
    const turned = this.#day !== null && day !== this.#day;
    this.#day = day;
    if (turned) this.#place(element('h2', day)).className = 'day';
    return turned;
  }

  #place(entry) {
    if (this.#room === 0) {
      this.#chunk = clone('chunk-template');
      this.#entries.append(this.#chunk);
      this.#room = CHUNK;
    }
    this.#chunk.append(entry);
    return entry;
  }

  /** When a newcomer speaks, its note becomes "came in". When it leaves unheard, it becomes "was let in". */
  #await(people) {
    this.#people = people;
    if (this.#newcomers.size === 0) return;
    const places = new Map(people.map(({ id, place }) => [id, place]));
    for (const [id, { event, note }] of this.#newcomers) {
      const place = places.get(id);
      if (place === 'coming' || place === 'leaving') continue;
      note.replaceChildren(...named(arrivals(event, place ?? 'gone')));
      this.#newcomers.delete(id);
    }
  }

  #mute(muted) {
    for (const [id, groups] of this.#groups) {
      if (muted.has(id) === this.#muted.has(id)) continue;
      for (const group of groups) group.mute(muted.has(id));
    }
    this.#muted = muted;
  }
}
