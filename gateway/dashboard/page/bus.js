// Bus: what goes over it right now, and how much.
import { html, useRef, useState } from './html.js';
import { useAction, useWire } from './use.js';
import { useTail } from './tail.js';
import { Button, Empty, Failed, Needs, Section, Table, useAsk } from './parts.js';
import { Stick } from './logs.js';
import { clock, json, many, size } from './format.js';

const KEPT = 500;

export function Bus() {
  return html`<${Needs} methods=${['bus.tail', 'bus.untail']} what="The bus"><${Tail} /><//>`;
}

function Tail() {
  const [subjects, setSubjects] = useState(['>']);
  const [paused, setPaused] = useState(false);
  const [list, setList] = useState([]);
  const [rates, setRates] = useState({});
  const field = useRef(null);
  const count = useRef(0);
  const messages = (batch, dropped) => {
    if (paused) return;
    const fresh = batch.map((m, i) => ({ ...m, key: ++count.current, dropped: i === 0 ? dropped : 0 }));
    setList((old) => [...old, ...fresh].slice(-KEPT));
  };
  const error = useTail(subjects, { messages, rates: setRates });
  const follow = (e) => {
    e.preventDefault();
    setList([]);
    setRates({});
    setSubjects(field.current.value.split(/[\s,]+/).filter(Boolean));
  };
  return html`
    <${Section} class="fill" title=${html`Live <code class="soft">${subjects.join(' ')}</code>`} tools=${html`
        <${Button} quiet aria-pressed=${String(paused)} onClick=${() => setPaused(!paused)}>${paused ? 'Go on' : 'Pause'}<//>
        <${Button} quiet onClick=${() => setList([])}>Clear<//>`}>
      <form class="row" onSubmit=${follow}>
        <input ref=${field} data-filter class="mono" list="subjects" spellcheck=${false} required aria-label="Subjects" placeholder="health.> event.chat, or > for all" />
        <datalist id="subjects">${['>', 'event.>', 'health.>', 'rpc.>', 'in.>', 'out.>', 'node.>', 'log.>', 'config.>'].map((s) => html`<option value=${s} />`)}</datalist>
        <button class="button">Follow</button>
      </form>
      <${Failed} error=${error} />
      ${list.length === 0
        ? html`<${Empty}>${error ? 'Nothing is followed.' : paused ? 'Paused.' : 'Waiting for the first message …'}<//>`
        : html`<${Stick} label="Messages of the bus">${list.map((m) => html`<${Message} key=${m.key} message=${m} />`)}<//>`}
    <//>
    <${Rates} rates=${rates} />
    <${Publish} />`;
}

function Message({ message: m }) {
  const [open, setOpen] = useState(false);
  const text = m.data === undefined ? m.text ?? '' : JSON.stringify(m.data);
  return html`<button type="button" data-row class="log bus" aria-expanded=${String(open)} onClick=${() => setOpen(!open)}>
    <time>${clock(m.ts)}</time><span class="subject">${m.subject}</span><span class="soft number">${size(m.bytes)}</span>
    ${open
      ? html`<span class="data">${m.data === undefined ? text : json(m.data)}${m.truncated && '\n… the rest was cut'}</span>`
      : html`<span class="soft cut">${text}</span>`}
    ${m.dropped > 0 && html`<span class="warn">${many(m.dropped, 'message')} before it came too fast to be shown</span>`}
  </button>`;
}

function Rates({ rates }) {
  const rows = Object.entries(rates).sort(([a, x], [b, y]) => y - x || a.localeCompare(b));
  const most = rows[0]?.[1] || 1;
  return html`<${Section} title="Rates">
    <${Table} label="Rates by subject" rows=${rows} rowKey=${([subject]) => subject} empty="Nothing came." columns=${[
      { head: 'subject', mono: true, cell: ([subject]) => subject },
      { head: 'a second', number: true, cell: ([, rate]) => rate },
      { head: '', wide: true, cell: ([subject, rate]) => html`<meter min="0" max=${most} value=${rate} aria-label=${`${subject}: ${rate} a second`}></meter>` },
    ]} /><//>`;
}

function Publish() {
  const wire = useWire();
  const ask = useAsk();
  const subject = useRef(null);
  const data = useRef(null);
  const publish = useAction(async () => {
    const to = subject.current.value.trim();
    let body = data.current.value;
    try {
      body = JSON.parse(body);
    } catch {
      // any text may be published
    }
    if (!await ask({ title: `Publish on ${to}?`, text: 'Whoever listens there takes it for real.', verb: 'Publish' })) return null;
    const done = await wire.request('bus.publish', { subject: to, data: body });
    return `Published on ${done.subject}.`;
  });
  if (!wire.has('bus.publish')) return null;
  return html`<${Section} title="Publish">
    <form class="stack" onSubmit=${(e) => { e.preventDefault(); publish.run(); }}>
      <label>Subject <input ref=${subject} class="mono" required spellcheck=${false} placeholder="event.note" /></label>
      <label>Message, JSON or text <textarea ref=${data} class="mono code" rows="3" spellcheck=${false}>{}</textarea></label>
      <div class="tools"><button class="button" disabled=${publish.busy}>Publish</button>${publish.done && html`<span role="status">${publish.done}</span>`}</div>
    </form>
    <${Failed} error=${publish.error} />
  <//>`;
}
