/** The ways out. They ask first only if something written would be lost. */
export class Leaving {
  #dialog = document.getElementById('leaving');
  #composer;
  #unsent = false;
  #go = null; // where one goes who does not mind

  constructor({ leave, composer }) {
    this.#composer = composer;
    document.getElementById('leave').addEventListener('click', () => {
      if (this.#loses) this.#ask(leave);
      else leave();
    });
    for (const id of ['remake', 'rejoin']) {
      document.getElementById(id).addEventListener('click', (event) => this.#follow(event));
    }
    document.getElementById('leaving-cancel').addEventListener('click', () => this.#dialog.close());
    document.getElementById('leaving-leave').addEventListener('click', () => {
      this.#dialog.close();
      this.#go();
    });
  }

  /** While connected, a text that is still on its way will be there in a moment; a picture takes its time. */
  draw({ phase, sending, pictures, connection }) {
    const isStuck = phase === 'over' || connection.state !== 'connected';
    this.#unsent = (isStuck && sending.length > 0) || sending.some((key) => pictures.has(key));
  }

  get #loses() {
    return this.#unsent || this.#composer.hasDraft;
  }

  #ask(go) {
    this.#go = go;
    this.#dialog.showModal();
  }

  /** Opened in a tab of its own, a link takes nobody out. */
  #follow(event) {
    if (!this.#loses || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const { href } = event.currentTarget;
    this.#ask(() => location.assign(href));
  }
}
