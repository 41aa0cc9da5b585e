import { doorPath } from './address.js';
import { Countdown } from './countdown.js';
import { gateFor } from './gated.js';
import { nextName } from './names.js';
import { Password } from './password.js';
import { empty, notLoaded, remade, signingIn, stages, tooShort } from './words.js';

/** The form in front of a room. */
export class Door {
  #page = document.getElementById('door');
  #form = this.#page.querySelector('form');
  #button = this.#form.querySelector('[type=submit]');
  #password = new Password({ form: this.#form, names: () => this.#names() });
  #fields = {
    room: document.getElementById('roomname'),
    user: document.getElementById('username'),
    password: this.#password.field,
  };
  #join = document.getElementById('roomname-join');
  // The room that may be there by one's own doing: the address named it, to one whose own name it knew, or nobody
  // answered when one made it.
  #own = null;
  #problem = document.getElementById('door-problem');
  #progress = document.getElementById('door-progress');
  #refusal = null;
  // What the server's gate asks for; null where it is open.
  #gate = null;
  #gateFound = null;
  #signingIn = false;
  #state = null; // as last drawn
  #countdown = new Countdown(document.getElementById('door-wait'), () => this.#drawBusy());

  constructor({ submit, reload }) {
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit(submit);
    });
    // What was wrong with a field is not said of what is typed next.
    this.#form.addEventListener('input', ({ target }) => this.#forgive(target));
    for (const name of ['room', 'user']) this.#offer(name).addEventListener('click', () => this.#takeOffer(name));
    this.#problem.querySelector('button').addEventListener('click', () => {
      reload(this.#form.dataset.intent, this.#names());
    });
    for (const other of this.#page.querySelectorAll('[data-other-door]')) {
      other.addEventListener('click', () => {
        other.href = doorPath(other.pathname, this.#names());
      });
    }
  }

  /** Takes the names that the address brought, and waits at the first field that is still empty. */
  fill({ room, user }) {
    if (room) this.#fields.room.value = room;
    if (user) this.#fields.user.value = user;
    if (room && user) this.#own = this.#fields.room.value;
    Object.values(this.#fields).find((field) => field.value === '')?.focus();
  }

  /** From here on the form can be used: until then it cannot be sent, and says so if that lasts. */
  open() {
    document.getElementById('unstarted').remove();
    this.#button.disabled = false;
    this.#gateFound = this.#findGate();
  }

  /** Ends what the door has running. */
  close() {
    this.#password.take();
  }

  draw(state) {
    const { phase, refusal } = state;
    this.#state = state;
    this.#page.hidden = phase === 'room' || phase === 'over';
    this.#drawBusy();
    if (refusal === this.#refusal) return;
    this.#refusal = refusal;
    this.#clear();
    if (refusal) this.#refuse(refusal);
  }

  #drawBusy() {
    const { phase, stage, able } = this.#state ?? { able: true };
    const busy = phase === 'entering' || this.#signingIn;
    // Not disabled: a button that was pressed keeps the focus while its request is under way.
    this.#button.setAttribute('aria-disabled', String(busy || !able || this.#countdown.blocks));
    this.#button.setAttribute('aria-busy', String(busy));
    this.#progress.textContent = (this.#signingIn && signingIn) || (busy && stages[stage]) || '';
  }

  async #submit(submit) {
    if (this.#button.getAttribute('aria-disabled') === 'true') return;
    this.#clear();
    const fault = this.#fault();
    if (fault) {
      this.#accuse(...fault);
      return;
    }
    const pass = await this.#passGate();
    if (pass === undefined) return;
    submit({ intent: this.#form.dataset.intent, ...this.#names(), password: this.#password.take(), pass });
  }

  /** Finds out whether the server's gate asks for anything; what that takes is loaded only then. */
  async #findGate() {
    if (this.#gate) return;
    const kind = await gateFor(this.#form.dataset.intent);
    if (kind === null) return;
    document.head.append(document.getElementById('gate-modules').content);
    const { Gate } = await import('./gate.js');
    this.#gate = new Gate({ kind, form: this.#form, names: () => this.#names() });
    Object.assign(this.#fields, this.#gate.fields);
  }

  /** What the gate gave: null where it is open, undefined while it wants more. */
  async #passGate() {
    this.#signingIn = true;
    this.#drawBusy();
    try {
      await this.#gateFound;
      if (!this.#gate) return null;
      const fault = this.#gate.fault();
      if (fault) {
        this.#accuse(...fault);
        return undefined;
      }
      const { pass, refusal } = await this.#gate.enter();
      if (refusal) this.#refuse(refusal);
      return pass;
    } catch {
      this.#refuse({ words: notLoaded, reload: true });
      return undefined;
    } finally {
      this.#signingIn = false;
      this.#drawBusy();
    }
  }

  #names() {
    return { room: this.#fields.room.value, user: this.#fields.user.value };
  }

  /** What can be told without asking anyone; all else is for the core and the server to judge. */
  #fault() {
    const { room, user, password } = this.#fields;
    if (room.value.trim() === '') return ['room', empty.room];
    if (user.value.trim() === '') return ['user', empty.user];
    if (password.value === '') return ['password', empty.password];
    if ([...password.value].length < password.minLength) return ['password', tooShort(password.minLength)];
    return null;
  }

  #refuse({ words, field, reload, taken, inDoubt, wait, blocks, passWanted }) {
    if (wait > 0) {
      this.#countdown.start(wait, blocks);
      this.#drawBusy();
    }
    if (passWanted) {
      this.#gate?.forget();
      this.#gateFound = this.#findGate();
    }
    if (taken && field === 'room' && this.#fields.room.value === this.#own) {
      this.#offerToJoin();
      return;
    }
    if (field in this.#fields && !reload) {
      this.#accuse(field, words);
      if (taken) this.#makeOffer(field);
      return;
    }
    if (inDoubt) this.#own = this.#fields.room.value;
    const [say, button] = this.#problem.children;
    this.#problem.hidden = false;
    say.textContent = words;
    button.hidden = !reload;
    if (reload) button.focus();
    else if (this.#fields.password.value === '') this.#fields.password.focus();
    else this.#problem.scrollIntoView({ block: 'nearest' });
  }

  #accuse(name, words) {
    const field = this.#fields[name];
    field.setAttribute('aria-invalid', 'true');
    this.#error(field).textContent = words;
    field.focus();
  }

  /** Who makes a room again may come second: under another name they would wait there alone. */
  #offerToJoin() {
    this.#accuse('room', remade);
    this.#join.hidden = false;
    this.#join.focus();
  }

  #makeOffer(name) {
    const offer = this.#offer(name);
    const field = this.#fields[name];
    offer.querySelector('bdi').textContent = nextName(field.value, field.maxLength);
    offer.hidden = false;
  }

  #takeOffer(name) {
    this.#fields[name].value = this.#offer(name).querySelector('bdi').textContent;
    this.#clear();
    this.#fields.password.focus();
  }

  #clear() {
    for (const field of Object.values(this.#fields)) this.#forgive(field);
    for (const name of ['room', 'user']) this.#offer(name).hidden = true;
    this.#join.hidden = true;
    this.#countdown.stop();
    this.#problem.hidden = true;
    this.#problem.firstElementChild.textContent = '';
  }

  #forgive(field) {
    if (!this.#error(field)) return;
    field.removeAttribute('aria-invalid');
    this.#error(field).textContent = '';
  }

  #error(field) {
    return document.getElementById(`${field.id}-error`);
  }

  #offer(name) {
    return document.getElementById(`${this.#fields[name].id}-offer`);
  }
}
