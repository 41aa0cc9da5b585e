// What the linter holds the page's scripts, and their tests, to. Its packages are where tests/install puts them.

import { createRequire } from 'node:module';

const require = createRequire(new URL('../../target/tools/', import.meta.url));
const js = require('@eslint/js');
const globals = require('globals');

const MARKUP = ['innerHTML', 'outerHTML', 'srcdoc', 'insertAdjacentHTML', 'setHTMLUnsafe', 'createContextualFragment', 'write', 'writeln'];

export default [
  js.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      'array-callback-return': ['error', { checkForEach: true }],
      'default-case-last': 'error',
      eqeqeq: 'error',
      'no-console': ['error', { allow: ['debug'] }],
      'no-else-return': 'error',
      'no-eval': 'error',
      'no-implied-eval': 'error',
      'no-new-func': 'error',
      'no-self-compare': 'error',
      'no-shadow': 'error',
      'no-template-curly-in-string': 'error',
      'no-throw-literal': 'error',
      'no-unmodified-loop-condition': 'error',
      'no-unreachable-loop': 'error',
      'no-unused-vars': ['error', { varsIgnorePattern: '^_$' }],
      'no-var': 'error',
      'object-shorthand': 'error',
      'prefer-const': 'error',
      'require-unicode-regexp': 'error',
    },
  },
  {
    files: ['static/**'],
    rules: {
      'no-restricted-properties': ['error', ...MARKUP.map((property) => ({ property, message: 'Text reaches the page as text, never as markup.' }))],
    },
  },
  { files: ['static/**'], ignores: ['static/js/workers/**'], languageOptions: { globals: globals.browser } },
  { files: ['static/js/workers/**'], languageOptions: { globals: globals.worker } },
  {
    // theme.js alone keeps something in the browser.
    files: ['static/js/**'],
    rules: { 'no-restricted-globals': ['error', 'localStorage', 'sessionStorage', 'indexedDB', 'caches', 'cookieStore'] },
  },
  { files: ['static/theme.js'], languageOptions: { sourceType: 'script' } },
  { files: ['tests/**'], languageOptions: { globals: globals.nodeBuiltin } },
];
