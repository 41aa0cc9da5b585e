import assert from 'node:assert/strict';
import { test } from 'node:test';

import catalog from '../../static/js/catalog.js';
import { parts, text } from '../../static/js/text.js';

test('placeholders are filled in, and a name is a part of its own', () => {
  const values = { name: '{count} <b>Ana</b>', count: 2 };
  assert.deepEqual(parts('{count} from {name}.', values), ['2', ' from ', { name: values.name }, '.']);
  assert.equal(text('{count} from {name}.', values), `2 from ${values.name}.`);
});

test('a placeholder without a value is an error', () => {
  assert.throws(() => text('{count} from {nmae}', { name: 'Ana', count: 2 }), /nmae/u);
});

test('the form of a count follows the language', () => {
  const template = { one: '{count} message', other: '{count} messages' };
  assert.deepEqual([0, 1, 2, 21].map((count) => text(template, { count })), ['0 messages', '1 message', '2 messages', '21 messages']);
});

/** Every text of the catalog, with the path to it. */
function* templates(from, path = []) {
  if (typeof from === 'string' || 'other' in from) return yield [path.join('.'), from];
  for (const [key, inner] of Object.entries(from)) yield* templates(inner, [...path, key]);
}

test('every text of the catalog is whole', () => {
  const all = [...templates(catalog)];
  assert.ok(all.length > 100);
  for (const [path, template] of all) {
    const forms = typeof template === 'string' ? [template] : Object.values(template);
    if (typeof template !== 'string') {
      assert.deepEqual(Object.keys(template), ['one', 'other'], path);
      assert.ok(forms.every((form) => form.includes('{count}')), path);
    }
    for (const form of forms) {
      assert.notEqual(form.trim(), '', path);
      assert.match(form, /^(?:[^{}]|\{[a-z]+\})*$/u, path);
    }
  }
});
