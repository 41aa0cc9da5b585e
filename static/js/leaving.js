/** @import { State } from './model.js' */

/** A text may be on its way for so long without anybody being troubled with it. */
const ARRIVES_WITHIN_MS = 1000;

/** The ways out. They ask first only if something written would be lost. */
export class Leaving {
  #dialog = document.getElementById('leaving');
  #composer;
  #leave;
  #unsent = false;
  #underWay = false;
  #waits = 0; // for what is under way, so as to leave then
  #go = () => {}; // where one goes who does not mind

  /** @param {{ leave: () => void, composer: { hasDraft: boolean } }} with */
  constructor({ leave, composer }) {
    this.#composer = composer;
    this.#leave = leave;
    document.getElementById('leave').addEventListener('click', () => {
      if (this.#loses) this.#ask(leave);
      else if (this.#underWay) this.#waits ||= setTimeout(() => this.#goOn(), ARRIVES_WITHIN_MS);
      else leave();
    });
    for (const id of /** @type {const} */ (['remake', 'rejoin'])) {
      const link = document.getElementById(id);
      link.addEventListener('click', (event) => this.#follow(event, link.href));
    }
    document.getElementById('leaving-cancel').addEventListener('click', () => this.#dialog.close());
    document.getElementById('leaving-leave').addEventListener('click', () => {
      this.#dialog.close();
      this.#go();
    });
  }

  /**
   * While connected, a text that is still on its way will be there in a moment; a picture takes its time.
   *
   * @param {State} state
   */
  draw({ phase, sending, pictures, connection }) {
    const isStuck = phase === 'over' || connection.state !== 'connected';
    this.#unsent = (isStuck && sending.length > 0) || sending.some((key) => typeof key === 'string' && pictures.has(key));
    this.#underWay = sending.length > 0;
    if (this.#waits !== 0 && (isStuck || !this.#underWay)) this.#goOn();
  }

  /** The wait is over: all of it arrived, or somebody has to say that they do not mind. */
  #goOn() {
    this.#waitNoMore();
    if (this.#loses || this.#underWay) this.#ask(this.#leave);
    else this.#leave();
  }

  #waitNoMore() {
    clearTimeout(this.#waits);
    this.#waits = 0;
  }

  get #loses() {
    return this.#unsent || this.#composer.hasDraft;
  }

  /** @param {() => void} go */
  #ask(go) {
    this.#waitNoMore();
    this.#go = go;
    this.#dialog.showModal();
  }

  /**
   * Opened in a tab of its own, a link takes nobody out.
   *
   * @param {MouseEvent} event
   * @param {string} href
   */
  #follow(event, href) {
    if (!this.#loses || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.#ask(() => location.assign(href));
  }
}
