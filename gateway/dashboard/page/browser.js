// Browser: what the gateway's own Chromium shows, and its tabs.
import { html, useEffect, useRef, useState } from './html.js';
import { useAction, useCall, useEvent, useWire } from './use.js';
import { Answer, Badge, Button, Empty, Facts, Failed, Needs, Section } from './parts.js';
import { many } from './format.js';

const AGAIN = 5000; // after a watch that was refused

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
    ${current && html`<${Live} key=${`live ${current.targetId}`} profile=${profile} tab=${current} /><${Snapshot} key=${`snapshot ${current.targetId}`} profile=${profile} tab=${current} />`}`;
}

// useSeen says whether somebody may be looking at this page.
function useSeen() {
  const [seen, setSeen] = useState(!document.hidden);
  useEffect(() => {
    const look = () => setSeen(!document.hidden);
    document.addEventListener('visibilitychange', look);
    return () => document.removeEventListener('visibilitychange', look);
  }, []);
  return seen;
}

// useView watches a tab as long as it is drawn and this page is seen. It returns
// the last picture, what the last frame said besides, and the error that kept it
// from watching.
function useView(profile, targetId) {
  const wire = useWire();
  const { epoch, phase } = wire.state;
  const [view, setView] = useState({ picture: null, last: null });
  const [error, setError] = useState(null);
  const active = useSeen() && phase === 'open' && wire.has('browser.watch');
  useEvent('browser.frame', (f) => {
    if (f.profile !== profile || f.targetId !== targetId) return;
    setView((old) => ({ picture: f.data ? `data:${f.contentType};base64,${f.data}` : old.picture, last: f }));
  });

  useEffect(() => {
    if (!active) return undefined;
    let timer = 0;
    let over = false;
    const ask = async () => {
      let next = AGAIN;
      let failed = null;
      try {
        next = (await wire.request('browser.watch', { profile, targetId })).leaseMs / 2;
      } catch (err) {
        failed = err;
      }
      if (over) return;
      setError(failed);
      timer = setTimeout(ask, next);
    };
    ask();
    return () => {
      over = true;
      clearTimeout(timer);
      wire.request('browser.unwatch', { profile, targetId }).catch(() => {}); // it ends with the lease too
    };
  }, [wire, epoch, active, profile, targetId]);
  return { ...view, error };
}

function Live({ profile, tab }) {
  const wire = useWire();
  const { picture, last, error } = useView(profile, tab.targetId);
  const still = last?.ended ? `It ended: ${last.ended}.` : last?.hidden && 'The tab is behind another one or minimised: Focus shows it.';
  return html`<${Section} title="Live picture" tools=${last?.width && html`<span class="soft small">${last.width} × ${last.height}</span>`}>
    <${Failed} error=${error} />
    ${still && html`<p class="soft" role="status">${still}</p>`}
    ${picture && html`<img class=${still ? 'picture still' : 'picture'} src=${picture} alt=${`What ${tab.title || tab.url} looks like now`} />`}
    ${!wire.has('browser.watch') && html`<${Empty}>This gateway does not serve <code>browser.watch</code>: its browser control is switched off, or restarting.<//>`}
    ${wire.has('browser.watch') && !picture && !still && !error && html`<${Empty}>Waiting for the first picture …<//>`}
  <//>`;
}

// tree is a snapshot as text, each node below its parent.
const tree = ({ nodes, truncated }) =>
  nodes.map((n) => `${'  '.repeat(n.depth)}${n.role}${n.name ? ` "${n.name}"` : ''}${n.value ? `: ${n.value}` : ''}`).join('\n') + (truncated ? '\n…' : '');

// Snapshot is taken only when asked for: it makes the tab the one used last, which
// is where the agent goes on.
function Snapshot({ profile, tab }) {
  const wire = useWire();
  const take = useAction(() => wire.request('browser.request', { method: 'GET', path: '/snapshot', query: { profile, targetId: tab.targetId, format: 'aria' } }));
  return html`<${Section} title="Snapshot" tools=${html`<${Button} quiet action=${take}>${take.done ? 'Again' : 'Take one'}<//>`}>
    <${Failed} error=${take.error} />
    ${take.done ? html`<pre tabindex="0">${tree(take.done)}</pre>` : html`<${Empty}>${take.busy ? 'Asking the gateway …' : 'The page as a tree of what it says and offers.'}<//>`}
  <//>`;
}
