// Logs: the end of the gateway's log file, as it grows.
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from './html.js';
import { useWire } from './use.js';
import { Button, Empty, Failed, Needs, Section } from './parts.js';
import { many } from './format.js';

const LEVELS = ['debug', 'info', 'warn', 'error'];
const KEPT = 3000;
const DRAWN = 500;
const EVERY = 1000;

export const Logs = () => html`<${Needs} methods=${['logs.tail']} what="The log"><${Tail} /><//>`;

// useTail follows the file while it is not paused. It starts anew with each connection.
function useTail(paused) {
  const wire = useWire();
  const [tail, setTail] = useState({ file: '', lines: [], error: null });
  const cursor = useRef(undefined);
  const { epoch, phase } = wire.state;
  useEffect(() => {
    if (paused || phase !== 'open') return undefined;
    let timer = 0;
    let over = false;
    const ask = async () => {
      try {
        const got = await wire.request('logs.tail', { limit: 1000, ...(cursor.current === undefined ? {} : { cursor: cursor.current }) });
        if (over) return;
        cursor.current = got.cursor;
        const fresh = got.lines.map(parse);
        setTail((t) => ({ file: got.file, error: null, lines: fresh.length === 0 && t.file ? t.lines : [...t.lines, ...fresh].slice(-KEPT) }));
      } catch (error) {
        if (!over) setTail((t) => ({ ...t, error }));
      }
      if (!over) timer = setTimeout(ask, EVERY);
    };
    ask();
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [wire, epoch, phase, paused]);
  return tail;
}

let count = 0; // a key for each line, as two may be equal
function parse(text) {
  try {
    const { time, level, component = '', msg, attrs = {} } = JSON.parse(text);
    const more = Object.entries(attrs).map(([key, value]) => `${key}=${typeof value === 'object' ? JSON.stringify(value) : value}`).join(' ');
    return { id: ++count, time, level, component, text: more ? `${msg} ${more}` : msg };
  } catch {
    return { id: ++count, time: '', level: 'info', component: '', text };
  }
}

function Tail() {
  const [paused, setPaused] = useState(false);
  const [level, setLevel] = useState('debug');
  const [search, setSearch] = useState('');
  const tail = useTail(paused);
  const matching = useMemo(() => {
    const least = LEVELS.indexOf(level);
    const wanted = search.toLowerCase();
    return tail.lines.filter((l) => LEVELS.indexOf(l.level) >= least && `${l.component} ${l.text}`.toLowerCase().includes(wanted));
  }, [tail.lines, level, search]);
  return html`<${Section} class="fill" title=${html`Log <code class="soft">${tail.file}</code>`} tools=${html`
      <label class="inline">from <select value=${level} onChange=${(e) => setLevel(e.target.value)}>${LEVELS.map((l) => html`<option>${l}</option>`)}</select></label>
      <input type="search" data-filter placeholder="Search" aria-label="Search" value=${search} onInput=${(e) => setSearch(e.target.value)} />
      <${Button} quiet aria-pressed=${String(paused)} onClick=${() => setPaused(!paused)}>${paused ? 'Go on' : 'Pause'}<//>`}>
    <${Failed} error=${tail.error} />
    <p class="soft small" role="status">${many(matching.length, 'line')}${matching.length > DRAWN ? `, the last ${DRAWN} shown` : ''}${paused ? ' · paused' : ''}</p>
    ${matching.length === 0
      ? html`<${Empty}>${tail.lines.length === 0 ? 'The log is empty.' : 'No line is like that.'}<//>`
      : html`<${Stick} label="Log lines">${matching.slice(-DRAWN).map((l) => html`<div key=${l.id} class="log">
          <time>${l.time.slice(11, 23)}</time><span class=${`level ${l.level}`}>${l.level}</span><span class="soft">${l.component}</span><span class="text">${l.text}</span>
        </div>`)}<//>`}
  <//>`;
}

// Stick scrolls with what is new as long as its end is in view.
export function Stick({ label, children }) {
  const box = useRef(null);
  const atEnd = useRef(true);
  useLayoutEffect(() => {
    if (atEnd.current) box.current.scrollTop = box.current.scrollHeight;
  });
  const scrolled = () => {
    if (!box.current) return; // it has just gone
    const { scrollTop, scrollHeight, clientHeight } = box.current;
    atEnd.current = scrollHeight - scrollTop - clientHeight < 40;
  };
  return html`<div ref=${box} class="stick" tabindex="0" role="log" aria-label=${label} aria-live="off" onScroll=${scrolled}>${children}</div>`;
}
