// Hooks over the connection.
import { createContext, useCallback, useContext, useEffect, useReducer, useRef, useState } from './html.js';

export const WireContext = createContext(null);

// useWire is the connection; whoever uses it is drawn again when its state changes.
export function useWire() {
  const wire = useContext(WireContext);
  const [drawn, draw] = useReducer(() => wire.state, wire.state);
  useEffect(() => {
    if (drawn !== wire.state) draw(); // it changed before this was watching
    return wire.watch(draw);
  }, [wire]);
  return wire;
}

// useEvent calls fn with the payload of each event of that name.
export function useEvent(name, fn) {
  const wire = useContext(WireContext);
  const latest = useRef(fn);
  latest.current = fn;
  useEffect(() => wire.on(name, (payload) => latest.current(payload)), [wire, name]);
}

// useCall asks a method when the page opens, when its params change, after each
// reconnect, on the named events and every so many milliseconds. The data of the
// last good answer stays while it is asked again.
export function useCall(method, params = {}, { on = [], every = 0, when = true } = {}) {
  const wire = useWire();
  const { epoch, phase } = wire.state;
  const [answer, setAnswer] = useState({ data: undefined, error: null });
  const asked = useRef(0);
  const key = JSON.stringify(params);
  const active = when && phase === 'open' && wire.has(method);

  const ask = useCallback(async () => {
    if (!active) return;
    const mine = ++asked.current;
    try {
      const data = await wire.request(method, JSON.parse(key));
      if (mine === asked.current) setAnswer({ data, error: null });
    } catch (error) {
      if (mine === asked.current) setAnswer((old) => ({ data: old.data, error }));
    }
  }, [wire, method, key, active]);

  useEffect(() => {
    ask();
    return () => asked.current++; // what comes later is of no interest
  }, [ask, epoch]);
  useEffect(() => {
    if (!every || !active) return undefined;
    const timer = setInterval(ask, every);
    return () => clearInterval(timer);
  }, [ask, every, active]);
  useEffect(() => {
    const offs = on.map((event) => wire.on(event, ask));
    return () => offs.forEach((off) => off());
  }, [wire, ask, on.join()]);

  return { ...answer, loading: active && answer.data === undefined && !answer.error, reload: ask };
}

// useAction runs something that the user asked for, one at a time.
export function useAction(fn) {
  const [state, setState] = useState({ busy: false, error: null, done: null });
  const latest = useRef(fn);
  latest.current = fn;
  const run = useCallback(async (...args) => {
    setState({ busy: true, error: null, done: null });
    try {
      const done = await latest.current(...args);
      setState({ busy: false, error: null, done: done ?? null });
    } catch (error) {
      setState({ busy: false, error, done: null });
    }
  }, []);
  return { ...state, run };
}

// useNow is the time, drawn again so often.
export function useNow(every = 1000) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}
