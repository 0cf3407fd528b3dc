// The connection to the gateway: protocol 3 over one WebSocket.

const FIRST_DELAY = 250;
const LONGEST_DELAY = 15_000;
const REQUEST_TIME = 65_000; // the gateway itself gives up after a minute
const SILENT = 4000; // close code for a gateway that sends no ticks

// Failure is an error answer in the gateway's own words.
export class Failure extends Error {
  constructor({ code, message, details, retryAfterMs }) {
    super(message);
    Object.assign(this, { code, details, retryAfterMs });
  }
}

// newID is random. crypto.randomUUID would need TLS on other hosts' addresses.
export function newID() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join('');
}

// Wire keeps one connection open. Its state is what people see of it:
//   phase    connecting, open, waiting (for the next attempt) or refused
//   say      one sentence: why it is not open
//   retryAt  when waiting ends
//   hello    the last hello-ok
//   epoch    counts what makes all that was fetched before old: a new connection, a gap
export class Wire {
  state = { phase: 'connecting', say: '', retryAt: 0, hello: null, epoch: 0 };
  #address;
  #credential;
  #profile;
  #socket = null;
  #pending = new Map(); // id → {resolve, reject, timer}
  #listeners = new Map(); // event → Set of functions
  #watchers = new Set();
  #attempt = 0;
  #retry = 0;
  #silence = 0;
  #lastSeq = 0;
  #seen = 0; // the gateway's time of the newest event
  #owed = 0; // from when on events were missed; 0 for none
  #say = '';
  #instance = newID(); // tells this tab from others, across reconnects

  constructor({ address, credential, profile }) {
    this.#address = address;
    this.#credential = credential;
    this.#profile = profile;
  }

  // watch calls fn on each change of state and returns the way to stop.
  watch(fn) {
    this.#watchers.add(fn);
    return () => this.#watchers.delete(fn);
  }

  // on calls fn with the payload of each event of that name and returns the way
  // to stop.
  on(event, fn) {
    if (!this.#listeners.has(event)) this.#listeners.set(event, new Set());
    this.#listeners.get(event).add(fn);
    return () => this.#listeners.get(event).delete(fn);
  }

  // has says whether somebody serves the method.
  has(method) {
    return this.state.hello?.features.methods.includes(method) ?? false;
  }

  open() {
    clearTimeout(this.#retry);
    this.#set({ phase: 'connecting', retryAt: 0 });
    this.#say = '';
    const socket = new WebSocket(this.#address);
    this.#socket = socket;
    this.#expectTick(); // who does not even greet is silent too
    socket.onmessage = (m) => {
      if (socket === this.#socket) this.#receive(JSON.parse(m.data));
    };
    socket.onclose = (e) => {
      if (socket === this.#socket) this.#closed(e.code, e.reason);
    };
  }

  // now tries at once instead of waiting.
  now() {
    if (this.state.phase === 'waiting') this.open();
  }

  // close ends it for good.
  close() {
    clearTimeout(this.#retry);
    clearTimeout(this.#silence);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
    this.#drop('this page signed out');
  }

  // request resolves to the payload of the answer, or rejects with a Failure.
  request(method, params = {}) {
    if (this.state.phase !== 'open') {
      return Promise.reject(new Failure({ code: 'UNAVAILABLE', message: `${method}: there is no connection to the gateway` }));
    }
    return this.#send(method, params);
  }

  #send(method, params) {
    const id = newID();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new Failure({ code: 'UNAVAILABLE', message: `${method}: no answer within ${REQUEST_TIME / 1000} s` }));
      }, REQUEST_TIME);
      this.#pending.set(id, { resolve, reject, timer });
      this.#socket.send(JSON.stringify({ type: 'req', id, method, params }));
    });
  }

  #receive(frame) {
    this.#expectTick();
    if (frame.type === 'res') {
      const asked = this.#pending.get(frame.id);
      if (!asked) return;
      this.#pending.delete(frame.id);
      clearTimeout(asked.timer);
      if (frame.ok) asked.resolve(frame.payload);
      else asked.reject(new Failure(frame.error));
      return;
    }
    if (frame.event === 'connect.challenge') {
      this.#connect();
      return;
    }
    if (frame.seq > this.#lastSeq + 1) {
      this.#set({ epoch: this.state.epoch + 1 });
      this.#owed ||= this.#seen + 1;
      this.#catchUp();
    }
    if (frame.seq) this.#lastSeq = frame.seq;
    this.#seen = frame.payload?.ts ?? this.#seen;
    if (frame.event === 'features') {
      this.#set({ hello: { ...this.state.hello, features: frame.payload } });
      this.#catchUp(); // a gateway that has just begun knows no recorder yet
    }
    if (frame.event === 'shutdown') this.#say = sentence(`The gateway stops: ${frame.payload.reason}`);
    this.#tell(frame.event, frame.payload);
  }

  #tell(event, payload) {
    for (const fn of this.#listeners.get(event) ?? []) fn(payload);
  }

  async #connect() {
    const socket = this.#socket;
    try {
      const hello = await this.#send('connect', {
        minProtocol: 3,
        maxProtocol: 3,
        client: {
          id: 'clawdbot-control-ui', displayName: 'dashboard', version: '1', platform: 'web', mode: 'ui', instanceId: this.#instance,
        },
        role: 'operator',
        scopes: ['operator.admin', 'operator.approvals', 'operator.pairing'],
        auth: this.#credential,
        userAgent: navigator.userAgent,
        locale: navigator.language,
      });
      this.#welcome(hello);
    } catch (err) {
      if (socket === this.#socket) this.#refused(err); // else it was lost, and is tried again
    }
  }

  #welcome(hello) {
    const { profile } = hello.server;
    if (profile !== this.#profile) {
      this.#refused(new Error(`This page is of ${this.#profile}, but ${profile} answers at its address: load the page again.`));
      return;
    }
    if (this.state.epoch > 0) this.#owed ||= this.#seen + 1;
    this.#attempt = 0;
    this.#lastSeq = 0;
    this.#seen = hello.snapshot.health.ts;
    this.#set({ phase: 'open', say: '', hello, epoch: this.state.epoch + 1 });
    this.#catchUp();
  }

  // refused ends it when the gateway does not know the credential, and waits when
  // it is only busy or locked.
  #refused(err) {
    const socket = this.#socket;
    this.#socket = null;
    socket.close(1000);
    this.#drop(err.message);
    if (err.code === 'UNAVAILABLE') this.#wait(sentence(err.message), err.retryAfterMs);
    else this.#set({ phase: 'refused', say: sentence(err.message) });
  }

  #closed(code, reason) {
    this.#socket = null;
    const say = this.#say || closeSentence(code, reason);
    this.#drop(say);
    this.#wait(say);
  }

  // wait tries again after the delay, by default a longer one each time.
  #wait(say, delay = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** this.#attempt++) * (0.8 + 0.4 * Math.random())) {
    this.#set({ phase: 'waiting', say, retryAt: Date.now() + delay });
    this.#retry = setTimeout(() => this.open(), delay);
  }

  // drop fails what waits for an answer.
  #drop(why) {
    clearTimeout(this.#silence);
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(new Failure({ code: 'UNAVAILABLE', message: why }));
    }
    this.#pending.clear();
  }

  #expectTick() {
    clearTimeout(this.#silence);
    const every = this.state.hello?.policy.tickIntervalMs ?? 30_000;
    this.#silence = setTimeout(() => {
      this.#say = `The gateway has said nothing for ${Math.round((2 * every) / 1000)} s.`;
      this.#socket?.close(SILENT);
    }, 2 * every);
  }

  // catchUp asks for the events that were lost. What the pages fetched they fetch
  // again by themselves, so that without it only the passing is lost.
  async #catchUp() {
    if (!this.#owed || !this.has('events.since')) return;
    const since = this.#owed;
    this.#owed = 0;
    try {
      const { events } = await this.request('events.since', { since });
      for (const e of events) this.#tell(e.event, e.payload);
    } catch {
      // the recorder may be off
    }
  }

  #set(change) {
    this.state = { ...this.state, ...change };
    for (const fn of this.#watchers) fn(this.state);
  }
}

function sentence(text) {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : whole + '.';
}

function closeSentence(code, reason) {
  if (reason) return sentence(`The gateway closed the connection: ${reason}`);
  switch (code) {
    case 1000: return 'The gateway closed the connection.';
    case 1001: case 1012: return 'The gateway stops or starts again.';
    case 1008: return 'The gateway refused the connection.';
    case 1009: return 'A message was too large for the gateway.';
    case 1013: return 'The gateway is too busy for another client.';
    default: return 'The connection to the gateway was lost, or there is none to be had.';
  }
}
