/** @import { EventOf, Person as Told } from './model.js' */

import { clone, untranslated } from './parts.js';
import { mute, tagOf, tags, unmute } from './words.js';

/** One person's row in the list. */
export class Person {
  element = clone('person-template');
  #another = /** @type {HTMLElement} */ (this.element.querySelector('.person__another'));
  #name = /** @type {HTMLElement} */ (this.element.querySelector('.person__name'));
  #tag = /** @type {HTMLElement} */ (this.element.querySelector('.person__tag'));
  #button = /** @type {HTMLButtonElement} */ (this.element.querySelector('button'));
  #muted = false;

  /**
   * @param {{ id: number }} person
   * @param {{ tell: (event: EventOf) => void }} does
   */
  constructor({ id }, { tell }) {
    this.#button.addEventListener('click', () => tell({ type: 'muted', id, muted: !this.#muted }));
  }

  /**
   * @param {Told} person
   * @param {boolean} muted
   */
  draw(person, muted) {
    const { name, connected, place, you, another } = person;
    this.#muted = muted;
    this.#name.textContent = name;
    this.#another.textContent = another ? `${tags.another} ` : '';
    this.#tag.textContent = tagOf(person) || (muted && tags.muted) || '';
    this.element.classList.toggle('person--away', !connected || place in tags);
    this.element.classList.toggle('person--muted', muted);
    this.#button.hidden = you;
    const words = muted ? unmute : mute;
    this.#button.querySelector('.unseen')?.replaceChildren(`${words} `, untranslated('span', name));
    this.#button.title = words;
  }
}
