// Drives the session core: hands in what happens, carries out what comes back. It owns the socket
// and all keys; only what a person may see, and the token for leaving, goes on to the page.
import init, { Session } from '../../wasm/session.js';

const wasm = init();
// A rejected promise would stay in here; an error reaches the page.
self.addEventListener('unhandledrejection', ({ reason }) => setTimeout(() => { throw reason; }));

/** The build that this page is of: the part of every static address after /static/. */
const build = new URL('../..', import.meta.url).pathname.split('/').at(-2);
/** How long the server may take to answer a request, in milliseconds. */
const ANSWER_WITHIN = 20_000;

let session = null;
let socket = null;
let timer = 0;
let keys = null;
let safety = null;

/** Hands one input to the core and carries out all that it asks for. */
function handle(input, ...values) {
  session[input](performance.now(), ...values);
  drain();
}

function drain() {
  for (let output = session.poll(); output; output = session.poll()) {
    outputs[output.kind](output);
    output.free();
  }
}

const outputs = {
  post: ({ text, bytes }) => post(text, bytes),
  stretch: ({ text, bytes }) => keys.postMessage({ room: text, salt: bytes }),
  connect,
  send: ({ bytes }) => { if (socket?.readyState === WebSocket.OPEN) socket.send(bytes); },
  disconnect,
  wake: ({ ms }) => {
    clearTimeout(timer);
    timer = setTimeout(() => handle('woken'), ms);
  },
  safety: ({ bytes }) => {
    safety?.postMessage({ of: bytes });
    safety = null;
  },
  picture: ({ text, bytes }) => self.postMessage({ ...JSON.parse(text), bytes }, [bytes.buffer]),
  show: ({ text }) => self.postMessage({ ...JSON.parse(text), at: Date.now() }),
};

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
  // Events of a socket that was given up are nobody's any more.
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

const requests = {
  enter({ intent, room, user, port }) {
    keys = port;
    keys.onmessage = ({ data: { stretched, code, words } }) => {
      if (stretched) handle('stretched', stretched);
      else handle('notStretched', code, words);
    };
    session = new Session(performance.now(), intent === 'create', room, user, build);
    drain();
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

self.onmessage = async ({ data }) => {
  await wasm;
  if (session || data.do === 'enter') requests[data.do](data);
};
