// The catalog of words, which the build makes a module of.

declare module '*/catalog.js' {
  const catalog: typeof import('../../../static/words/en.json');
  export default catalog;
}
