// Nodes: who waits to be let in, who is there, and what they can do.
import { html, useState } from './html.js';
import { useAction, useCall, useNow, useWire } from './use.js';
import { Answer, Badge, Button, Empty, Facts, Failed, Needs, Section, Table, useAsk } from './parts.js';
import { newID } from './wire.js';
import { ago, date, json, many, short } from './format.js';

export function Nodes({ rest }) {
  return html`
    <${Needs} methods=${['device.pair.list', 'node.pair.list']} what="Pairing"><${Pairing} /><//>
    <${Needs} methods=${['node.list']} what="The nodes"><${List} chosen=${rest} /><//>`;
}

const KINDS = {
  device: { id: 'deviceId', name: (r) => r.displayName || r.clientId || 'device', say: (r) => `as ${r.role}${r.scopes?.length ? `: ${r.scopes.join(', ')}` : ''}` },
  node: { id: 'nodeId', name: (r) => r.displayName || r.nodeId, say: (r) => `with ${r.commands?.join(', ') || 'no commands'}` },
};

function Pairing() {
  const devices = useCall('device.pair.list', {}, { on: ['device.pair.requested', 'device.pair.resolved'] });
  const nodes = useCall('node.pair.list', {}, { on: ['node.pair.requested', 'node.pair.resolved'] });
  const waiting = [
    ...(devices.data?.pending ?? []).map((r) => ({ ...r, kind: 'device' })),
    ...(nodes.data?.pending ?? []).map((r) => ({ ...r, kind: 'node' })),
  ].sort((a, b) => b.ts - a.ts);
  return html`
    <${Section} title=${waiting.length ? `${waiting.length} waiting` : 'Nobody waits'}>
      <${Failed} error=${devices.error ?? nodes.error} />
      ${waiting.length === 0 && html`<${Empty}>A device or a node that asks to be paired appears here for five minutes.<//>`}
      ${waiting.length > 0 && html`<ul class="list">${waiting.map((r) => html`<${Waiting} key=${r.requestId} request=${r} decided=${() => { devices.reload(); nodes.reload(); }} />`)}</ul>`}
    <//>
    <${Devices} list=${devices} />`;
}

function Waiting({ request: r, decided }) {
  const wire = useWire();
  const ask = useAsk();
  const now = useNow();
  const kind = KINDS[r.kind];
  const decide = useAction(async (verb) => {
    const ok = verb === 'reject' || await ask({
      title: `Let ${kind.name(r)} in?`, verb: 'Approve',
      text: `It comes ${kind.say(r)}, from ${r.remoteIp || 'an unknown address'}. Its id is ${r[kind.id]}.`,
    });
    if (!ok) return;
    await wire.request(`${r.kind}.pair.${verb}`, { requestId: r.requestId });
    decided();
  });
  return html`<li class="waiting" data-row tabindex="0">
    <div><b>${kind.name(r)}</b> <${Badge} word=${r.kind} kind="soft" />${r.isRepair && html` <${Badge} word="again" kind="warn" />`}
      <p class="soft">${kind.say(r)}</p>
      <p class="soft small"><code>${short(r[kind.id])}</code> · ${[r.platform, r.version, r.remoteIp].filter(Boolean).join(' · ')} · ${ago(r.ts, now)}</p>
      <${Failed} error=${decide.error} /></div>
    <div class="tools"><${Button} disabled=${decide.busy} onClick=${() => decide.run('approve')}>Approve<//><${Button} danger disabled=${decide.busy} onClick=${() => decide.run('reject')}>Reject<//></div>
  </li>`;
}

function Devices({ list }) {
  const wire = useWire();
  const ask = useAsk();
  const revoke = useAction(async (d) => {
    if (!await ask({ title: `Forget ${KINDS.device.name(d)}?`, text: 'Its tokens hold no longer and its connections are closed.', verb: 'Forget', danger: true })) return;
    await wire.request('device.pair.remove', { deviceId: d.deviceId });
    list.reload();
  });
  return html`<${Section} title="Paired devices">
    <${Failed} error=${revoke.error} />
    <${Answer} of=${list}>${({ paired }) => html`<${Table} label="Paired devices" rows=${paired} rowKey=${(d) => d.deviceId} empty="No device is paired; who has the gateway's token needs no pairing." columns=${[
      { head: 'device', cell: (d) => html`<b>${KINDS.device.name(d)}</b>` },
      { head: 'id', mono: true, cell: (d) => html`<span title=${d.deviceId}>${short(d.deviceId)}</span>` },
      { head: 'roles', cell: (d) => d.roles.join(', ') },
      { head: 'scopes', wide: true, cell: (d) => d.scopes.join(', ') },
      { head: 'since', cell: (d) => date(d.approvedAtMs) },
      { head: '', cell: (d) => wire.has('device.pair.remove') && html`<${Button} quiet disabled=${revoke.busy} onClick=${() => revoke.run(d)}>Forget<//>` },
    ]} />`}<//>
  <//>`;
}

function List({ chosen }) {
  const list = useCall('node.list', {}, { every: 5000, on: ['node.pair.resolved', 'presence'] });
  return html`<${Answer} of=${list}>${({ nodes }) => {
    const node = nodes.find((n) => n.nodeId === chosen) ?? nodes[0];
    return nodes.length === 0
      ? html`<${Section} title="Nodes"><${Empty}>No node is paired or connected.<//><//>`
      : html`<div class="list-and-detail">
          <ul class="list" aria-label="Nodes">${nodes.map((n) => html`<li key=${n.nodeId}><a data-row href=${`#/nodes/${encodeURIComponent(n.nodeId)}`} aria-current=${n === node ? 'true' : undefined}>
            <span class="line"><b>${KINDS.node.name(n)}</b> <${Badge} word=${n.connected ? 'connected' : 'away'} /></span>
            <span class="soft small">${[n.platform, n.version, many(n.commands?.length ?? 0, 'command')].filter(Boolean).join(' · ')}</span>
          </a></li>`)}</ul>
          <${Node} key=${node.nodeId} node=${node} />
        </div>`;
  }}<//>`;
}

function Node({ node: n }) {
  return html`<div class="detail">
    <${Section} title=${KINDS.node.name(n)} tools=${html`<${Badge} word=${n.connected ? 'connected' : 'away'} />${n.paired && html`<${Badge} word="paired" />`}`}>
      <${Facts} rows=${[
        ['id', html`<code>${n.nodeId}</code>`], ['system', [n.platform, n.deviceFamily, n.modelIdentifier].filter(Boolean).join(' · ')],
        ['version', [n.version, n.coreVersion, n.uiVersion].filter(Boolean).join(' · ')], ['address', n.remoteIp],
        ['connected', n.connectedAtMs && date(n.connectedAtMs)], ['can do', n.caps?.length > 0 && html`<ul class="chips">${n.caps.map((c) => html`<li>${c}</li>`)}</ul>`],
        ['commands', n.commands?.length > 0 && html`<ul class="chips">${n.commands.map((c) => html`<li class="mono">${c}</li>`)}</ul>`],
        ['granted', n.permissions && Object.entries(n.permissions).map(([what, ok]) => `${what}: ${ok ? 'yes' : 'no'}`).join(' · ')],
      ]} />
    <//>
    <${Invoke} node=${n} />
  </div>`;
}

function Invoke({ node: n }) {
  const wire = useWire();
  const [command, setCommand] = useState(n.commands?.[0] ?? '');
  const [params, setParams] = useState('{}');
  const invoke = useAction(() => {
    let given;
    try {
      given = JSON.parse(params || '{}');
    } catch (err) {
      throw new Error(`The params are no JSON: ${err.message}`);
    }
    return wire.request('node.invoke', { nodeId: n.nodeId, command, params: given, idempotencyKey: newID() });
  });
  if (!wire.has('node.invoke')) return null;
  return html`<${Section} title="Run a command">
    <form class="stack" onSubmit=${(e) => { e.preventDefault(); invoke.run(); }}>
      <label>Command <input list="commands" required value=${command} onInput=${(e) => setCommand(e.target.value)} /></label>
      <datalist id="commands">${n.commands?.map((c) => html`<option value=${c} />`)}</datalist>
      <label>Params, as JSON <textarea class="mono code" rows="3" spellcheck=${false} value=${params} onInput=${(e) => setParams(e.target.value)}></textarea></label>
      <div class="tools"><button class="button" disabled=${invoke.busy || !n.connected}>${invoke.busy ? 'Running …' : 'Run'}</button>${!n.connected && html`<span class="soft">It is not connected.</span>`}</div>
    </form>
    <${Failed} error=${invoke.error} />
    ${invoke.done && html`<pre tabindex="0" role="status">${json(invoke.done.payload ?? 'Done; it returned nothing.')}</pre>`}
  <//>`;
}
