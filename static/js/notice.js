/** @import { EventOf, State } from './model.js' */

import { Chime } from './chime.js';
import { Notifier } from './notifier.js';

/** Tells one who looks elsewhere that somebody wrote: by sound, by a notification, or not at all, as chosen. */
export class Notice {
  #sound = document.getElementById('sound');
  #notifications = document.getElementById('notifications');
  #problem = document.getElementById('choices-problem');
  #chime = new Chime();
  #notifier = new Notifier();
  #choices = { sound: false, notifications: false };
  /** @type {State['heard']} */
  #heard = null;
  #tell;

  /** @param {{ tell: (event: EventOf) => void }} does */
  constructor({ tell }) {
    this.#tell = tell;
    this.#sound.addEventListener('click', () => this.#choose('sound', !this.#choices.sound));
    this.#notifications.addEventListener('click', () => this.#allow(!this.#choices.notifications));
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.#notifier.close();
    });
  }

  /** @param {State} state */
  draw({ choices, heard, phase }) {
    this.#choices = choices;
    this.#sound.setAttribute('aria-pressed', String(choices.sound));
    this.#notifications.setAttribute('aria-pressed', String(choices.notifications));
    if (phase === 'over') this.#notifier.close();
    if (heard === this.#heard) return;
    this.#heard = heard;
    if (heard && (document.hidden || !document.hasFocus())) this.#give(heard);
  }

  /** @param {{ name: string }} heard */
  #give({ name }) {
    if (this.#choices.sound) this.#chime.ring();
    if (this.#choices.notifications) this.#complain(this.#notifier.show(name));
  }

  /**
   * @param {keyof State['choices']} choice
   * @param {boolean} on
   */
  #choose(choice, on) {
    this.#tell({ type: 'chosen', choice, on });
    if (choice === 'sound' && on) this.#chime.ring(); // this is what it will sound like
  }

  /**
   * Leave is asked for when it is needed, and not before.
   *
   * @param {boolean} on
   */
  async #allow(on) {
    this.#problem.textContent = '';
    const problem = on ? await this.#notifier.ask() : null;
    if (problem === null) this.#choose('notifications', on);
    else this.#complain(problem);
  }

  /** @param {string | null} problem */
  #complain(problem) {
    if (problem === null) return;
    this.#problem.textContent = problem;
    if (this.#choices.notifications) queueMicrotask(() => this.#choose('notifications', false));
  }
}
