import assert from 'node:assert/strict';
import { test } from 'node:test';

import { arrivals, emoji, hidden, holdsOut, inSeconds, left, notes, tagOf, tags, title, tooLong, tooMany } from '../../static/js/words.js';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

/** A note as it is read. */
const read = (parts) => parts.map((part) => part.name ?? part).join('');

test('one thing is named in the singular', () => {
  assert.equal(left(0), '0 characters left');
  assert.equal(left(1), '1 character left');
  assert.equal(left(2), '2 characters left');
  assert.equal(tooMany(1), '1 character too many');
  assert.match(tooLong(1), / 1 character too long/u);
  assert.match(tooLong(20), / 20 characters too long/u);
  assert.equal(read(hidden({ name: 'Ana', count: 1 })), '1 message from Ana, muted');
  assert.equal(read(notes.missed({ name: 'Ana', count: 3 })), '3 messages from Ana did not arrive');
  assert.equal(emoji.count(0), 'Nothing found');
  assert.equal(emoji.count(1), '1 found');
});

test('a name is a part of its own', () => {
  const name = 'a name" left';
  for (const parts of [
    notes.newKey({ name }),
    notes.away({ name }),
    notes.back({ name }),
    notes.left({ name }),
    notes.missed({ name, count: 1 }),
    notes.unreadable({ name, why: 'sealed' }),
    arrivals({ name, another: true }, 'here'),
    hidden({ name, count: 1 }),
  ]) {
    assert.deepEqual(parts.filter((part) => part.name !== undefined), [{ name }]);
    assert.ok(parts.every((part) => part.name !== undefined || (typeof part === 'string' && !part.includes(name))));
  }
});

test('a departure says how it came about', () => {
  assert.equal(read(notes.left({ name: 'Ana', lost: false, here: true })), 'Ana left');
  assert.equal(read(notes.left({ name: 'Ana', lost: true, here: true })), 'Ana lost the connection');
  // Silence matters more than how it ended.
  for (const lost of [true, false]) {
    assert.match(read(notes.left({ name: 'Ana', lost, here: false })), /^Ana left without saying anything\./u);
  }
});

test('an arrival says how far it has come, and whether the name was used before', () => {
  const ana = { name: 'Ana', another: false };
  assert.equal(read(arrivals(ana, 'coming')), 'Ana is coming in…');
  assert.equal(read(arrivals(ana, 'here')), 'Ana came in');
  assert.equal(read(arrivals(ana, 'gone')), 'Ana was let in');
  const another = { name: 'Ana', another: true };
  assert.match(read(arrivals(another, 'coming')), /^Another Ana is coming in\. The name was used before/u);
  assert.match(read(arrivals(another, 'here')), /^Another Ana came in\. The name was used before/u);
});

test('a message that cannot be shown says why', () => {
  const told = (why) => read(notes.unreadable({ name: 'Ana', why }));
  assert.equal(told('sealed'), 'A message from Ana could not be opened.');
  assert.match(told('kind'), /^Ana sent something/u);
  assert.match(told('replayed'), /arrived twice/u);
  assert.equal(told('a reason of a later version'), told('sealed'));
});

test('a person has one tag: oneself, then coming or leaving, then away', () => {
  const here = { you: false, place: 'here', connected: true };
  assert.equal(tagOf(here), '');
  assert.equal(tagOf({ ...here, connected: false }), tags.away);
  assert.equal(tagOf({ ...here, place: 'coming', connected: false }), tags.coming);
  assert.equal(tagOf({ ...here, place: 'leaving' }), tags.leaving);
  assert.equal(tagOf({ you: true, place: 'coming', connected: false }), tags.you);
});

test('the time that a password holds out has one figure', () => {
  for (const [seconds, span] of [
    [0, 'less than a minute'],
    [MINUTE - 1, 'less than a minute'],
    [MINUTE, 'about 1 minute'],
    [2 * MINUTE, 'about 2 minutes'],
    [HOUR - 1, 'about 59 minutes'],
    [HOUR, 'about 1 hour'],
    [DAY - 1, 'about 23 hours'],
    [3 * DAY, 'about 3 days'],
    [YEAR / 12, 'about 1 month'],
    [YEAR - DAY, 'about 11 months'],
    [YEAR, 'about 1 year'],
    [1000 * YEAR - 1, 'about 999 years'],
    [1000 * YEAR, 'thousands of years'],
    [1e6 * YEAR, 'millions of years'],
    [1e9 * YEAR, 'billions of years'],
    [Infinity, 'billions of years'],
  ]) assert.ok(holdsOut(seconds).startsWith(`Holds out ${span} against `), `${seconds}: ${holdsOut(seconds)}`);
});

test('the countdown ends in an attempt', () => {
  assert.equal(inSeconds(2), ' in 2 s…');
  assert.equal(inSeconds(0), '…');
  assert.equal(inSeconds(-1), '…');
});

test('the title counts what was not read', () => {
  assert.equal(title('Book club', 0), 'Book club · Cloakroom');
  assert.equal(title('Book club', 3), '(3) Book club · Cloakroom');
});
