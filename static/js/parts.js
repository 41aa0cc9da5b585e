// Small pieces of the page. People's words get into it here, as text and never as markup.

import { links } from './links.js';

export function clone(template) {
  return document.getElementById(template).content.firstElementChild.cloneNode(true);
}

export function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

/** Words in which names stand apart from the direction of the text around them. */
export const named = (parts) => parts.map((part) => (part.name === undefined ? part : element('bdi', part.name)));

/** A text in which the addresses can be followed. */
export const linked = (text) => links(text).map((part) => (part.href === undefined ? part.text : link(part)));

function link({ text, href }) {
  const made = element('a', text);
  made.href = href;
  made.rel = 'noreferrer noopener';
  made.target = '_blank';
  made.dir = 'ltr'; // sets it apart from whatever direction the text around it has
  return made;
}
