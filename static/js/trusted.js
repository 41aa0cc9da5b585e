// The only script addresses that this page may ever start. Where the browser enforces Trusted Types, this is
// the one policy that the server's headers allow; elsewhere the same check stands alone.

const worker = (name) => new URL(`./workers/${name}.js`, import.meta.url).href;

const workers = Object.freeze({
  derive: worker('derive'),
  picture: worker('picture'),
  safety: worker('safety'),
  session: worker('session'),
  strength: worker('strength'),
  words: worker('words'),
});

const rules = {
  createScriptURL(url) {
    if (!Object.values(workers).includes(url)) throw new TypeError('Not a worker of this page');
    return url;
  },
};

const policy = globalThis.trustedTypes?.createPolicy('cloakroom', rules) ?? rules;

export const startWorker = (name) => new Worker(policy.createScriptURL(workers[name]), { type: 'module' });
