// The only script addresses that this page may ever start. Where the browser enforces Trusted Types, this is
// the one policy that the server's headers allow; elsewhere the same check stands alone.

const workers = Object.freeze({
  derive: new URL('./workers/derive.js', import.meta.url).href,
  session: new URL('./workers/session.js', import.meta.url).href,
});

const rules = {
  createScriptURL(url) {
    if (!Object.values(workers).includes(url)) throw new TypeError('Not a worker of this page');
    return url;
  },
};

const policy = globalThis.trustedTypes?.createPolicy('cloakroom', rules) ?? rules;

export const workerUrl = (name) => policy.createScriptURL(workers[name]);
