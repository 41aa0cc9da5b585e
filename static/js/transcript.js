// What was said, as the text of a file. Nothing in it is signed: the file proves to nobody else what someone said.

/** @import { State } from './model.js' */

import { clockOf, dayOf } from './dates.js';
import { states, tags, transcript as words } from './words.js';

/** All that browsers, editors and terminals may take for the end of a line. */
const LINE_END = /\r\n|[\n\v\f\r\u0085\u2028\u2029]/u;
/** What some system does not take in the name of a file. The name of a room has no characters that cannot be seen. */
const NOT_IN_NAMES = /[\\/:*?"<>|]+/gu;

/**
 * @typedef {Pick<State, 'room' | 'log' | 'sending' | 'pictures'>} Talk
 *
 * @typedef {object} Line
 * @property {Date} time
 * @property {string} name
 * @property {boolean} another whether the name looks like one that another key had
 * @property {boolean} sent
 * @property {string} [text]
 * @property {string} [picture] its description, in place of a text
 */

/**
 * Every message, those of muted people too: hiding them on the page does not unsay them.
 *
 * @param {Talk} talk
 */
function linesOf({ log, sending, pictures }) {
  /** @type {Line[]} */
  const lines = [];
  for (let index = 0; index < log.length; index += 1) {
    const entry = log.at(index);
    if (entry?.kind !== 'message') continue;
    const { at, name, another, mine, counter, text, picture } = entry;
    lines.push({
      time: new Date(at),
      name,
      another,
      sent: !(mine && sending.includes(counter)),
      ...(picture === undefined ? { text } : { picture: pictures.get(picture)?.alt ?? '' }),
    });
  }
  return lines;
}

/**
 * A paragraph for each message. Its further lines are indented: no message can look like one of somebody else.
 *
 * @param {Talk} talk
 * @param {Date} now
 */
export function asText(talk, now) {
  const lines = linesOf(talk).map(({ time, name, another, sent, text, picture }) => {
    const who = `${another ? `${tags.another} ` : ''}${name}${sent ? '' : ` (${states.waiting})`}`;
    const said = (picture === undefined ? text ?? '' : words.picture(picture)).split(LINE_END).join('\n    ');
    return `[${stamp(time)}] ${who}: ${said}\n`;
  });
  return `${talk.room}\n${words.saved(stamp(now))}\n\n${lines.join('')}`;
}

/**
 * For programs: times in UTC, and only what is so.
 *
 * @param {Talk} talk
 * @param {Date} now
 */
export function asJson(talk, now) {
  const messages = linesOf(talk).map(({ another, sent, ...line }) => ({
    ...line,
    ...(another && { another }),
    ...(!sent && { sent }),
  }));
  return `${JSON.stringify({ room: talk.room, saved: now, messages }, null, 2)}\n`;
}

/**
 * @param {string} room
 * @param {Date} now
 * @param {'txt' | 'json'} ending
 */
export function fileName(room, now, ending) {
  const safe = room.replaceAll(NOT_IN_NAMES, ' ').replace(/^[\s.]+/u, '').trim();
  return `${safe || words.unnamed} ${dayOf(now)}.${ending}`;
}

/** @param {Date} time */
const stamp = (time) => `${dayOf(time)} ${clockOf(time, ':')}`;
