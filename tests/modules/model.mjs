import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isAlone, isNew, next, start } from '../../static/js/model.js';
import { notes, notLoaded, stopped } from '../../static/js/words.js';

const MINUTE = 60_000;
const NOON = Date.UTC(2024, 4, 1, 12);

const person = (id, name, more) => ({
  id, name, connected: true, place: 'here', another: false, you: false, fingerprint: `print of ${name}`, ...more,
});
const me = person(1, 'Me', { you: true });
const ana = person(2, 'Ana');
const bo = person(3, 'Bo');

const play = (state, ...events) => events.reduce(next, state);
const people = (...those) => ({ type: 'people', people: those, at: NOON });
const connection = (state) => ({ type: 'connection', state, retry_in_ms: 0, words: '', at: NOON });
const message = (id, more) => ({ type: 'message', id, name: `member ${id}`, text: 'hello', mine: id === 1, counter: 7, at: NOON, ...more });
const picture = (id, number, more) => ({
  type: 'picture', id, picture: number, name: `member ${id}`, mine: id === 1, width: 4, height: 3, length: 100, alt: '', at: NOON, ...more,
});
const moved = (id, number, bytes) => ({ type: 'picture_moved', id, picture: number, bytes, on_its_way: true });

const entriesOf = ({ log }) => Array.from({ length: log.length }, (_, index) => log.at(index));
const notesOf = (state) => entriesOf(state).filter(({ kind }) => kind === 'note').map(({ parts }) => parts);

const entered = play(
  start,
  { type: 'submitted', intent: 'join' },
  { type: 'admitted', room: 'Book club', user: 'Me' },
  connection('connected'),
);
/** In the room with Ana and Bo, with nothing in the log. */
const together = { ...play(entered, people(me, ana, bo)), log: start.log };

test('an event that the model does not know changes nothing', () => {
  for (const type of ['nonsense', 'toString', 'constructor', '__proto__']) assert.equal(next(start, { type }), start, type);
});

test('the way in goes from the door to the room', () => {
  const submitted = next({ ...start, refusal: { words: 'no' } }, { type: 'submitted', intent: 'create' });
  assert.equal(submitted.phase, 'entering');
  assert.equal(submitted.stage, 'deriving');
  assert.equal(submitted.refusal, null);
  assert.equal(submitted.made, true);
  assert.equal(next(start, { type: 'submitted', intent: 'join' }).made, false);

  const asked = next(submitted, { type: 'progress', stage: 'entering' });
  assert.equal(asked.stage, 'entering');

  const admitted = next(asked, { type: 'admitted', room: 'Book club', user: 'Ana' });
  assert.equal(admitted.phase, 'room');
  assert.equal(admitted.stage, null);
  assert.equal(admitted.room, 'Book club');
  assert.equal(admitted.user, 'Ana');
});

test('a refusal leads back to the door and says what to do about it', () => {
  const entering = next(start, { type: 'submitted', intent: 'join' });
  for (const [code, does] of [
    ['stale', ['reload']],
    ['room_name_taken', ['taken']],
    ['user_name_taken', ['taken']],
    ['unreachable', ['inDoubt']],
    ['room_id_taken', ['inDoubt']],
    ['internal', []],
  ]) {
    const { phase, stage, able, refusal } = next(entering, { type: 'refused', code, words: 'why', field: 'room' });
    assert.deepEqual({ phase, stage, able }, { phase: 'door', stage: null, able: true }, code);
    const { words, field, ...flags } = refusal;
    assert.deepEqual({ words, field }, { words: 'why', field: 'room' });
    assert.deepEqual(Object.keys(flags).filter((flag) => flags[flag]), does, code);
  }
  assert.equal(next(entering, { type: 'refused', code: 'internal', words: 'why' }).refusal.field, null);
});

test('a browser that cannot encrypt is told at the door', () => {
  const { phase, able, refusal } = next(start, { type: 'unable', words: 'no workers' });
  assert.deepEqual({ phase, able }, { phase: 'door', able: false });
  assert.equal(refusal.words, 'no workers');
  assert.equal(refusal.reload, false);
});

test('a broken worker closes the door or ends the room', () => {
  const broken = { type: 'broken' };
  for (const before of [start, next(start, { type: 'submitted', intent: 'join' })]) {
    const { phase, stage, able, refusal } = next(before, broken);
    assert.deepEqual({ phase, stage, able }, { phase: 'door', stage: null, able: false });
    assert.deepEqual(refusal, { words: notLoaded, field: null, reload: true });
  }
  const over = next(together, broken);
  assert.equal(over.phase, 'over');
  assert.deepEqual(over.ending, { words: stopped, remake: false, left: false });
  assert.equal(next(over, broken), over, 'a room that is over stays over');
});

test('the first attempt to connect counts as lost only once it failed', () => {
  assert.equal(next(start, connection('connecting')).lost, false);
  assert.equal(play(start, connection('connecting'), connection('knocking')).lost, false);
  const waiting = next(start, { type: 'connection', state: 'waiting', retry_in_ms: 4000, words: 'Restarting.', at: NOON });
  assert.equal(waiting.lost, true);
  assert.deepEqual(waiting.connection, { state: 'waiting', retryInMs: 4000, words: 'Restarting.' });
  assert.deepEqual(next(start, { type: 'connection', state: 'knocking' }).connection, { state: 'knocking', retryInMs: 0, words: '' });
});

test('a lost connection stays lost until it is back, which is noted once', () => {
  const states = ['connecting', 'waiting', 'connecting', 'knocking'].map(connection);
  let state = together;
  for (const event of states) {
    state = next(state, event);
    assert.equal(state.lost, true);
    assert.equal(state.log.length, 0);
  }
  const back = next(state, connection('connected'));
  assert.equal(back.lost, false);
  assert.deepEqual(notesOf(back), [notes.reconnected()]);
  assert.equal(next(back, connection('connected')).log.length, 1);
});

test('a reconnection before the first list of people is not noted', () => {
  const state = play(start, connection('waiting'), connection('connected'));
  assert.equal(state.lost, false);
  assert.equal(state.log.length, 0);
});

test('new keys clear the safety words', () => {
  const known = next(together, { type: 'safety', words: 'acid acorn' });
  assert.equal(known.safety.words, 'acid acorn');
  assert.equal(next(known, { type: 'safetyRequested' }).safety, null);

  const changed = next(known, { type: 'keys', epoch: 2, anew: false, at: NOON });
  assert.deepEqual(changed.keys, { at: NOON });
  assert.equal(changed.safety, null);
  assert.equal(changed.log.length, 0);
  assert.deepEqual(notesOf(next(known, { type: 'keys', epoch: 0, anew: true, at: NOON })), [notes.anew()]);
});

test('a mark stands for the key that was compared', () => {
  const marked = next(together, { type: 'compared', id: 2, yes: true });
  assert.deepEqual([...marked.compared], [[2, { name: 'Ana', fingerprint: 'print of Ana' }]]);
  assert.equal(together.compared.size, 0, 'the state before is as it was');
  assert.equal(next(marked, { type: 'compared', id: 2, yes: false }).compared.size, 0);
  assert.equal(next(together, { type: 'compared', id: 99, yes: true }).compared.size, 0, 'nobody has this number');
});

test('a new key under a compared name removes the mark, with a note', () => {
  const marked = play(together, { type: 'compared', id: 2, yes: true }, { type: 'compared', id: 3, yes: true });
  const again = next(marked, { type: 'entered', id: 9, name: 'Ana', another: true, here: false, at: NOON });
  assert.deepEqual([...again.compared.keys()], [3]);
  assert.deepEqual(notesOf(again).at(-1), notes.newKey({ name: 'Ana' }));
  const other = next(marked, { type: 'entered', id: 9, name: 'Cleo', another: false, here: false, at: NOON });
  assert.deepEqual([...other.compared.keys()], [2, 3]);
  assert.equal(other.log.length, 1);
  const same = next(marked, { type: 'entered', id: 2, name: 'Ana', another: false, here: true, at: NOON });
  assert.deepEqual([...same.compared.keys()], [2, 3], 'the same key keeps it');
});

test('the first list of people is noted unless the room is empty', () => {
  assert.deepEqual(notesOf(next(entered, people(me, ana))), [notes.joined()]);
  const alone = next(entered, people(me));
  assert.equal(alone.log.length, 0);
  assert.equal(next(alone, people(me, ana)).log.length, 0, 'an arrival has its own note');
});

test('nobody counts as alone before the first list of people', () => {
  assert.equal(isAlone(start), false);
  assert.equal(isAlone({ people: [me] }), true);
  assert.equal(isAlone({ people: [me, ana] }), false);
});

test('a room is new for its maker until something happens in it', () => {
  const made = play(start, { type: 'submitted', intent: 'create' }, { type: 'admitted', room: 'r', user: 'u' }, people(me));
  assert.equal(isNew(made), true);
  assert.equal(isNew(next(made, message(1))), false);
  assert.equal(isNew(next(made, people(me, ana))), false);
  assert.equal(isNew(next(made, { type: 'ended', words: '' })), false);
  assert.equal(isNew({ ...made, made: false }), false);
});

const drop = (at, ...those) => ({ type: 'people', people: [me, ...those], at });
const away = (who) => ({ ...who, connected: false });

test('a dropout and its end are noted', () => {
  const state = play(together, drop(NOON, away(ana), bo), drop(NOON + 1000, ana, bo));
  assert.deepEqual(notesOf(state), [notes.away({ name: 'Ana' }), notes.back({ name: 'Ana' })]);
});

test('of several dropouts in a row only the first and its end are noted', () => {
  const state = play(
    together,
    drop(NOON, away(ana), bo),
    drop(NOON + 1000, ana, bo),
    drop(NOON + 5 * MINUTE - 1, away(ana), bo),
    drop(NOON + 5 * MINUTE + 1000, ana, bo),
  );
  assert.deepEqual(notesOf(state), [notes.away({ name: 'Ana' }), notes.back({ name: 'Ana' })]);
  // Five minutes are counted from what was noted, and for each person apart.
  const later = play(state, drop(NOON + 5 * MINUTE, away(ana), bo), drop(NOON + 5 * MINUTE, away(ana), away(bo)));
  assert.deepEqual(notesOf(later).slice(2), [notes.away({ name: 'Ana' }), notes.away({ name: 'Bo' })]);
});

test('a clock that was set back does not keep dropouts from the log', () => {
  const state = play(together, drop(NOON, away(ana), bo), drop(NOON, ana, bo), drop(NOON - 60 * MINUTE, away(ana), bo));
  assert.equal(notesOf(state).length, 3);
});

test('dropouts of oneself and of people still coming in are not noted', () => {
  const coming = { ...ana, place: 'coming' };
  const state = play(
    together,
    people({ ...me, connected: false }, ana, bo),
    people(me, coming, bo),
    people(me, away(coming), bo),
    people(me, away(coming), bo, away(person(4, 'Cleo'))),
  );
  assert.deepEqual(notesOf(state), []);
});

test('what happens to others is noted with its words', () => {
  for (const event of [
    { type: 'left', id: 2, name: 'Ana', lost: false, here: true },
    { type: 'left', id: 2, name: 'Ana', lost: true, here: true },
    { type: 'missed', id: 2, name: 'Ana', count: 2 },
    { type: 'unreadable', id: 2, name: 'Ana', why: 'kind' },
    { type: 'unlisted' },
  ]) {
    const state = next(together, { ...event, at: NOON });
    assert.deepEqual(entriesOf(state), [{ kind: 'note', at: NOON, parts: notes[event.type](event) }]);
  }
});

test('the note of a newcomer holds what its words are made from', () => {
  const event = { type: 'entered', id: 4, name: 'Cleo', another: false, here: false, at: NOON };
  assert.deepEqual(entriesOf(next(together, event)), [{ kind: 'note', at: NOON, newcomer: event }]);
});

test('messages of one person within five minutes belong together', () => {
  const state = play(
    together,
    message(2),
    message(2, { at: NOON + 5 * MINUTE - 1 }),
    message(2, { at: NOON + 10 * MINUTE - 1 }),
    message(3, { at: NOON + 10 * MINUTE - 1 }),
    message(2, { at: NOON + 10 * MINUTE - 1 }),
    { type: 'unlisted', at: NOON + 10 * MINUTE - 1 },
    message(2, { at: NOON + 10 * MINUTE - 1 }),
    picture(2, 1, { at: NOON + 10 * MINUTE }),
  );
  const said = entriesOf(state).filter(({ kind }) => kind === 'message');
  assert.deepEqual(said.map(({ follows }) => follows), [false, true, false, false, false, false, true]);
});

test("a message is marked when another key used its sender's name", () => {
  const state = play(
    { ...together, people: [{ ...me, another: true }, { ...ana, another: true }, bo] },
    message(2), message(3), message(1), message(99),
  );
  assert.deepEqual(entriesOf(state).map(({ another }) => another), [true, false, false, false]);
});

test('messages that come while the reader is elsewhere are counted from the first of them', () => {
  const state = play(together, message(2), { type: 'reading', reading: false }, message(3), message(2));
  assert.equal(state.unread, 2);
  assert.equal(state.marker, 1);
  assert.equal(next(state, { type: 'reading', reading: false }).unread, 2);

  const back = next(state, { type: 'reading', reading: true });
  assert.equal(back.unread, 0);
  assert.equal(back.marker, 1, 'the mark stays where it is read from');
  assert.equal(next(back, message(2)).unread, 0);

  const answered = next(state, message(1));
  assert.equal(answered.unread, 0);
  assert.equal(answered.marker, null);
});

test("a new message counts as heard unless it is one's own or its sender is muted", () => {
  const first = next(together, message(2));
  assert.deepEqual(first.heard, { name: 'member 2' });
  const second = next(first, message(2));
  assert.notEqual(second.heard, first.heard, 'a new value each time');
  assert.equal(next(second, message(1)).heard, second.heard);

  const muted = play(second, { type: 'muted', id: 3, muted: true }, { type: 'reading', reading: false }, message(3));
  assert.equal(muted.heard, second.heard);
  assert.equal(muted.unread, 0);
  assert.equal(muted.log.length, 3, 'it stands in the log all the same');
  const unmuted = play(muted, { type: 'muted', id: 3, muted: false }, message(3));
  assert.deepEqual(unmuted.heard, { name: 'member 3' });
  assert.equal(unmuted.unread, 1);
});

test('own messages wait until the server has taken them', () => {
  const state = play(together, message(1, { counter: 5 }), message(1, { counter: 6 }), message(2, { counter: 5 }));
  assert.deepEqual(state.sending, [5, 6]);
  assert.deepEqual(next(state, { type: 'accepted', counter: 5 }).sending, [6]);
  assert.equal(next(state, { type: 'accepted', counter: 9 }), state);
});

test('a rejection stands until there is place for another of its kind', () => {
  const full = play(together, message(1, { counter: 5 }), picture(1, 1));
  const text = next(full, { type: 'rejected', text: 'hello', words: 'Too many.' });
  assert.deepEqual(text.rejection, { text: 'hello', words: 'Too many.' });
  assert.equal(next(text, { type: 'sent' }).rejection, null);
  assert.equal(next(text, { type: 'accepted', counter: 5 }).rejection, null);
  assert.equal(next(text, moved(1, 1, 100)).rejection, text.rejection);

  const ofPicture = next(full, { type: 'rejected', text: '', words: 'Too many.' });
  assert.equal(next(ofPicture, moved(1, 1, 100)).rejection, null);
  assert.equal(next(ofPicture, { type: 'accepted', counter: 5 }).rejection, ofPicture.rejection);
});

test('an own picture is on its way until all of it was taken', () => {
  const begun = next(together, picture(1, 1));
  assert.deepEqual(begun.sending, ['1:1']);
  assert.deepEqual(begun.pictures.get('1:1'), {
    id: 1, number: 1, name: 'member 1', mine: true, width: 4, height: 3, length: 100, alt: '', at: NOON, bytes: 0, onItsWay: false, state: 'moving',
  });
  assert.equal(entriesOf(begun).at(-1).picture, '1:1');

  const partly = next(begun, moved(1, 1, 99));
  assert.equal(partly.pictures.get('1:1').state, 'moving');
  assert.equal(partly.pictures.get('1:1').bytes, 99);
  assert.equal(partly.pictures.get('1:1').onItsWay, true);
  assert.deepEqual(partly.sending, ['1:1']);

  const wholly = next(partly, moved(1, 1, 100));
  assert.equal(wholly.pictures.get('1:1').state, 'here');
  assert.deepEqual(wholly.sending, []);

  const cancelled = next(partly, { type: 'picture_ended', id: 1, picture: 1, why: 'cancelled' });
  assert.equal(cancelled.pictures.get('1:1').state, 'cancelled');
  assert.deepEqual(cancelled.sending, []);
});

test("another's picture is there once it was looked at", () => {
  const came = play(together, picture(2, 1), moved(2, 1, 100), { type: 'picture_came', id: 2, picture: 1 });
  assert.equal(came.pictures.get('2:1').state, 'moving');
  assert.equal(came.pictures.get('2:1').bytes, 100);
  assert.deepEqual(came.sending, []);
  assert.equal(next(came, { type: 'picture_looked', key: '2:1', fine: true }).pictures.get('2:1').state, 'here');
  assert.equal(next(came, { type: 'picture_looked', key: '2:1', fine: false }).pictures.get('2:1').state, 'unshowable');
  assert.equal(came.pictures.get('2:1').state, 'moving', 'the state before is as it was');
});

test('pictures of two people under one number are two', () => {
  const state = play(together, picture(2, 1), picture(3, 1), moved(3, 1, 50));
  assert.equal(state.pictures.get('2:1').bytes, 0);
  assert.equal(state.pictures.get('3:1').bytes, 50);
});

test('events of unknown pictures change nothing', () => {
  for (const event of [
    moved(2, 1, 50),
    { type: 'picture_came', id: 2, picture: 1 },
    { type: 'picture_looked', key: '2:1', fine: true },
    { type: 'picture_ended', id: 2, picture: 1, why: 'broken' },
  ]) assert.equal(next(together, event), together, event.type);
});

const statesOf = ({ pictures }) => Object.fromEntries([...pictures].map(([key, { state }]) => [key, state]));

/** Of each kind one: own ones under way and sent; Ana's under way, whole and seen; Bo's under way. */
const traffic = play(
  together,
  picture(1, 1), moved(1, 1, 50),
  picture(1, 2), moved(1, 2, 100),
  picture(2, 1), moved(2, 1, 50),
  picture(2, 2), moved(2, 2, 100),
  picture(2, 3), moved(2, 3, 100), { type: 'picture_looked', key: '2:3', fine: true },
  picture(3, 1), moved(3, 1, 50),
);

test('a picture under way breaks when its sender leaves or something of theirs is missing', () => {
  for (const event of [
    { type: 'left', id: 2, name: 'Ana', lost: false, here: true, at: NOON },
    { type: 'missed', id: 2, name: 'Ana', count: 1, at: NOON },
  ]) {
    assert.deepEqual(
      statesOf(next(traffic, event)),
      { '1:1': 'moving', '1:2': 'here', '2:1': 'broken', '2:2': 'moving', '2:3': 'here', '3:1': 'moving' },
      event.type,
    );
  }
});

test('the end of a room ends what is under way', () => {
  const over = next(traffic, { type: 'ended', code: '4004', words: 'The room is gone.', remake: true });
  assert.equal(over.phase, 'over');
  assert.deepEqual(over.ending, { words: 'The room is gone.', remake: true, left: false });
  assert.deepEqual(
    statesOf(over),
    { '1:1': 'unsent', '1:2': 'here', '2:1': 'broken', '2:2': 'moving', '2:3': 'here', '3:1': 'broken' },
  );
  assert.equal(over.log, traffic.log);
  assert.deepEqual(over.sending, traffic.sending, 'what was not sent is still known');
});

test('leaving forgets the log and the pictures', () => {
  const over = next(traffic, { type: 'ended', code: 'left', words: '', remake: false });
  assert.deepEqual(over.ending, { words: '', remake: false, left: true });
  assert.equal(over.pictures.size, 0);
  assert.equal(over.log.length, 0);
});

test('a choice is kept beside the others', () => {
  const state = play(start, { type: 'chosen', choice: 'sound', on: true }, { type: 'chosen', choice: 'notifications', on: true });
  assert.deepEqual(state.choices, { sound: true, notifications: true });
  assert.deepEqual(next(state, { type: 'chosen', choice: 'sound', on: false }).choices, { sound: false, notifications: true });
  assert.deepEqual(start.choices, { sound: false, notifications: false });
});
