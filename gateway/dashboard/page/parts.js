// Small parts that every page uses.
import { html, createContext, useContext, useEffect, useRef, useState } from './html.js';
import { useWire } from './use.js';

const TONES = {
  ok: 'good', ready: 'good', good: 'good', resolved: 'good', connected: 'good', paired: 'good', held: 'warn', starting: 'warn', degraded: 'warn',
  suspect: 'warn', probation: 'warn', open: 'bad', down: 'bad', hung: 'bad', failed: 'bad', bad: 'bad', taken: 'bad', error: 'bad', warn: 'warn',
};

export const tone = (word) => TONES[word] ?? 'soft';

// Badge is a word of the gateway's, in its colour.
export function Badge({ word, kind = tone(word), children }) {
  return html`<span class=${`badge ${kind}`}>${children ?? word}</span>`;
}

export function Section({ title, tools, children, ...rest }) {
  return html`<section ...${rest}>
    <header class="head"><h2>${title}</h2>${tools && html`<div class="tools">${tools}</div>`}</header>
    ${children}
  </section>`;
}

// Failed tells of an error in one sentence.
export function Failed({ error }) {
  if (!error) return null;
  const text = String(error.message ?? error);
  return html`<p class="failed" role="alert">${text.charAt(0).toUpperCase() + text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}</p>`;
}

export const Empty = ({ children }) => html`<p class="empty">${children}</p>`;

// Answer draws what useCall got: an error, a wait, or the children with the data.
export function Answer({ of, children }) {
  return html`
    <${Failed} error=${of.error} />
    ${of.loading && html`<p class="empty" role="status">Asking the gateway …</p>`}
    ${of.data !== undefined && children(of.data)}`;
}

// Needs draws its children when every method is served, else says what is missing.
export function Needs({ methods, what, later, children }) {
  const wire = useWire();
  const missing = methods.filter((m) => !wire.has(m));
  if (missing.length === 0 || !wire.state.hello) return children;
  return html`<div class="missing">
    <p><b>${what} cannot be shown here.</b></p>
    <p>This gateway does not serve ${missing.map((m, i) => html`${i > 0 && ', '}<code>${m}</code>`)}. ${later ?? 'The part that owns it may be switched off, or be restarting.'}</p>
  </div>`;
}

export function Button({ action, danger, quiet, wide, children, ...rest }) {
  const kind = ['button', danger && 'danger', quiet && 'quiet', wide && 'wideonly'].filter(Boolean).join(' ');
  return html`<button type="button" class=${kind} disabled=${action?.busy} onClick=${action && (() => action.run())} ...${rest}>${children}</button>`;
}

// Facts is a list of [name, value]; rows without a value are left out.
export function Facts({ rows }) {
  const shown = rows.filter(([, value]) => value !== undefined && value !== null && value !== '');
  return html`<dl>${shown.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

// Table has columns of {head, cell, wide, number}. label names it for those who do
// not see it.
export function Table({ columns, rows, label, empty = 'There are none.', rowKey, select, chosen }) {
  if (rows.length === 0) return html`<${Empty}>${empty}<//>`;
  const cell = (c, row) => html`<td class=${[c.wide && 'wide', c.mono && 'mono', c.number && 'number'].filter(Boolean).join(' ')}>${c.cell(row)}</td>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${label}><table>
    <thead><tr>${columns.map((c) => html`<th scope="col" class=${c.number ? 'number' : ''}>${c.head}</th>`)}</tr></thead>
    <tbody>${rows.map((row, i) => html`<tr key=${rowKey?.(row) ?? i} data-row=${select ? '' : undefined} tabindex=${select ? 0 : undefined}
      aria-selected=${select ? String(chosen?.(row) ?? false) : undefined} onClick=${select && (() => select(row))}
      onKeyDown=${select && ((e) => e.key === 'Enter' && e.target === e.currentTarget && select(row))}>${columns.map((c) => cell(c, row))}</tr>`)}</tbody>
  </table></div>`;
}

// Dialog is open while it is drawn; Escape and the button close it.
export function Dialog({ title, close, children }) {
  const ref = useRef(null);
  useEffect(() => {
    const last = document.activeElement;
    ref.current.showModal();
    return () => last?.focus?.();
  }, []);
  return html`<dialog ref=${ref} aria-label=${title} onCancel=${(e) => { e.preventDefault(); close(); }}>
    <h2>${title}</h2>${children}
  </dialog>`;
}

const AskContext = createContext(null);

// useAsk returns ask({title, text, verb, danger}), which resolves to what the user
// decided.
export const useAsk = () => useContext(AskContext);

export function Asking({ children }) {
  const [question, setQuestion] = useState(null);
  const ask = useRef((q) => new Promise((resolve) => setQuestion({ ...q, resolve })));
  const answer = (yes) => {
    question.resolve(yes);
    setQuestion(null);
  };
  return html`<${AskContext.Provider} value=${ask.current}>
    ${children}
    ${question && html`<${Dialog} title=${question.title} close=${() => answer(false)}>
      <p>${question.text}</p>
      <div class="tools end">
        <${Button} quiet autofocus=${question.danger} onClick=${() => answer(false)}>Cancel<//>
        <${Button} danger=${question.danger} autofocus=${!question.danger} onClick=${() => answer(true)}>${question.verb}<//>
      </div>
    <//>`}
  <//>`;
}
