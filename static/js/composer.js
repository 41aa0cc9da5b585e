import { Allowance } from './allowance.js';
import { tooLong } from './words.js';

/** The message box. It keeps the text until it is sent or rejected, whatever happens to the connection. */
export class Composer {
  #form = document.getElementById('composer');
  #box = document.getElementById('message');
  #button = this.#form.querySelector('[type=submit]');
  #problem = document.getElementById('composer-problem');
  #kept = document.getElementById('composer-kept');
  #count = document.getElementById('composer-count');
  #said = document.getElementById('composer-said');
  #allowance = new Allowance(Number(this.#box.dataset.most));
  #touch = matchMedia('(pointer: coarse) and (hover: none)');
  #excess = 0; // characters too many
  #rejection = null;
  #send;

  constructor({ send }) {
    this.#send = send;
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#box.addEventListener('keydown', (event) => this.#pressed(event));
    this.#box.addEventListener('input', () => this.#changed());
    this.#touch.addEventListener('change', () => this.#hint());
    this.#hint();
  }

  /** Whether something stands here that was not sent. */
  get hasDraft() {
    return this.#box.value.trim() !== '';
  }

  focus() {
    this.#box.focus();
  }

  /** Writes where the caret is, in place of what is selected; the browser's own undo takes it back. */
  insert(text) {
    this.#box.focus();
    if (this.#box.readOnly || document.execCommand('insertText', false, text)) return;
    const { selectionStart, selectionEnd } = this.#box;
    this.#box.setRangeText(text, selectionStart, selectionEnd, 'end');
    this.#changed();
  }

  draw({ phase, rejection }) {
    if (rejection !== this.#rejection) this.#take(rejection);
    if (phase === 'over') this.#end();
  }

  /** Puts a rejected text back, before anything typed since. */
  #take(rejection) {
    const before = this.#rejection?.words;
    this.#rejection = rejection;
    if (rejection) {
      this.#complain(rejection.words);
      this.#write([rejection.text, this.#box.value].filter(Boolean).join('\n'));
    } else if (this.#problem.textContent === before) {
      this.#complain('');
    }
  }

  /** When the room is over a draft can still be selected and copied; an empty box has no use any more. */
  #end() {
    this.#box.readOnly = true; // not disabled: that could not be copied from
    this.#button.hidden = true;
    this.#measure('');
    this.#complain('');
    this.#form.hidden = !this.hasDraft;
    this.#kept.hidden = !this.hasDraft;
  }

  #submit() {
    const text = this.#box.value;
    if (this.#box.readOnly || text.trim() === '') return;
    this.focus();
    if (this.#excess > 0) {
      this.#complain(tooLong(this.#excess));
      return;
    }
    this.#write('');
    this.#send(text);
  }

  #pressed(event) {
    // In some browsers the Enter that ends a composition comes just after it, told apart by its key code alone.
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key !== 'Enter' || event.shiftKey) return;
    // The keyboard of a phone has no second key for a new line: there the button sends.
    if (this.#touch.matches && !event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.#submit();
  }

  /** What the Enter key of an on-screen keyboard is labelled with. */
  #hint() {
    this.#box.enterKeyHint = this.#touch.matches ? 'enter' : 'send';
  }

  #complain(words) {
    this.#problem.textContent = words;
    this.#box.setAttribute('aria-invalid', String(words !== ''));
  }

  #write(text) {
    this.#box.value = text;
    this.#changed();
  }

  #changed() {
    const before = this.#excess;
    this.#measure(this.#box.value);
    if (before > 0 && this.#excess === 0) this.#complain('');
    this.#grow();
  }

  #measure(text) {
    const { excess, shown, said } = this.#allowance.measure(text);
    this.#excess = excess;
    this.#count.textContent = shown;
    this.#count.classList.toggle('composer__count--over', excess > 0);
    if (said !== null) this.#said.textContent = said;
  }

  /** For browsers whose text fields do not size themselves; the style sheet sets the limit. */
  #grow() {
    if (CSS.supports('field-sizing', 'content')) return;
    this.#box.style.height = 'auto';
    this.#box.style.height = `${this.#box.scrollHeight}px`;
  }
}
