// Generations: the configs that ran, and the way back to one.
import { html, useState } from './html.js';
import { useAction, useCall, useWire } from './use.js';
import { Answer, Badge, Button, Empty, Failed, Section, Table, useAsk } from './parts.js';
import { Diff } from './diff.js';
import { Probation } from './plan.js';
import { date, short } from './format.js';

export function Generations({ file, changed }) {
  const wire = useWire();
  const ask = useAsk();
  const list = useCall('generations.list', {}, { every: 5000 });
  const [shown, setShown] = useState(0);
  const back = useAction(async (n) => {
    if (!await ask({ title: `Back to generation ${n}?`, text: 'Its text becomes the config file again, on probation first.', verb: 'Roll back', danger: true })) return null;
    const done = await wire.request('generations.rollback', { n, baseHash: file.hash });
    changed();
    list.reload();
    return done;
  });
  return html`<${Section} title="Generations">
    <${Failed} error=${back.error} />
    ${back.done?.generation && html`<${Probation} key=${back.done.generation} of=${back.done} />`}
    <${Answer} of=${list}>${({ generations, running, source, reason, refused, tightened }) => html`
      <p>${running ? `Generation ${running} runs, from ${source}` : 'Safe mode runs'}${reason ? `: ${reason}` : ''}.</p>
      ${refused && html`<${Failed} error=${`The file as it is now is not used: ${refused}`} />`}
      ${tightened?.map((t) => html`<p class="warn">${t}</p>`)}
      <${Table} label="Generations" rowKey=${(g) => g.n} rows=${generations.toReversed()} select=${(g) => setShown(g.n === shown ? 0 : g.n)} chosen=${(g) => g.n === shown} columns=${[
        { head: 'no.', number: true, cell: (g) => html`<b>${g.n}</b>` },
        { head: 'first ran', cell: (g) => date(Date.parse(g.time)) },
        { head: 'verdict', cell: (g) => html`<${Badge} word=${g.verdict} kind=${{ good: 'good', probation: 'warn' }[g.verdict] ?? 'bad'} />${g.n === running && ' runs'}` },
        { head: 'from', cell: (g) => g.source },
        { head: 'hash', mono: true, cell: (g) => short(g.hash) },
        { head: 'reason', wide: true, cell: (g) => g.reason ?? '' },
        { head: '', cell: (g) => wire.has('generations.rollback') && g.n !== running && html`<${Button} quiet disabled=${back.busy} onClick=${(e) => { e.stopPropagation(); back.run(g.n); }}>Roll back<//>` },
      ]} />
      ${shown > 0 && wire.has('generations.show') && html`<${Shown} key=${shown} n=${shown} />`}`}
    <//>
  <//>`;
}

function Shown({ n }) {
  const one = useCall('generations.show', { n });
  return html`<h3>Generation ${n}</h3><${Answer} of=${one}>${(g) => html`
    ${g.diff ? html`<p class="soft">From it to the file:</p><${Diff} text=${g.diff} />` : html`<p class="soft">It is the file as it is now.</p>`}
    ${g.raw === null ? html`<${Empty}>Its text has secrets that cannot be hidden.<//>` : html`<details><summary>Text</summary><pre tabindex="0">${g.raw}</pre></details>`}`}<//>`;
}
