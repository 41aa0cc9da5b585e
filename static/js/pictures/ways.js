/**
 * The ways a picture comes in: by the button, by paste, and by drop. A drop anywhere is caught: a file that misses
 * its place would take the browser to another page, and end the visit.
 */
export class Ways {
  #button = document.getElementById('attach');
  #input = document.getElementById('picture-file');
  #room = document.getElementById('room');
  #listening = new AbortController();
  #take;

  /** @param {{ take: (files: File[]) => void }} does */
  constructor({ take }) {
    this.#take = take;
    const until = { signal: this.#listening.signal };
    this.#button.addEventListener('click', () => this.#input.click(), until);
    this.#input.addEventListener('change', () => this.#chosen(), until);
    document.getElementById('message').addEventListener('paste', (event) => this.#pasted(event), until);
    document.addEventListener('dragover', (event) => this.#over(event), until);
    document.addEventListener('dragleave', ({ relatedTarget }) => {
      if (relatedTarget === null) this.#mark(false);
    }, until);
    document.addEventListener('drop', (event) => this.#dropped(event), until);
  }

  /** @param {boolean} allowed */
  allow(allowed) {
    this.#button.disabled = !allowed;
  }

  close() {
    this.#listening.abort();
  }

  #chosen() {
    const files = [...(this.#input.files ?? [])];
    this.#input.value = '';
    this.#take(files);
  }

  /**
   * What is copied from a table or a document is text with a picture of it: the text is meant.
   *
   * @param {ClipboardEvent} event
   */
  #pasted(event) {
    if (event.clipboardData === null) return;
    const { files, types } = event.clipboardData;
    if (files.length === 0 || types.includes('text/plain')) return;
    event.preventDefault();
    this.#take([...files]);
  }

  /** @param {DragEvent} event */
  #over(event) {
    if (!event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = this.#button.disabled ? 'none' : 'copy';
    this.#mark(!this.#button.disabled);
  }

  /** @param {DragEvent} event */
  #dropped(event) {
    this.#mark(false);
    if (!event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    this.#take([...event.dataTransfer.files]);
  }

  /** @param {boolean} over */
  #mark(over) {
    this.#room.classList.toggle('room--drop', over);
  }
}
