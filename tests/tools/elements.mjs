// Writes the types of the elements that the templates give an id: one that no template has is an error in a script.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const templates = new URL('../../templates/', import.meta.url);
const declared = new Map();
for (const file of readdirSync(templates).filter((name) => name.endsWith('.html'))) {
  const text = readFileSync(new URL(file, templates), 'utf8');
  for (const [, tag, id] of text.matchAll(/<([a-z][a-z0-9]*)\s(?:[^>]*\s)?id="([\w-]+)"/gu)) declared.set(id, tag);
}
const lines = [...declared].map(([id, tag]) => `  '${id}': ${tag === 'svg' ? 'SVGSVGElement' : `HTMLElementTagNameMap['${tag}']`};`);
const templatesOf = [...declared].filter(([, tag]) => tag === 'template').map(([id]) => `'${id}'`);
writeFileSync(new URL('../../target/tools/elements.d.ts', import.meta.url), `interface Elements {
${lines.join('\n')}
}

type Templates = ${templatesOf.join(' | ')};

interface Document {
  getElementById<Id extends keyof Elements>(id: Id): Elements[Id];
}
`);
