const pauses = { first: 1000, longest: 30000 }; // before it is tried again, in ms

// Relay is the connection to the gateway's extension relay. Its owner hears
// opened() and closed(); waiting(reason), which says whether to try again; and
// command(params), whose result, or error, is sent back.
export class Relay {
  #owner;
  #socket = null; // set while the relay is connected and has proven itself
  #connecting = null;
  #pause = pauses.first;
  #again = 0; // timer of the next try

  constructor(owner) {
    this.#owner = owner;
  }

  get isOpen() {
    return this.#socket !== null;
  }

  // connect returns when the relay is connected, or throws why it is not.
  connect() {
    if (this.isOpen) return Promise.resolve();
    this.#connecting ??= this.#open().finally(() => (this.#connecting = null));
    return this.#connecting;
  }

  disconnect() {
    clearTimeout(this.#again);
    this.#socket?.close(1000);
    this.#socket = null;
  }

  event(method, params, sessionId) {
    this.#send({ method: 'forwardCDPEvent', params: { method, params, sessionId } });
  }

  #send(message) {
    this.#socket?.send(JSON.stringify(message));
  }

  async #open() {
    clearTimeout(this.#again);
    const { port, secret } = await pairing();
    const socket = new WebSocket(`ws://127.0.0.1:${port}/extension`);
    await handshake(socket, secret);
    this.#socket = socket;
    this.#pause = pauses.first;
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    socket.onclose = ({ reason }) => this.#lost(socket, reason);
    this.#owner.opened();
  }

  #lost(socket, reason) {
    if (this.#socket === socket) this.#socket = null;
    this.#owner.closed();
    this.#tryAgain(reason || 'the gateway went away');
  }

  #tryAgain(why) {
    clearTimeout(this.#again);
    if (!this.#owner.waiting(why)) return;
    this.#again = setTimeout(() => this.connect().catch((error) => this.#tryAgain(error.message)), this.#pause);
    this.#pause = Math.min(2 * this.#pause, pauses.longest);
  }

  async #receive({ id, method, params }) {
    if (method === 'ping') this.#send({ method: 'pong' });
    if (method !== 'forwardCDPCommand') return;
    const { result = {}, error } = await this.#owner.command(params).then(
      (result) => ({ result }),
      (error) => ({ error: error.message }),
    );
    this.#send(error === undefined ? { id, result } : { id, error });
  }
}

// pairing is what `clawdbot browser extension install` wrote beside this file.
async function pairing() {
  return (await fetch(chrome.runtime.getURL('pairing.json'))).json();
}

// handshake lets both sides prove that they know the secret, without telling it:
// any program could listen on the port while the gateway does not, and any could
// call itself the extension.
function handshake(socket, secret) {
  const challenge = crypto.randomUUID();
  return new Promise((resolve, reject) => {
    const fail = (why) => {
      socket.close(1000);
      reject(new Error(why));
    };
    const timer = setTimeout(() => fail('the gateway does not answer'), 5000);
    socket.onclose = ({ reason }) => {
      clearTimeout(timer);
      reject(new Error(reason || 'no gateway listens: start it, or run "clawdbot browser extension install" if its port changed'));
    };
    socket.onmessage = async ({ data }) => {
      const { method, params } = JSON.parse(data);
      if (method === 'challenge') {
        const proof = await prove(secret, `extension ${params.challenge}`);
        socket.send(JSON.stringify({ method: 'proof', params: { proof, challenge } }));
      } else if (method === 'proof') {
        const right = params.proof === (await prove(secret, `relay ${challenge}`));
        clearTimeout(timer);
        if (right) resolve();
        else fail('what listens is not the gateway that this extension was installed by: run "clawdbot browser extension install" again');
      }
    };
  });
}

// prove is the HMAC-SHA256 of the text, in hexadecimal.
async function prove(secret, text) {
  const bytes = (s) => new TextEncoder().encode(s);
  const key = await crypto.subtle.importKey('raw', bytes(secret), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  const sum = new Uint8Array(await crypto.subtle.sign('HMAC', key, bytes(text)));
  return Array.from(sum, (b) => b.toString(16).padStart(2, '0')).join('');
}
