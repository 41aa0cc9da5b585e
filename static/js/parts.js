// Small pieces of the page. People's words get into it here, as text and never as markup.

/** @import { Part } from './text.js' */

import { links } from './links.js';
import { leadsTo } from './words.js';

/**
 * @param {Templates} template
 * @returns {HTMLElement}
 */
export function clone(template) {
  const first = /** @type {HTMLElement} */ (document.getElementById(template).content.firstElementChild);
  return /** @type {HTMLElement} */ (first.cloneNode(true));
}

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {string} text
 */
export function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

/**
 * Words in which names stand apart from the direction of the text around them, and are never translated.
 *
 * @param {Part[]} parts
 */
export const named = (parts) => parts.map((part) => (typeof part === 'string' ? part : untranslated('bdi', part.name)));

/**
 * A translated name, or number of a key, would be another one.
 *
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {string} text
 */
export function untranslated(name, text) {
  const made = element(name, text);
  made.translate = false;
  return made;
}

/**
 * A text in which the addresses can be followed.
 *
 * @param {string} text
 */
export const linked = (text) => links(text).map((part) => (part.href === undefined ? part.text : link(part)));

/** @param {{ text: string, href: string, host: string | null }} address */
function link({ text, href, host }) {
  const made = untranslated('a', text);
  if (host) {
    // Drawn behind the text by the style sheet: it belongs to the link's name, but not to what was said.
    made.dataset.host = host;
    made.title = leadsTo(host);
  }
  made.href = href;
  made.rel = 'noreferrer noopener';
  made.target = '_blank';
  made.dir = 'ltr'; // sets it apart from whatever direction the text around it has
  return made;
}
