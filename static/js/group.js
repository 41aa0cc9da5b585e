import { clone, element, linked, named } from './parts.js';
import { hidden, tags } from './words.js';

const clock = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' });

/** What one person said in one go, under their name and the time of the first message. */
export class Group {
  element = clone('group-template');
  #name;
  #head = this.element.querySelector('.group__head');
  #veil = null; // stands for the messages of someone who is muted
  #count = 0;

  constructor({ name, another, mine }, { headed }) {
    this.#name = name;
    this.element.classList.toggle('group--mine', mine);
    this.#head.classList.toggle('unseen', !headed);
    this.element.querySelector('bdi').textContent = name;
    if (another) this.element.querySelector('h2').prepend(element('span', `${tags.another} `));
  }

  add({ text, picture, at }) {
    const message = clone(picture ? 'picture-template' : 'message-template');
    if (picture) message.dataset.picture = picture;
    else message.querySelector('.message__text').append(...linked(text));
    const time = message.querySelector('time');
    tell(time, at);
    if (this.#count === 0) {
      time.classList.remove('unseen');
      this.#head.append(time);
    }
    this.element.append(message);
    this.#count += 1;
    this.#unveil();
    return message;
  }

  mute(muted) {
    this.element.classList.toggle('group--muted', muted);
    if (muted && this.#veil === null) {
      this.#veil = clone('veil-template');
      this.#veil.addEventListener('click', () => this.#look());
      this.#head.after(this.#veil);
    }
    if (!muted) {
      this.#veil?.remove();
      this.#veil = null;
    }
    this.#unveil();
  }

  #look() {
    const open = this.element.classList.toggle('group--open');
    this.#veil.setAttribute('aria-expanded', String(open));
  }

  #unveil() {
    this.#veil?.replaceChildren(...named(hidden({ name: this.#name, count: this.#count })));
  }
}

/** Messages carry no time, so this is when it was shown here. */
function tell(time, at) {
  const date = new Date(at);
  time.dateTime = date.toISOString();
  time.textContent = clock.format(date);
}
