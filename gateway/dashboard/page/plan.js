// A change of the config: first the plan, then the probation.
import { html, useEffect, useState } from './html.js';
import { useAction, useCall, useWire } from './use.js';
import { Badge, Button, Empty, Failed, Table, useAsk } from './parts.js';
import { took } from './format.js';

const EFFECTS = {
  '': ['nothing changes', 'soft'], hot: ['taken over at once', 'good'], component: ['some components start anew', 'warn'],
  restart: ['the whole gateway starts again', 'warn'], refused: ['it cannot be used', 'bad'],
};

// Plan asks what params (raw, or a patch) would do, and applies just that.
export function Plan({ params, baseHash, ready, changed }) {
  const wire = useWire();
  const ask = useAsk();
  const key = JSON.stringify(params);
  const [planned, setPlanned] = useState(null); // {key, plan}
  const plan = useAction(async () => setPlanned({ key, plan: await wire.request('config.plan', { ...params, baseHash }) }));
  const apply = useAction(async () => {
    const { effect } = planned.plan;
    if (!await ask({ title: 'Apply this config?', text: `${EFFECTS[effect][0]}. It is on probation first: if a component fails, the gateway goes back by itself.`, verb: 'Apply' })) return;
    const raw = planned.plan.raw ?? params.raw;
    const done = raw === undefined
      ? await wire.request('config.patch', { raw: params.patch, baseHash }) // its secrets are nobody's to send back
      : await wire.request('config.apply', { raw, baseHash });
    setPlanned(null);
    changed(done);
  });
  const current = planned?.key === key ? planned.plan : null;
  return html`
    <div class="tools">
      <${Button} disabled=${!ready || plan.busy} onClick=${() => plan.run()}>Plan<//>
      <${Button} disabled=${!current?.valid || current.effect === '' || apply.busy} onClick=${() => apply.run()}>Apply<//>
      ${!ready && html`<span class="soft">Nothing is changed.</span>`}
      ${ready && !current && html`<span class="soft">Plan it first.</span>`}
    </div>
    <${Failed} error=${plan.error ?? apply.error} />
    ${current && html`<${Planned} plan=${current} />`}`;
}

function Planned({ plan: p }) {
  const [sentence, kind] = EFFECTS[p.effect] ?? [p.effect, 'soft'];
  return html`<div role="status">
    <p><${Badge} word=${sentence} kind=${kind} /> against generation ${p.against}</p>
    ${p.issues.map((i) => html`<p class="mono bad">${i.line ? `${i.line}:${i.column}: ` : ''}${i.path ? `${i.path}: ` : ''}${i.message}${i.hint ? `; ${i.hint}` : ''}</p>`)}
    ${p.valid && html`<${Table} label="Changes" empty="It says the same as what runs." rows=${p.changes} columns=${[
      { head: 'where', mono: true, cell: (c) => c.path || 'the file' },
      { head: 'takes', cell: (c) => html`<${Badge} word=${[c.effect, ...(c.components ?? [])].join(' ')} kind=${EFFECTS[c.effect]?.[1] ?? 'soft'} />` },
      { head: 'what', wide: true, cell: (c) => c.why },
    ]} />`}
  </div>`;
}

// Applied tells what became of a config that was applied.
export function Applied({ of }) {
  if (of.generation) return html`<${Probation} key=${of.generation} of=${of} />`;
  return html`<p role="status">The file is written. ${of.note}</p>`;
}

// Probation follows a generation until it has its verdict.
export function Probation({ of }) {
  const list = useCall('generations.list', {}, { every: 1000 });
  const [since] = useState(Date.now());
  const [now, setNow] = useState(since);
  useEffect(() => setNow(Date.now()), [list.data]);
  const g = list.data?.generations.find((one) => one.n === of.generation);
  if (!g) return html`<${Empty}>Generation ${of.generation} is being put in place …<//>`;
  const left = Math.max(0, of.probationMs - (now - since));
  return html`<p role="status">Generation ${g.n}: <${Badge} word=${g.verdict} /> ${g.verdict === 'probation' && left > 0 && `good in ${took(left)} if all stays well`} ${g.reason}</p>`;
}
