// Lets Node import the catalog of words as the build serves it: as a module made of JSON.

import { readFile } from 'node:fs/promises';
import { register } from 'node:module';

const path = new URL('../../static/words/en.json', import.meta.url);
const source = `export default ${await readFile(path, 'utf8')};`;
const hooks = `
  const source = ${JSON.stringify(source)};
  export const resolve = (name, context, next) =>
    name.endsWith('/catalog.js') ? { url: 'catalog:', shortCircuit: true } : next(name, context);
  export const load = (url, context, next) =>
    url === 'catalog:' ? { format: 'module', source, shortCircuit: true } : next(url, context);
`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
