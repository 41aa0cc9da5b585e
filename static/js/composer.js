/** Where one writes. What was typed stays until it is sent, whatever happens to the connection. */
export class Composer {
  #form = document.getElementById('composer');
  #box = document.getElementById('message');
  #button = this.#form.querySelector('button');
  #problem = document.getElementById('composer-problem');
  #rejection = null;
  #send;

  constructor({ send }) {
    this.#send = send;
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#box.addEventListener('keydown', (event) => this.#pressed(event));
    this.#box.addEventListener('input', () => this.#grow());
  }

  focus() {
    this.#box.focus();
  }

  draw({ phase, rejection }) {
    const over = phase === 'over';
    this.#box.readOnly = over; // not disabled: a draft can still be selected and copied
    this.#button.disabled = over;

    if (rejection === this.#rejection) return;
    this.#rejection = rejection;
    this.#problem.textContent = rejection?.words ?? '';
    this.#box.setAttribute('aria-invalid', String(rejection !== null));
    // Nothing typed is lost: what came back goes before what was typed since.
    if (rejection) this.#write([rejection.text, this.#box.value].filter(Boolean).join('\n'));
  }

  #submit() {
    const text = this.#box.value;
    if (this.#box.readOnly || text.trim() === '') return;
    this.#write('');
    this.#send(text);
    this.focus();
  }

  #pressed(event) {
    // In some browsers the Enter that ends a composition comes just after it, told apart by its key code alone.
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key !== 'Enter' || event.shiftKey) return;
    event.preventDefault();
    this.#submit();
  }

  #write(text) {
    this.#box.value = text;
    this.#grow();
  }

  /** For browsers whose text fields do not size themselves; the style sheet sets the limit. */
  #grow() {
    if (CSS.supports('field-sizing', 'content')) return;
    this.#box.style.height = 'auto';
    this.#box.style.height = `${this.#box.scrollHeight}px`;
  }
}
