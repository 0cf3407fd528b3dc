// Browser: what the gateway's own Chromium shows, and its tabs.
import { html, useEffect, useRef, useState } from './html.js';
import { useAction, useCall, useWire } from './use.js';
import { Answer, Badge, Button, Empty, Facts, Failed, Needs, Section } from './parts.js';
import { many } from './format.js';

const PICTURE_EVERY = 1000; // from one picture to asking for the next

// route is the params of one call of browser control.
const route = (method, path, profile, body) => ({ method, path, query: profile ? { profile } : undefined, body });

export function Browser() {
  return html`<${Needs} methods=${['browser.request']} what="The browser"><${Profiles} /><//>`;
}

function Profiles() {
  const list = useCall('browser.request', route('GET', '/profiles'), { every: 5000 });
  const [name, setName] = useState('');
  return html`<${Answer} of=${list}>${({ profiles }) => {
    const p = profiles.find((one) => one.name === name) ?? profiles.find((one) => one.isDefault) ?? profiles[0];
    if (!p) return html`<${Section} title="Browser"><${Empty}>No browser profile is set up.<//><//>`;
    return html`
      <${Section} title="Profiles">
        <div class="tools">${profiles.map((one) => html`
          <${Button} quiet aria-pressed=${String(one === p)} onClick=${() => setName(one.name)}>
            ${one.name} <${Badge} word=${one.running ? many(one.tabCount, 'tab') : 'not running'} kind=${one.running ? 'good' : 'soft'} />
          <//>`)}</div>
        <${Run} profile=${p} reload=${list.reload} />
      <//>
      ${p.running && html`<${Tabs} key=${p.name} profile=${p.name} />`}`;
  }}<//>`;
}

function Run({ profile: p, reload }) {
  const wire = useWire();
  const change = useAction(async () => {
    await wire.request('browser.request', route('POST', p.running ? '/stop' : '/start', p.name));
    reload();
  });
  return html`
    <${Facts} rows=${[['CDP', p.cdpUrl && html`<code>${p.cdpUrl}</code>`], ['whose', p.isRemote ? 'another program’s' : 'this gateway starts it']]} />
    <${Failed} error=${change.error} />
    ${!p.isRemote && html`<div class="tools"><${Button} quiet=${p.running} action=${change}>${change.busy ? 'Wait …' : p.running ? 'Stop' : 'Start'}<//></div>`}`;
}

function Tabs({ profile }) {
  const wire = useWire();
  const list = useCall('browser.request', route('GET', '/tabs', profile), { every: 3000 });
  const [target, setTarget] = useState('');
  const address = useRef(null);
  const open = useAction(async () => {
    const tab = await wire.request('browser.request', route('POST', '/tabs/open', profile, { url: address.current.value }));
    address.current.value = '';
    setTarget(tab.targetId);
    list.reload();
  });
  const act = useAction(async (...call) => {
    await wire.request('browser.request', route(...call));
    list.reload();
  });
  const tabs = list.data?.tabs ?? [];
  const current = tabs.find((t) => t.targetId === target) ?? tabs[0];
  return html`
    <${Section} title="Tabs">
      <form class="row" onSubmit=${(e) => { e.preventDefault(); open.run(); }}>
        <input ref=${address} type="url" required data-filter placeholder="https://…" aria-label="Address" /><button class="button" disabled=${open.busy}>Open</button>
      </form>
      <${Failed} error=${open.error ?? act.error} />
      <${Answer} of=${list}>${() => (tabs.length === 0 ? html`<${Empty}>No tab is open.<//>` : html`<ul class="list">${tabs.map((t) => html`
        <li key=${t.targetId} class="split"><button data-row type="button" aria-current=${t === current ? 'true' : undefined} onClick=${() => setTarget(t.targetId)}>
            <b class="cut">${t.title || 'without a title'}</b><span class="soft small cut">${t.url}</span></button>
          <${Button} quiet onClick=${() => act.run('POST', '/tabs/focus', profile, { targetId: t.targetId })}>Focus<//>
          <${Button} quiet onClick=${() => act.run('DELETE', `/tabs/${t.targetId}`, profile)}>Close<//></li>`)}</ul>`)}
      <//>
    <//>
    ${current && html`<${Picture} key=${`picture ${current.targetId}`} profile=${profile} tab=${current} /><${Snapshot} key=${`snapshot ${current.targetId}`} profile=${profile} tab=${current} />`}`;
}

const notServed = (error) => error?.details?.status === 404;

// Picture asks for the next screenshot when the one before has come, while the
// page is in view.
function Picture({ profile, tab }) {
  const wire = useWire();
  const [picture, setPicture] = useState(null);
  const [error, setError] = useState(null);
  const open = wire.state.phase === 'open';
  useEffect(() => {
    if (!open) return undefined;
    let timer = 0;
    let over = false;
    const ask = async () => {
      let failed = null;
      try {
        const got = document.hidden ? null : await wire.request('browser.request', route('POST', '/screenshot', profile, { targetId: tab.targetId, type: 'jpeg', inline: true }));
        if (got?.data && !over) setPicture(`data:${got.contentType ?? 'image/jpeg'};base64,${got.data}`);
      } catch (err) {
        failed = err;
      }
      if (over) return;
      setError(failed);
      if (!notServed(failed)) timer = setTimeout(ask, PICTURE_EVERY);
    };
    ask();
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [open, profile, tab.targetId]);
  return html`<${Section} title="Live picture">
    ${notServed(error) ? html`<${Empty}>This gateway does not serve pictures of its tabs yet.<//>` : html`<${Failed} error=${error} />`}
    ${picture && html`<img class="picture" src=${picture} alt=${`What ${tab.title || tab.url} looks like now`} />`}
    ${!picture && !error && html`<${Empty}>Waiting for the first picture …<//>`}
  <//>`;
}

// tree is a snapshot as text, each node below its parent.
const tree = ({ nodes, truncated }) =>
  nodes.map((n) => `${'  '.repeat(n.depth)}${n.role}${n.name ? ` "${n.name}"` : ''}${n.value ? `: ${n.value}` : ''}`).join('\n') + (truncated ? '\n…' : '');

function Snapshot({ profile, tab }) {
  const shot = useCall('browser.request', { method: 'GET', path: '/snapshot', query: { profile, targetId: tab.targetId, format: 'aria' } });
  if (notServed(shot.error)) return null;
  return html`<${Section} title="Snapshot" tools=${html`<${Button} quiet onClick=${shot.reload}>Again<//>`}>
    <${Answer} of=${shot}>${(s) => html`<pre tabindex="0">${tree(s)}</pre>`}<//>
  <//>`;
}
