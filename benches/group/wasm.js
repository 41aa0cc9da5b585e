// Runs in a page of the server: sessions of the served module, on sockets of their own. One is in the room all the
// time, another comes, listens, and goes.
const [{ room, stretched, makes, rounds, messages }] = arguments;
const WELCOME = 0x81, MESSAGE = 0x82, COMMITTED = 0x84, COMMIT = 0x88, DUTY = 0x89, LET_IN = 0x8a;
const names = { [WELCOME]: 'knock', [LET_IN]: 'comeIn', [DUTY]: 'letIn', [COMMIT]: 'follow' };

class Driver {
  held = null; // messages that are kept back, to be opened all at once
  times = {};
  isIn = false;
  commits = 0; // seen, one's own included

  constructor(Session, create, user) {
    this.session = new Session(create, room, user, '');
    this.drain();
  }

  handle(input, ...values) {
    const began = performance.now();
    this.session[input](began, ...values);
    const outputs = this.outputs();
    const took = performance.now() - began;
    outputs.forEach((carryOut) => carryOut());
    return took;
  }

  outputs() {
    const all = [];
    for (let output = this.session.poll(); output; output = this.session.poll()) {
      const { kind, text, bytes, ms } = output;
      output.free();
      all.push(() => this[kind]?.({ text, bytes, ms }));
    }
    return all;
  }

  drain() {
    this.outputs().forEach((carryOut) => carryOut());
  }

  async post({ text, bytes }) {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(text, { method: 'POST', headers, body: bytes });
    this.handle('answered', answer.status, new Uint8Array(await answer.arrayBuffer()));
  }

  stretch() {
    queueMicrotask(() => this.handle('stretched', new Uint8Array(stretched)));
  }

  connect() {
    const socket = new WebSocket(new URL('/api/socket', location.href).href.replace('http', 'ws'));
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => this.handle('opened');
    socket.onmessage = ({ data }) => this.received(new Uint8Array(data));
    socket.onclose = ({ code }) => { if (this.socket === socket) this.handle('closed', code); };
    this.socket = socket;
  }

  received(bytes) {
    const kind = bytes[1];
    if (kind === MESSAGE && this.held) {
      this.held.push(bytes);
      return;
    }
    const took = this.handle('received', bytes);
    if (kind === COMMIT || kind === COMMITTED) this.commits += 1;
    // A duty without a knock only removes someone.
    const name = kind === DUTY && bytes.length < 100 ? null : names[kind];
    if (name) (this.times[name] ??= []).push(took);
  }

  send({ bytes }) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(bytes);
  }

  wake({ ms }) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.handle('woken'), ms);
  }

  show({ text }) {
    const view = JSON.parse(text);
    if (view.type === 'connection' && view.state === 'connected') this.isIn = true;
    if (view.type === 'refused') window.result = { failure: text };
  }

  disconnect() {
    const closing = this.socket;
    this.socket = null;
    closing?.close();
  }
}

const until = async (isSo) => {
  while (!isSo()) await new Promise((go) => setTimeout(go, 5));
};

async function run() {
  const script = document.querySelector('script[type=module]').src;
  const { default: init, Session } = await import(new URL('../wasm/session.js', script));
  await init();
  const host = new Driver(Session, makes, 'host');
  await until(() => host.isIn);
  const times = { say: [], hear: [], knock: [], comeIn: [] };
  host.times = {};
  for (let round = 0; round < rounds; round += 1) {
    const guest = new Driver(Session, false, `guest ${round}`);
    await until(() => guest.isIn);
    times.knock.push(...guest.times.knock);
    times.comeIn.push(...guest.times.comeIn);
    // The clock of a page is coarse: what is short is timed by the dozen.
    guest.held = [];
    let said = 0;
    for (let number = 0; number < messages; number += 1) said += host.handle('say', `message ${number} of an ordinary length`);
    times.say.push(said / messages);
    await until(() => guest.held.length >= messages);
    const held = guest.held;
    guest.held = null;
    const began = performance.now();
    for (const bytes of held) guest.handle('received', bytes);
    times.hear.push((performance.now() - began) / held.length);
    const before = host.commits;
    guest.handle('leave');
    await until(() => host.commits > before);
  }
  host.handle('leave');
  window.result = { ...host.times, ...times };
}

window.result = null;
run().catch((error) => { window.result = { failure: String(error?.stack ?? error) }; });
