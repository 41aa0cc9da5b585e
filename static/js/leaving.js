/** The way out. It asks first only if something written would be lost. */
export class Leaving {
  #dialog = document.getElementById('leaving');
  #composer;
  #unsent = false;

  constructor({ leave, composer }) {
    this.#composer = composer;
    document.getElementById('leave').addEventListener('click', () => {
      if (this.#unsent || composer.hasDraft) this.#dialog.showModal();
      else leave();
    });
    document.getElementById('leaving-cancel').addEventListener('click', () => this.#dialog.close());
    document.getElementById('leaving-leave').addEventListener('click', () => {
      this.#dialog.close();
      leave();
    });
  }

  /** While connected, a text that is still on its way will be there in a moment; a picture takes its time. */
  draw({ sending, pictures, connection }) {
    const isWaiting = sending.length > 0 && connection.state !== 'connected';
    this.#unsent = isWaiting || sending.some((key) => pictures.has(key));
  }
}
