import assert from 'node:assert/strict';
import { test } from 'node:test';

import { doorPath, inviteLink, namesIn, roomPath } from '../../static/js/address.js';

const ROOMS = [
  'Book club', 'AC/DC', 'a//b', '/a', 'a/', 'a\\b', 'what?', '#1', '100%', '%2F', '../etc', './.', '.../...',
  'a&b=c+d', '読/?', '\u0639\u0644\u06cc\u200c\u0631\u0636\u0627', '👩🏽\u200d💻', 'a;b:c@d',
];

test('a room is found again in the address that it was given', () => {
  for (const room of ROOMS) {
    for (const address of [
      roomPath(room),
      inviteLink('https://chat.example', room),
      doorPath('/login', { room, user: 'Ana' }),
    ]) {
      assert.equal(namesIn(new URL(address, 'https://chat.example')).room, room, address);
    }
    assert.match(roomPath(room), /^\/chat\/[^/\\?#]+$/u, 'one segment');
  }
});

test('a name that was decoded on the way is read to its end', () => {
  for (const [path, room] of [
    ['/chat/AC/DC', 'AC/DC'],
    ['/chat/AC/DC/', 'AC/DC'],
    ['/chat/a//b', 'a//b'],
    ['/chat//a', '/a'],
    ['/chat/Book%20club/2%25', 'Book club/2%'],
    ['/chat/', ''],
    ['/chat/%zz', ''],
    ['/login', ''],
  ]) {
    assert.equal(namesIn(new URL(path, 'https://chat.example')).room, room, path);
  }
});

test('names in the query win over the one in the path', () => {
  const namesOf = (address) => namesIn(new URL(address, 'https://chat.example'));
  assert.deepEqual(namesOf('/login?username=Ana+Lee&roomname=a%26b'), { room: 'a&b', user: 'Ana Lee' });
  assert.deepEqual(namesOf('/chat/one?roomname=another'), { room: 'another', user: '' });
  assert.deepEqual(namesOf('/'), { room: '', user: '' });
});
