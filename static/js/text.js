// Fills in a text of the catalog. A text has placeholders in braces; one that depends on a count has a form for each
// plural category of the language.

/**
 * @typedef {string | { name: string }} Part a name is a part of its own: it is set apart from the direction of the text
 *   around it, and never translated
 * @typedef {string | { one: string, other: string }} Template
 * @typedef {Record<string, string | number>} Values
 */

const plurals = new Intl.PluralRules('en');

/**
 * Returns the text in parts.
 *
 * @param {Template} template
 * @param {Values} [values]
 * @returns {Part[]}
 */
export function parts(template, values = {}) {
  const form = typeof template === 'string' ? template : template[formOf(Number(values.count))];
  return form.split(/(\{\w+\})/u).filter(Boolean).map((part) => {
    if (!part.startsWith('{')) return part;
    const key = part.slice(1, -1);
    const value = values[key];
    if (value === undefined) throw new Error(`no value for {${key}}`);
    return key === 'name' ? { name: String(value) } : String(value);
  });
}

/**
 * Returns the text in one piece.
 *
 * @param {Template} template
 * @param {Values} [values]
 */
export const text = (template, values) =>
  parts(template, values).map((part) => (typeof part === 'string' ? part : part.name)).join('');

/**
 * @param {number} count
 * @returns {'one' | 'other'} the categories of English
 */
const formOf = (count) => (plurals.select(count) === 'one' ? 'one' : 'other');
