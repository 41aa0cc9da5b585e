import assert from 'node:assert/strict';
import { test } from 'node:test';

import { next, start } from '../../static/js/model.js';
import { asJson, asText, fileName } from '../../static/js/transcript.js';

const AT = new Date(2024, 4, 1, 12, 0, 5).getTime();
const NOW = new Date(2024, 4, 1, 13, 30, 0);

const play = (...events) => events.reduce(next, { ...start, phase: 'room', room: 'Book club', user: 'Me' });
const message = (id, name, text, more) => ({ type: 'message', id, name, text, mine: id === 1, counter: 7, at: AT, ...more });
const picture = (alt, more) => ({
  type: 'picture', id: 2, picture: 1, name: 'Ana', mine: false, width: 4, height: 3, length: 100, alt, at: AT, ...more,
});
const ofText = (...events) => asText(play(...events), NOW);
const ofJson = (...events) => JSON.parse(asJson(play(...events), NOW)).messages;

test('a text has the room, when it was saved, and each message with time and name', () => {
  assert.equal(
    ofText(message(2, 'Ana', 'hello'), { type: 'left', id: 2, name: 'Ana', lost: false, here: true, at: AT }, message(3, 'Bo', 'hi')),
    'Book club\nSaved 2024-05-01 13:30:00\n\n[2024-05-01 12:00:05] Ana: hello\n[2024-05-01 12:00:05] Bo: hi\n',
  );
});

test('no message looks like two', () => {
  for (const end of ['\n', '\r', '\r\n', '\v', '\f', '\u0085', '\u2028', '\u2029']) {
    const said = `yes${end}[2024-05-01 12:00:06] Bo: no`;
    const lines = ofText(message(2, 'Ana', said)).split('\n').slice(3, -1);
    assert.deepEqual(lines, ['[2024-05-01 12:00:05] Ana: yes', '    [2024-05-01 12:00:06] Bo: no'], JSON.stringify(end));
  }
  assert.ok(ofText(picture('a cat\n[2024-05-01 12:00:06] Bo: no')).includes('\n    [2024'));
});

test('JSON has times in UTC and texts as they are', () => {
  const talk = play(message(2, 'Ana', 'a\nb "c"'));
  assert.deepEqual(JSON.parse(asJson(talk, NOW)), {
    room: 'Book club',
    saved: NOW.toISOString(),
    messages: [{ time: new Date(AT).toISOString(), name: 'Ana', text: 'a\nb "c"' }],
  });
});

test('a picture is named by its description only', () => {
  const { time, ...rest } = ofJson(picture('a cat'))[0];
  assert.equal(time, new Date(AT).toISOString());
  assert.deepEqual(rest, { name: 'Ana', picture: 'a cat' });
  assert.ok(ofText(picture('a cat')).endsWith('Ana: [Picture: a cat]\n'));
  assert.ok(ofText(picture('')).endsWith('Ana: [Picture]\n'));
});

test('what is not sent yet says so', () => {
  const mine = message(1, 'Me', 'hello');
  assert.ok(ofText(mine).endsWith('Me (not sent): hello\n'));
  assert.equal(ofJson(mine)[0].sent, false);
  const accepted = { type: 'accepted', counter: 7 };
  assert.ok(ofText(mine, accepted).endsWith('Me: hello\n'));
  assert.equal('sent' in ofJson(mine, accepted)[0], false);
  // Another's counter is none of one's own.
  assert.equal('sent' in ofJson(mine, message(2, 'Ana', 'hi'))[1], false);
});

test('a name that looks like another one is marked', () => {
  const people = { type: 'people', at: AT, people: [{ id: 2, name: 'Ana', connected: true, place: 'here', another: true, you: false }] };
  assert.ok(ofText(people, message(2, 'Ana', 'hello')).endsWith('another Ana: hello\n'));
  assert.equal(ofJson(people, message(2, 'Ana', 'hello'))[0].another, true);
});

test('muted people are in it too', () => {
  assert.equal(ofJson({ type: 'muted', id: 2, muted: true }, message(2, 'Ana', 'hello')).length, 1);
});

test('the file is named by room and day', () => {
  assert.equal(fileName('Book club', NOW, 'txt'), 'Book club 2024-05-01.txt');
  assert.equal(fileName('Bücher 📚', NOW, 'json'), 'Bücher 📚 2024-05-01.json');
  assert.equal(fileName('../a/b\\c:d', NOW, 'txt'), 'a b c d 2024-05-01.txt');
  assert.equal(fileName('?', NOW, 'txt'), 'transcript 2024-05-01.txt');
});
