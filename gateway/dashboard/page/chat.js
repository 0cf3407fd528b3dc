// Chat: talk with the agent, one session at a time.
import { html, useEffect, useRef, useState } from './html.js';
import { useAction, useCall, useEvent, useWire } from './use.js';
import { Answer, Badge, Button, Empty, Failed, Needs, Section } from './parts.js';
import { Stick } from './logs.js';
import { newID } from './wire.js';
import { ago, clock } from './format.js';

const NEEDED = ['sessions.list', 'chat.history', 'chat.send'];

export function Chat({ rest }) {
  return html`<${Needs} methods=${NEEDED} what="Chat"><${Sessions} chosen=${rest} /><//>`;
}

function Sessions({ chosen }) {
  const wire = useWire();
  const list = useCall('sessions.list', { includeDerivedTitles: true, includeLastMessage: true }, { on: ['chat'], every: 30_000 });
  const main = wire.state.hello?.snapshot.sessionDefaults.mainSessionKey ?? 'main';
  const current = chosen || main;
  const keys = (list.data?.sessions ?? []).map((s) => s.key);
  const rows = [...(list.data?.sessions ?? [])];
  for (const key of new Set([main, current])) if (!keys.includes(key)) rows.unshift({ key });
  const fresh = () => {
    location.hash = `#/chat/${encodeURIComponent(`agent:main:web-${newID().slice(0, 8)}`)}`;
  };
  return html`<div class="list-and-detail">
    <div>
      <ul class="list" aria-label="Sessions">${rows.map((s) => html`<li key=${s.key}><a data-row href=${`#/chat/${encodeURIComponent(s.key)}`} aria-current=${s.key === current ? 'true' : undefined}>
        <span class="line"><b>${s.label || s.derivedTitle || s.displayName || shortKey(s.key)}</b>${s.activeRuns > 0 && html` <${Badge} word="answering" kind="warn" />`}</span>
        ${s.lastMessagePreview && html`<span class="cut">${s.lastMessagePreview}</span>`}
        <span class="soft small">${shortKey(s.key)} · ${s.updatedAt ? ago(s.updatedAt) : 'nothing said yet'}</span>
      </a></li>`)}</ul>
      <${Button} onClick=${fresh}>New session<//>
      <${Failed} error=${list.error} />
    </div>
    <${Talk} key=${current} sessionKey=${current} />
  </div>`;
}

const shortKey = (key) => key.replace(/^agent:[^:]*:/, '');

// textOf is the readable part of a message.
function textOf(message) {
  if (typeof message?.content === 'string') return message.content;
  return (message?.content ?? []).filter((c) => c.type === 'text').map((c) => c.text).join('\n');
}

// sameSession compares keys of which one may be short.
const sameSession = (a, b) => a === b || a.endsWith(`:${b}`) || b.endsWith(`:${a}`);

function Talk({ sessionKey }) {
  const wire = useWire();
  const history = useCall('chat.history', { sessionKey, limit: 200 });
  const [said, setSaid] = useState([]); // what came since the history
  const [run, setRun] = useState(null); // {id, text}: the answer that is being written
  const draft = useRef(null);

  useEffect(() => setSaid([]), [history.data]);
  useEvent('chat', (e) => {
    if (!sameSession(e.sessionKey, sessionKey)) return;
    if (e.state === 'delta') {
      setRun({ id: e.runId, text: textOf(e.message) });
      return;
    }
    setRun(null);
    if (e.state === 'final') setSaid((list) => [...list, ...(e.message ? [e.message] : [])]);
    history.reload(); // which has it too, and what others said
  });

  const send = useAction(async () => {
    const message = draft.current.value.trim();
    if (!message) return;
    const id = newID();
    setSaid((list) => [...list, { role: 'user', content: message, timestamp: Date.now() }]);
    setRun({ id, text: '' });
    draft.current.value = '';
    try {
      await wire.request('chat.send', { sessionKey, message, idempotencyKey: id });
    } catch (error) {
      setRun(null);
      throw error;
    }
  });
  const abort = useAction(() => wire.request('chat.abort', { sessionKey, runId: run.id }));
  const submit = (e) => {
    e.preventDefault();
    send.run();
    draft.current.focus();
  };
  const press = (e) => {
    if (e.key === 'Enter' && !e.shiftKey && !e.isComposing) submit(e);
  };

  return html`<${Section} class="talk fill" title=${html`<span class="mono">${sessionKey}</span>`} tools=${run && html`<${Badge} word="answering" kind="warn" /><${Button} action=${abort}>Stop<//>`}>
    <${Answer} of=${history}>${({ messages }) => html`<${Stick} label="Messages">
      ${[...messages, ...said].map((m, i) => html`<${Message} key=${i} message=${m} />`)}
      ${run && html`<${Message} message=${{ role: 'assistant', content: run.text || '…' }} going />`}
      ${messages.length + said.length === 0 && !run && html`<${Empty}>Nothing was said in this session. <code>/status</code> is answered without a model.<//>`}
    <//>`}<//>
    <${Failed} error=${send.error ?? abort.error} />
    <form class="say" onSubmit=${submit}>
      <textarea ref=${draft} rows="2" aria-label="Message" placeholder="Say something (Enter sends, Shift+Enter makes a line)" onKeyDown=${press}></textarea>
      <button class="button" disabled=${send.busy}>Send</button>
    </form>
  <//>`;
}

function Message({ message: m, going }) {
  return html`<article class=${`message ${m.role}${going ? ' going' : ''}`}>
    <header><b>${{ user: 'you', assistant: 'agent' }[m.role] ?? m.role}</b> ${m.timestamp && html`<time>${clock(m.timestamp).slice(0, 8)}</time>`}</header>
    <p>${textOf(m)}</p>
    ${m.errorMessage && html`<${Failed} error=${m.errorMessage} />`}${m.stopReason === 'aborted' && html`<p class="soft small">stopped here</p>`}
  </article>`;
}
