// Overview: this gateway and its peers side by side.
import { html, useState } from './html.js';
import { useAction, useCall, useNow, useWire } from './use.js';
import { Answer, Badge, Button, Empty, Facts, Failed, Section, Table, useAsk } from './parts.js';
import { Beats, useBeats } from './beats.js';
import { useTail } from './tail.js';
import { ago, clock, date, many, took } from './format.js';

export function Overview() {
  const health = useCall('health', {}, { every: 1000, on: ['health'] });
  useBeats(health.data);
  const [peers, setPeers] = useState({}); // the last beat of each, which has its components
  const followed = (health.data?.peers ?? []).map((p) => `clawdbot.${p.profile}.health.beat`);
  useTail(followed, { messages: (list) => setPeers((old) => list.reduce((all, m) => (m.data ? { ...all, [m.data.profile]: m.data } : all), old)) });
  return html`<${Answer} of=${health}>${(h) => html`
    <${OpenIncidents} incidents=${h.incidents} />
    <div class="side-by-side">
      <${Own} health=${h} />
      ${h.peers.map((p) => html`<${Peer} key=${p.profile} peer=${p} beat=${peers[p.profile]} />`)}
      ${h.peers.length === 0 && html`<${Section} title="Peers"><${Empty}>No other profile runs on this host. A second one watches this one: <code>clawdbot --profile rescue setup</code><//><//>`}
    </div>
    <${Components} />
    <${Ports} own=${h.profile} />
    <${Present} />`}
  <//>`;
}

function OpenIncidents({ incidents }) {
  if (incidents.open === 0) return null;
  const { newest } = incidents;
  return html`<a class="banner bad" href=${`#/incidents/${newest.id}`}>
    <b>${many(incidents.open, 'open incident')}</b><span>${newest.peer}: ${newest.summary}</span>
  </a>`;
}

const verdictOf = (h) => (h.safeMode ? 'safe mode' : h.gateway.phase !== 'ready' ? h.gateway.phase : h.components.every((c) => c.state === 'ok' || c.state === 'off') ? 'ok' : h.ok ? 'degraded' : 'failed');

function Own({ health: h }) {
  const word = verdictOf(h);
  const g = h.generation;
  return html`<${Section} class="gateway own" title=${h.profile} tools=${html`<${Badge} word=${word} kind=${word === 'safe mode' ? 'bad' : undefined} /><span class="soft">this gateway</span>`}>
    ${h.gateway.detail && html`<p>${h.gateway.detail}</p>`}
    <${Beats} profile=${h.profile} />
    <${Chips} components=${h.components} />
    <${Facts} rows=${[
      ['up', took(h.gateway.uptimeMs)],
      ['config', html`generation ${g.generation} from ${g.source}, <${Badge} word=${g.verdict} />`],
      ['why', g.reason],
      ['maintenance', h.maintenance && `until ${date(h.maintenance.until)}${h.maintenance.reason ? `: ${h.maintenance.reason}` : ''}`],
      ['version', h.version],
      ['process', `${h.gateway.pid}, ${many(h.gateway.clients, 'client')}`],
      ['config file', html`<code>${h.gateway.configPath}</code>`],
    ]} />
    ${g.warnings?.length > 0 && html`<details><summary>${many(g.warnings.length, 'warning')} about the config</summary><ul>${g.warnings.map((w) => html`<li>${w}</li>`)}</ul></details>`}
  <//>`;
}

function Chips({ components }) {
  return html`<ul class="chips" aria-label="Components">${components.map((c) => html`
    <li key=${c.name} title=${c.detail ?? ''}><${Badge} word=${c.state}>${c.name}<//>${c.state !== 'ok' && ` ${c.state}`}</li>`)}</ul>`;
}

function Peer({ peer: p, beat }) {
  const now = useNow();
  return html`<${Section} class="gateway" title=${p.profile} tools=${html`<${Badge} word=${p.verdict} /><span class="soft">for ${took(now - p.since)}</span>`}>
    <${Beats} profile=${p.profile} />
    ${beat?.components && html`<${Chips} components=${beat.components} />`}
    <${Facts} rows=${[
      ['why', p.reason],
      ['last beat', p.lastBeatMs < 0 ? 'none yet' : `${took(p.lastBeatMs)} ago`],
      ['config', p.generation ? `generation ${p.generation}` : undefined],
      ['noticed in', p.detectMs > 0 ? took(p.detectMs) : undefined],
      ['repair', p.repair],
      ['version', p.version],
      ['process', p.pid],
    ]} />
    ${p.evidence?.length > 0 && html`<details><summary>What the witnesses say</summary>
      <${Facts} rows=${p.evidence.map((w) => [w.name, w.said])} /></details>`}
  <//>`;
}

function Components() {
  const list = useCall('component.list', {}, { every: 5000, on: ['health'] });
  const wire = useWire();
  const ask = useAsk();
  const restart = useAction(async (c) => {
    if (!await ask({ title: `Restart ${c.name}?`, text: 'It gets a new life; the other components do not notice.', verb: 'Restart' })) return;
    await wire.request('component.restart', { name: c.name });
    list.reload();
  });
  if (!wire.has('component.list')) return null;
  return html`<${Section} title="Components">
    <${Failed} error=${restart.error} />
    <${Answer} of=${list}>${({ components }) => html`<${Table} label="Components" rows=${components} rowKey=${(c) => c.name} columns=${[
      { head: 'name', cell: (c) => html`<b>${c.name}</b>` },
      { head: 'state', cell: (c) => html`<${Badge} word=${c.state} />` },
      { head: 'up', cell: (c) => (c.since ? took(Date.now() - Date.parse(c.since)) : '–') },
      { head: 'restarts', number: true, cell: (c) => c.restarts },
      { head: 'its last piece of work', wide: true, cell: (c) => c.detail || c.probeError || (c.probe.did ? `${c.probe.did} in ${took(c.probe.tookUs / 1000)}` : '–') },
      { head: '', cell: (c) => wire.has('component.restart') && c.since && html`<${Button} quiet disabled=${restart.busy} aria-label=${`Restart ${c.name}`} onClick=${() => restart.run(c)}>Restart<//>` },
    ]} />`}<//>
  <//>`;
}

const PARTS = ['gateway', 'bridge', 'browser', 'canvas', 'bus', 'link', 'monitor', 'websocket'];

// Ports shows who holds what, or what this gateway was given when nobody tells more.
function Ports({ own }) {
  const wire = useWire();
  const list = useCall('ports.list', {}, { every: 10_000 });
  if (!wire.has('ports.list')) {
    const { ports } = wire.state.hello.snapshot.health;
    const rows = PARTS.filter((part) => ports[part]).map((part) => ({ part, port: ports[part] }));
    return html`<${Section} title=${`Ports of ${own}`}><${Table} label="Ports" rows=${rows} columns=${[
      { head: 'part', cell: (r) => r.part }, { head: 'port', number: true, cell: (r) => r.port },
    ]} /><//>`;
  }
  return html`<${Section} title="Ports"><${Answer} of=${list}>${({ profiles, nextFree }) => html`
    <${Table} label="Ports" rowKey=${(p) => `${p.profile} ${p.port}`} rows=${profiles.flatMap((one) => one.holders.map((h) => ({ ...h, profile: one.profile })))} columns=${[
      { head: 'profile', cell: (p) => html`<b>${p.profile}</b>` },
      { head: 'part', cell: (p) => p.component },
      { head: 'port', number: true, cell: (p) => p.port },
      { head: 'state', cell: (p) => html`<${Badge} word=${p.state} kind=${{ held: 'good', taken: 'bad' }[p.state] ?? 'soft'} />` },
      { head: 'holder', cell: (p) => (p.pid ? `${p.program || 'process'} (${p.pid})` : '–') },
      { head: 'what to do', wide: true, cell: (p) => p.state === 'taken' && html`${p.summary} <code>${p.try}</code>` },
    ]} />
    <p class="soft small">The next free block begins at ${nextFree}.</p>`}
  <//><//>`;
}

function Present() {
  const wire = useWire();
  const list = useCall('system-presence', {}, { on: ['presence'] });
  const now = useNow(5000);
  if (!wire.has('system-presence')) return null;
  return html`<${Section} title="Presence"><${Answer} of=${list}>${(rows) => html`<${Table} label="Presence" rows=${rows} columns=${[
    { head: 'who', cell: (p) => html`<b>${p.host}</b>` },
    { head: 'mode', cell: (p) => p.mode },
    { head: 'address', mono: true, cell: (p) => p.ip || '–' },
    { head: 'platform', cell: (p) => [p.deviceFamily, p.platform].filter(Boolean).join(' ') || '–' },
    { head: 'version', cell: (p) => p.version || '–' },
    { head: 'seen', cell: (p) => html`<time title=${clock(p.ts)}>${ago(p.ts, now)}</time>` },
    { head: 'why', wide: true, cell: (p) => p.reason },
  ]} />`}<//><//>`;
}
