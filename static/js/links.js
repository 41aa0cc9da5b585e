// Finds the addresses in a text. The parts that it is taken apart into are the text again when they are put together.
// `host` is where an address really leads, in ASCII, if it does not say so itself: letters can look like others, and
// the part before an @ can look like a host: `apple.com@evil.example` is at evil.example. Otherwise it is null.

const PROTOCOLS = new Set(['http:', 'https:', 'mailto:']);
// Marks that change the direction of text end an address: they could make it look like another.
const CANDIDATE = /\b(?:https?:\/\/|mailto:)[^\s<>"“”«»`\u200e\u200f\u202a-\u202e\u2066-\u2069]+/giu;
const TRAILING = /[.,;:!?'’…*_~|。、，！？]/u;
const MOST = 50; // in one text: each link is an element that the browser has to style and lay out
const BRACKETS = new Map([[')', '('], [']', '['], ['}', '{']]);

/**
 * @typedef {{ text: string, href?: undefined } | { text: string, href: string, host: string | null }} Part
 *
 * @param {string} text
 */
export function links(text) {
  /** @type {Part[]} */
  const parts = [];
  let end = 0;
  let count = 0;
  for (const { 0: found, index } of text.matchAll(CANDIDATE)) {
    const address = withoutTail(found);
    const url = allowed(address);
    if (url === null) continue;
    if (index > end) parts.push({ text: text.slice(end, index) });
    parts.push({ text: address, href: url.href, host: otherHost(address, url) });
    end = index + address.length;
    count += 1;
    if (count === MOST) break;
  }
  if (end < text.length) parts.push({ text: text.slice(end) });
  return parts;
}

/**
 * A sentence's full stop is not the address's; nor is a bracket that the address did not open.
 *
 * @param {string} found
 */
function withoutTail(found) {
  const open = new Map();
  for (const mark of found) open.set(mark, (open.get(mark) ?? 0) + 1);
  /** @param {string | undefined} mark */
  const count = (mark) => open.get(mark) ?? 0;

  let end = found.length;
  for (; end > 0; end -= 1) {
    const last = found[end - 1];
    const unopened = BRACKETS.has(last) && count(last) > count(BRACKETS.get(last));
    if (!unopened && !TRAILING.test(last)) break;
    open.set(last, count(last) - 1);
  }
  return found.slice(0, end);
}

/** @param {string} address */
function allowed(address) {
  const url = parsed(address);
  return url !== null && PROTOCOLS.has(url.protocol) ? url : null;
}

/** @param {string} address */
function parsed(address) {
  try {
    return new URL(address);
  } catch {
    return null;
  }
}

/**
 * @param {string} address
 * @param {URL} url
 */
function otherHost(address, url) {
  if (url.protocol === 'mailto:') return otherMailHosts(address);
  const [, typed] = /^[^:]*:\/\/([^/\\?#]*)/u.exec(address) ?? [];
  return typed?.replace(/:\d*$/u, '').toLowerCase() === url.hostname ? null : url.host;
}

/**
 * The hosts of the people to whom a letter goes: the browser leaves these as they were typed.
 *
 * @param {string} address
 */
function otherMailHosts(address) {
  const [, people] = /^mailto:([^?#]*)/iu.exec(address) ?? [];
  const hosts = (people ?? '').split(',').map((person) => {
    const typed = person.slice(person.lastIndexOf('@') + 1).toLowerCase();
    const host = parsed(`https:${typed}`)?.hostname;
    return host === typed ? null : host;
  });
  return hosts.filter(Boolean).join(', ') || null;
}
