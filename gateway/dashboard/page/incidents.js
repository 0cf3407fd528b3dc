// Incidents: what went wrong with the peers, and what is done about it.
import { html, useState } from './html.js';
import { useAction, useCall, useNow, useWire } from './use.js';
import { Answer, Badge, Button, Empty, Facts, Failed, Needs, Section, useAsk } from './parts.js';
import { Diff } from './diff.js';
import { Timeline } from './timeline.js';
import { ago, clock, date, took } from './format.js';

export function Incidents({ rest }) {
  const list = useCall('incidents.list', {}, { on: ['incident'] });
  const chosen = rest || list.data?.incidents[0]?.id;
  return html`<${Needs} methods=${['incidents.list', 'incidents.show']} what="Incidents">
    <${Rescue} />
    <${Answer} of=${list}>${({ incidents }) => (incidents.length === 0
      ? html`<${Section} title="All quiet"><${Empty}>No peer was in trouble as far as this gateway remembers.<//><//>`
      : html`<div class="list-and-detail">
          <ul class="list" aria-label="Incidents">${incidents.map((i) => html`<${Row} key=${i.id} incident=${i} current=${i.id === chosen} />`)}</ul>
          ${chosen && html`<${Incident} key=${chosen} id=${chosen} />`}
        </div>`)}
    <//>
  <//>`;
}

function Row({ incident: i, current }) {
  const now = useNow(10_000);
  return html`<li><a data-row href=${`#/incidents/${i.id}`} aria-current=${current ? 'true' : undefined}>
    <span class="line"><b>${i.peer}</b> ${i.kind} <${Badge} word=${i.state} kind=${i.state === 'held' ? 'bad' : undefined} /></span>
    <span class="cut">${i.summary}</span>
    <span class="soft small">${ago(i.began, now)}${i.recoverMs ? `, took ${took(i.recoverMs)}` : ''}</span>
  </a></li>`;
}

function Incident({ id }) {
  const shown = useCall('incidents.show', { id }, { on: ['incident'] });
  return html`<div class="detail"><${Answer} of=${shown}>${({ incident: i }) => html`
    <${Section} title=${`${i.peer}: ${i.kind}`} tools=${html`<${Badge} word=${i.state} kind=${i.state === 'held' ? 'bad' : undefined} />`}>
      <p class="finding">${i.summary}</p>
      <${Timeline} incident=${i} />
      <${Facts} rows=${[
        ['began', date(i.began)], ['noticed after', took(i.detectMs)], ['over after', i.recoverMs ? took(i.recoverMs) : undefined],
        ['verdict', html`<${Badge} word=${i.verdict} />`], ['seen by', i.observer], ['result', i.result], ['fingerprint', html`<code>${i.fingerprint}</code>`],
        ['exit', i.exit && exit(i.exit)], ['goroutines', i.stacks && html`<code>${i.stacks}</code>`],
      ]} />
    <//>
    <${Section} title="What happened"><ol class="line">${i.timeline.map((m) => html`<li><time>${clock(m.at)}</time>${m.what}</li>`)}</ol><//>
    <${Section} title="What was done">${i.actions.length === 0 ? html`<${Empty}>Nothing.<//>` : html`<ol class="line">${i.actions.map((a) => html`
      <li><time>${clock(a.at)}</time><b>${a.what}</b>${a.dryRun && ' (not done)'}: ${a.why} → ${a.result} <span class="soft">by ${a.by}, ${took(a.tookMs)}</span></li>`)}</ol>`}<//>
    <${Section} title="Evidence"><${Facts} rows=${i.witnesses.map((w) => [w.name, w.said])} /><//>
    ${i.config && html`<${Section} title="Config"><${ConfigState} state=${i.config} /><//>`}
    ${i.lastLog?.length > 0 && html`<${Section} title="Its last log lines"><pre tabindex="0">${i.lastLog.map((l) => html`<span class=${l.level}>${l.time} ${l.level.padEnd(5)} ${(l.component ?? '').padEnd(8)} ${l.msg}${attrs(l)}</span>`)}</pre><//>`}
  `}<//></div>`;
}

const attrs = (l) => Object.entries(l.attrs ?? {}).map(([key, value]) => ` ${key}=${typeof value === 'object' ? JSON.stringify(value) : value}`).join('');

function exit(e) {
  const how = e.signal ? `by ${e.signal}` : e.status >= 0 ? `with status ${e.status}` : 'in a way nobody saw';
  return `ended ${how}${e.manager ? `; ${e.manager} says ${e.unit ?? ''} ${e.state ?? ''}` : ''}, ${e.restarts} restarts`;
}

function ConfigState({ state: c }) {
  return html`
    <${Facts} rows=${[
      ['ran', `generation ${c.generation} from ${c.source}`], ['why', c.reason], ['last good', c.lastGood ? `generation ${c.lastGood}` : undefined],
    ]} />
    ${c.issues?.map((i) => html`<p class="mono bad">${i}</p>`)}
    ${c.diff ? html`<h3>Last good → file</h3><${Diff} text=${c.diff} />` : html`<p class="soft">The file is what was good last.</p>`}`;
}

// Rescue is what this gateway would do about each peer, with the operator's hand on it.
function Rescue() {
  const wire = useWire();
  const status = useCall('rescue.status', {}, { every: 5000, on: ['incident', 'health'] });
  const [told, setTold] = useState('');
  const ask = useAsk();
  const act = useAction(async (method, p, question) => {
    if (!await ask({ ...question, text: question.text ?? (await dryRun(wire, method, p)) })) return;
    const { action } = await wire.request(method, { peer: p.profile });
    setTold(`${p.profile}: ${action.what}, ${action.result}.`);
    status.reload();
  });
  if (!wire.has('rescue.status') || !status.data?.peers.length) return null;
  const may = wire.has('rescue.repair');
  return html`<${Section} title="Rescue">
    <${Failed} error=${act.error} />${told && html`<p role="status">${told}</p>`}
    ${status.data.peers.map((p) => html`<div class="peer" key=${p.profile}>
      <p><b>${p.profile}</b> <${Badge} word=${p.verdict} /> ${policy(p)}</p>
      ${may && html`<div class="tools">
        <${Button} disabled=${act.busy || !p.incident} danger onClick=${() => act.run('rescue.repair', p, { title: `Repair ${p.profile} now?`, verb: 'Repair', danger: true })}>Repair<//>
        ${p.held
          ? html`<${Button} quiet disabled=${act.busy} onClick=${() => act.run('rescue.resume', p, { title: `Resume repairs of ${p.profile}?`, text: 'The rescue acts again, and counts failures and repairs anew.', verb: 'Resume' })}>Resume<//>`
          : html`<${Button} quiet disabled=${act.busy} onClick=${() => act.run('rescue.hold', p, { title: `Hold repairs of ${p.profile}?`, text: 'The rescue only watches it until repairs are resumed.', verb: 'Hold' })}>Hold<//>`}
      </div>`}
    </div>`)}
  <//>`;
}

// dryRun asks what a repair would do.
async function dryRun(wire, method, p) {
  const { action } = await wire.request(method, { peer: p.profile, dryRun: true });
  return `It would ${action.what}: ${action.why}.`;
}

function policy(p) {
  const words = [`policy ${p.policy}${p.why ? ` (${p.why})` : ''}`, p.manager && `run by ${p.manager}`, p.maintenance && 'under maintenance',
    p.held && `held: ${p.heldReason}`, p.nextAction && `next: ${p.nextAction}`, p.repairsInWindow > 0 && `${p.repairsInWindow} repairs in 15 min`, p.lease];
  return html`<span class="soft">${words.filter(Boolean).join(' · ')}</span>`;
}
