// Drives the session core: hands in what happens, carries out what comes back. It owns the socket and all keys. The page
// gets what a person may see, and the bytes of the beacon.
/**
 * @import { Handlers, Inputs, Output } from '../../wasm/session.js'
 * @import { Beacon, RequestOf, SessionRequests, Stretched, ToSafetyWords, ToStretch } from '../trusted.js'
 */
import init, { Session } from '../../wasm/session.js';

const wasm = init();
// A rejection does not reach the page's `error` listener; an error does.
self.addEventListener('unhandledrejection', ({ reason }) => setTimeout(() => { throw reason; }));

/** The build that this page is of: the part of every static address after /static/. */
const build = new URL('../..', import.meta.url).pathname.split('/').at(-2) ?? '';
/** How long the server may take to answer a request, in milliseconds. */
const ANSWER_WITHIN = 20_000;

/** @type {Session | null} */
let session = null;
/** @type {WebSocket | null} */
let socket = null;
let timer = 0;
/** @type {MessagePort | null} */
let keys = null;
/** @type {MessagePort | null} */
let safety = null;

/**
 * Hands one input to the core and carries out all that it asks for.
 *
 * @template {keyof Inputs} Input
 * @param {Input} input
 * @param {Inputs[Input]} values
 */
function handle(input, ...values) {
  if (session === null) return;
  /** @type {Handlers} */
  const handlers = session;
  handlers[input](performance.now(), ...values);
  drain(session);
}

/** @param {Session} core */
function drain(core) {
  for (let output = core.poll(); output; output = core.poll()) {
    outputs[output.kind](output);
    output.free();
  }
}

/** @type {Record<Output['kind'], (output: Output) => void>} */
const outputs = {
  post: ({ text, bytes }) => post(text, bytes),
  stretch: ({ text, bytes }) => keys?.postMessage(/** @satisfies {ToStretch} */ ({ room: text, salt: bytes })),
  connect,
  send: ({ bytes }) => { if (socket?.readyState === WebSocket.OPEN) socket.send(bytes); },
  disconnect,
  wake: ({ ms }) => {
    clearTimeout(timer);
    timer = setTimeout(() => handle('woken'), ms);
  },
  safety: ({ bytes }) => {
    safety?.postMessage(/** @satisfies {ToSafetyWords} */ ({ of: bytes }));
    safety = null;
  },
  picture: ({ text, bytes }) => self.postMessage({ ...JSON.parse(text), bytes }, [bytes.buffer]),
  farewell: ({ text, bytes }) =>
    self.postMessage(/** @satisfies {Beacon} */ ({ type: 'farewell', path: text, body: bytes }), [bytes.buffer]),
  debug: ({ text }) => console.debug(text), // hidden by default; names nobody and holds no secret
  show: ({ text }) => self.postMessage({ ...JSON.parse(text), at: Date.now() }),
};

/**
 * @param {string} path
 * @param {Uint8Array<ArrayBuffer>} body
 */
async function post(path, body) {
  let answer;
  let bytes;
  try {
    answer = await fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      cache: 'no-store',
      credentials: 'omit',
      keepalive: true,
      signal: AbortSignal.timeout(ANSWER_WITHIN),
    });
    bytes = new Uint8Array(await answer.arrayBuffer());
  } catch {
    return handle('unanswered');
  } finally {
    body.fill(0);
  }
  handle('answered', answer.status, bytes);
}

function connect() {
  disconnect();
  const url = new URL('/api/socket', self.location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  const opening = new WebSocket(url);
  // Ignores events of a socket that was replaced.
  /** @type {<Happened extends Event>(then: (event: Happened) => void) => (event: Happened) => void} */
  const current = (then) => (event) => { if (socket === opening) then(event); };
  opening.binaryType = 'arraybuffer';
  opening.onopen = current(() => handle('opened'));
  opening.onmessage = current(({ data }) => {
    if (data instanceof ArrayBuffer) handle('received', new Uint8Array(data));
  });
  opening.onclose = current(({ code }) => {
    socket = null;
    handle('closed', code);
  });
  socket = opening;
}

function disconnect() {
  const closing = socket;
  socket = null;
  closing?.close();
}

/** @type {{ [Name in keyof SessionRequests]: (request: SessionRequests[Name]) => void }} */
const requests = {
  enter({ intent, room, user, pass, port }) {
    keys = port;
    /** @param {MessageEvent<Stretched>} event */
    keys.onmessage = ({ data }) => {
      if (data.stretched) handle('stretched', data.stretched);
      else handle('notStretched', data.code, data.words);
    };
    session = new Session(intent === 'create', room, user, build);
    if (pass) session.bring(pass);
    drain(session);
  },
  send: ({ text }) => handle('say', text),
  picture: ({ number, type, width, height, alt, bytes }) =>
    handle('picture', number, type === 'image/png' ? 2 : 1, width, height, alt, bytes),
  cancel: ({ number }) => handle('cancel', number),
  safety: ({ port }) => {
    safety = port;
    handle('safety');
  },
  leave: () => handle('leave'),
  network: ({ online }) => handle('network', online),
  visible: () => handle('network', true),
};

/**
 * @template {keyof SessionRequests} Name
 * @param {RequestOf<SessionRequests, Name>} request
 */
const serve = (request) => requests[request.do](request);

/** @param {MessageEvent<RequestOf<SessionRequests>>} event */
self.onmessage = async ({ data }) => {
  await wasm;
  if (session || data.do === 'enter') serve(data);
};
