import { doorPath } from './address.js';
import { empty, stages, tooShort } from './words.js';

/** The form in front of a room. */
export class Door {
  #page = document.getElementById('door');
  #form = this.#page.querySelector('form');
  #button = this.#form.querySelector('[type=submit]');
  #fields = {
    room: document.getElementById('roomname'),
    user: document.getElementById('username'),
    password: document.getElementById('password'),
  };
  #toggle = document.getElementById('show-password');
  #problem = document.getElementById('door-problem');
  #progress = document.getElementById('door-progress');
  #refusal = null;

  constructor({ submit, reload }) {
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit(submit);
    });
    this.#toggle.addEventListener('click', () => this.#show(this.#fields.password.type === 'password'));
    this.#problem.querySelector('button').addEventListener('click', () => {
      reload(this.#form.dataset.intent, this.#names());
    });
    const other = this.#page.querySelector('[data-other-door]');
    other.addEventListener('click', () => {
      other.href = doorPath(other.pathname, this.#names());
    });
  }

  /** Takes the names that the address brought, and waits at the first field that is still empty. */
  fill({ room, user }) {
    if (room) this.#fields.room.value = room;
    if (user) this.#fields.user.value = user;
    Object.values(this.#fields).find((field) => field.value === '')?.focus();
  }

  draw({ phase, stage, refusal, able }) {
    this.#page.hidden = phase === 'room' || phase === 'over';
    const busy = phase === 'entering';
    this.#button.disabled = busy || !able;
    this.#button.setAttribute('aria-busy', String(busy));
    this.#progress.textContent = (busy && stages[stage]) || '';

    if (refusal === this.#refusal) return;
    this.#refusal = refusal;
    this.#clear();
    if (refusal) this.#refuse(refusal);
  }

  #submit(submit) {
    this.#clear();
    const fault = this.#fault();
    if (fault) {
      this.#accuse(...fault);
      return;
    }
    const { password } = this.#fields;
    submit({ intent: this.#form.dataset.intent, ...this.#names(), password: password.value });
    password.value = '';
    this.#show(false);
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

  #refuse({ words, field, reload }) {
    if (field in this.#fields && !reload) {
      this.#accuse(field, words);
      return;
    }
    const [say, button] = this.#problem.children;
    this.#problem.hidden = false;
    say.textContent = words;
    button.hidden = !reload;
    if (reload) button.focus();
    else this.#fields.password.focus();
  }

  #accuse(name, words) {
    const field = this.#fields[name];
    field.setAttribute('aria-invalid', 'true');
    this.#error(field).textContent = words;
    field.focus();
  }

  #clear() {
    for (const field of Object.values(this.#fields)) {
      field.removeAttribute('aria-invalid');
      this.#error(field).textContent = '';
    }
    this.#problem.hidden = true;
    this.#problem.firstElementChild.textContent = '';
  }

  #error(field) {
    return document.getElementById(`${field.id}-error`);
  }

  #show(shown) {
    this.#fields.password.type = shown ? 'text' : 'password';
    this.#toggle.setAttribute('aria-pressed', String(shown));
  }
}
