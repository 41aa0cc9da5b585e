import assert from 'node:assert/strict';
import { test } from 'node:test';

import { links } from '../../static/js/links.js';

test('a link that does not say where it leads brings the host', () => {
  const cases = [
    // Letters that look like others, and letters that cannot be seen
    ['https://\u0430\u0440\u0440\u04cf\u0435.com', 'xn--80ak6aa92e.com'],
    ['https://\u0430\u0440\u0440le.com', 'xn--le-6kc8da.com'],
    ['https://exam\u00adple.com/path', 'example.com'],
    ['https://apple\u200b.com', 'apple.com'],
    ['https://\uff45xample\u3002com', 'example.com'],
    ['https://b\u00fccher.example:8443/?q#f', 'xn--bcher-kva.example:8443'],
    ['https://ex%61mple.com', 'example.com'],
    // Names that only look like the host
    ['https://apple.com@evil.example/', 'evil.example'],
    ['https://apple.com:443@evil.example', 'evil.example'],
    ['https://apple.com%2f@evil.example', 'evil.example'],
    ['https:///evil.example', 'evil.example'],
    ['https://\\apple.com/', 'apple.com'],
    // Numbers
    ['http://0x7f.1/', '127.0.0.1'],
    ['http://2130706433/', '127.0.0.1'],
    // Letters by mail
    ['mailto:ana@\u0430\u0440\u0440le.com?subject=x', 'xn--le-6kc8da.com'],
    ['mailto:ana@example.com,bo@exam\u00adple.org', 'example.org'],
  ];
  for (const [text, host] of cases) {
    const [link, ...rest] = links(text);
    assert.equal(link.text, text);
    assert.equal(link.host, host, text);
    assert.deepEqual(rest, [], text);
  }
});

test('a link that says where it leads brings none', () => {
  for (const text of [
    'https://example.com',
    'HTTPS://Example.COM/Path?q=@a.b#c@d',
    'https://example.com:443/',
    'http://example.com:8080',
    'https://example.com./',
    'https://example.com\\path',
    'https://xn--bcher-kva.example/b\u00fccher',
    'http://[::1]:8080/',
    'http://127.0.0.1/',
    'mailto:Ana@Example.com?subject=\u0430',
    'mailto:ana@example.com,bo@example.org',
  ]) {
    assert.equal(links(text)[0].host, null, text);
  }
});

test('the parts put together are the text', () => {
  for (const text of [
    '',
    'see https://example.com, and (https://\u0430.example/a_(b)).',
    'https://a@b.example https://example.org:99999/ https://apple.com\uff0fevil.example',
  ]) {
    assert.equal(links(text).map((part) => part.text).join(''), text);
  }
});

const addressesIn = (text) => links(text).filter(({ href }) => href !== undefined).map((part) => part.text);

test('an address ends where the sentence around it goes on', () => {
  for (const [text, address] of [
    ['See https://example.com.', 'https://example.com'],
    ['https://example.com/a, then', 'https://example.com/a'],
    ['Is it https://example.com/?', 'https://example.com/'],
    ['https://example.com/?q=a.b', 'https://example.com/?q=a.b'],
    ['https://example.com/a…', 'https://example.com/a'],
    ['(https://example.com/a)', 'https://example.com/a'],
    ['(https://example.com/a_(b))', 'https://example.com/a_(b)'],
    ['https://example.com/a_(b).', 'https://example.com/a_(b)'],
    ['[see https://example.com/a[0]]!', 'https://example.com/a[0]'],
    ['<https://example.com/a>', 'https://example.com/a'],
    ['“https://example.com/a”', 'https://example.com/a'],
    ['https://example.com/a\u202ebcd', 'https://example.com/a'],
    ['https://example.com/a\u2066bcd', 'https://example.com/a'],
    ['https://example.com/读。', 'https://example.com/读'],
  ]) assert.deepEqual(addressesIn(text), [address], text);
});

test('only addresses of pages and of mail are links', () => {
  for (const text of [
    '', 'example.com', 'javascript:alert(1)', 'data:text/html,a', 'file:///etc/passwd', 'ftp://example.com',
    'xhttps://example.com', 'https://', 'https://[', 'http://999.999.999.999/',
  ]) assert.deepEqual(addressesIn(text), [], text);
});

test('only the first fifty addresses are links', () => {
  const text = Array.from({ length: 60 }, (_, index) => `https://example.com/${index}`).join(' ');
  assert.equal(addressesIn(text).length, 50);
  assert.equal(addressesIn(text).at(-1), 'https://example.com/49');
  assert.equal(links(text).map((part) => part.text).join(''), text);
});

test('a link leads to the address as the browser reads it', () => {
  const [{ href }] = links('https://exam\u00adple.com/a b');
  assert.equal(href, 'https://example.com/a');
});

test('any text comes apart into itself and links that lead where they may', () => {
  const tokens = [
    'https://', 'HTTP://', 'mailto:', 'javascript:', 'ana', '\u0430', 'example.com', '[::1]', '127.1', ':8080', '@', '.', ',', ':', '/', '\\',
    '?', '#', '%', '%2f', '(', ')', '[', ']', '{', '}', '!', '*', '_', '|', '\u2026', '\u3002', ' ', '\n', '<', '"', '\u202e', '\u200b',
    '\u00ad', '\ud83d\ude00', '\ud83d', '\ude00', '\0',
  ];
  for (let seed = 1; seed <= 10_000; seed += 1) {
    const below = random(seed);
    const text = Array.from({ length: below(seed % 100 === 0 ? 3000 : 25) }, () => tokens[below(tokens.length)]).join('');
    const parts = links(text);
    const found = parts.filter((part) => 'href' in part);
    const shown = `${seed}: ${JSON.stringify(text)}`;
    assert.equal(parts.map((part) => part.text).join(''), text, shown);
    assert.ok(found.length <= 50 && parts.length <= 2 * found.length + 1, shown);
    assert.ok(parts.every((part) => part.text !== ''), shown);
    for (const { text: typed, href, host } of found) {
      assert.match(href, /^(?:https?:\/\/[^/]|mailto:)/u, shown);
      assert.doesNotMatch(typed, /[\s<>"\u200e\u200f\u202a-\u202e\u2066-\u2069]/u, shown);
      // A link that says itself where it leads says it in its own letters.
      if (host === null && href.startsWith('http')) assert.ok(typed.toLowerCase().includes(new URL(href).hostname), shown);
    }
  }
});

/** xorshift32: seed → (bound → a number below it). */
function random(seed) {
  let state = Math.imul(seed, 0x9e37_79b1);
  return (bound) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % bound;
  };
}
