import { links } from './links.js';
import { isAlone } from './model.js';
import { Scroll } from './scroll.js';
import { states } from './words.js';

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

/** The log. It only ever adds what is new, and touches an older message only to say what became of it. */
export class Messages {
  #log = document.getElementById('messages');
  #entries = this.#log.querySelector('.log__entries');
  #alone = this.#log.querySelector('.alone');
  #group = document.getElementById('group-template').content;
  #message = document.getElementById('message-template').content;
  #note = document.getElementById('note-template').content;
  #scroll = new Scroll();
  #drawn = 0;
  #unsent = new Map(); // counter → where the message's state is said

  draw({ log, sending, people, phase }) {
    const fresh = log.slice(this.#drawn);
    for (const entry of fresh) this.#add(entry);
    if (fresh.some(({ mine }) => mine)) this.#scroll.toEnd();
    this.#drawn = log.length;
    this.#settle(sending, phase);
    this.#alone.hidden = phase === 'over' || !isAlone({ people });
  }

  #add(entry) {
    if (entry.kind === 'note') this.#entries.append(this.#noteOf(entry));
    else if (entry.follows) this.#entries.lastElementChild.append(this.#messageOf(entry));
    else this.#entries.append(this.#groupOf(entry));
  }

  #noteOf({ parts }) {
    const note = this.#note.cloneNode(true).firstElementChild;
    note.append(...parts.map((part) => (part.name === undefined ? part : element('bdi', part.name))));
    return note;
  }

  #groupOf(entry) {
    const group = this.#group.cloneNode(true).firstElementChild;
    group.classList.toggle('group--mine', entry.mine);
    group.querySelector('bdi').textContent = entry.name;
    group.append(this.#messageOf(entry));
    return group;
  }

  #messageOf({ text, mine, counter, at }) {
    const message = this.#message.cloneNode(true).firstElementChild;
    message.querySelector('.message__text').append(...links(text).map(inline));
    tell(message.querySelector('time'), at);
    if (mine) {
      const state = message.querySelector('.message__state');
      state.textContent = states.sending;
      this.#unsent.set(counter, state);
    }
    return message;
  }

  #settle(sending, phase) {
    for (const [counter, state] of this.#unsent) {
      if (!sending.includes(counter)) {
        state.textContent = '';
        this.#unsent.delete(counter);
      } else if (phase === 'over') {
        state.textContent = states.unsent;
      }
    }
  }
}

function inline({ text, href }) {
  if (href === undefined) return text;
  const link = element('a', text);
  link.href = href;
  link.rel = 'noreferrer noopener';
  link.target = '_blank';
  link.dir = 'ltr'; // sets it apart from whatever direction the text around it has
  return link;
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

/** When the message was shown here: senders tell no time. */
function tell(time, at) {
  const date = new Date(at);
  time.dateTime = date.toISOString();
  time.textContent = clock.format(date);
}
