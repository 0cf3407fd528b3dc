// Config: the form, the text, the plan before it is applied, the generations.
import { html, useEffect, useState } from './html.js';
import { useCall } from './use.js';
import { Answer, Badge, Button, Empty, Facts, Needs, Section } from './parts.js';
import { Form } from './form.js';
import { Generations } from './generations.js';
import { Applied, Plan } from './plan.js';
import { many, short } from './format.js';

const VIEWS = [['form', 'Form'], ['text', 'Text'], ['generations', 'Generations']];

export function Config({ rest }) {
  const file = useCall('config.get');
  const view = VIEWS.some(([id]) => id === rest) ? rest : 'form';
  return html`<${Needs} methods=${['config.get', 'config.schema']} what="The config">
    <${Answer} of=${file}>${(f) => html`
      <${Section} title="Config file" tools=${html`<${Badge} word=${f.valid ? 'valid' : 'refused'} kind=${f.valid ? 'good' : 'bad'} />`}>
        <${Facts} rows=${[['file', html`<code>${f.path}</code>`], ['is there', f.exists ? undefined : 'no: the defaults hold'], ['hash', f.hash && html`<code>${short(f.hash)}</code>`]]} />
        ${f.issues.map((i) => html`<p class="mono bad">${i}</p>`)}
        ${f.warnings.length > 0 && html`<details><summary>${many(f.warnings.length, 'warning')}</summary>${f.warnings.map((w) => html`<p class="mono warn">${w}</p>`)}</details>`}
      <//>
      <div class="tabs" role="navigation" aria-label="Views of the config">${VIEWS.map(([id, name]) => html`
        <a href=${`#/config/${id}`} aria-current=${id === view ? 'page' : undefined}>${name}</a>`)}</div>
      ${view === 'form' && html`<${Form} file=${f} changed=${file.reload} />`}
      ${view === 'text' && html`<${Text} file=${f} changed=${file.reload} />`}
      ${view === 'generations' && html`<${Needs} methods=${['generations.list']} what="The history"><${Generations} file=${f} changed=${file.reload} /><//>`}
    `}<//>
  <//>`;
}

// Text edits the file as it is. What was planned is what is applied, and only onto
// the file that was edited.
function Text({ file, changed }) {
  const kept = file.exists ? file.raw : '';
  const [base, setBase] = useState({ hash: file.hash, raw: kept });
  const [text, setText] = useState(kept ?? '');
  const [applied, setApplied] = useState(null);
  const load = () => {
    setBase({ hash: file.hash, raw: kept });
    setText(kept ?? '');
  };
  const done = (answer) => {
    setBase({ hash: answer.hash, raw: text });
    setApplied(answer);
    changed();
  };
  useEffect(() => {
    if (text === base.raw) load(); // nothing of the user's is lost
  }, [file.hash]);
  if (kept === null) return html`<${Section} title="Text"><${Empty}>Its text has secrets that cannot be hidden, so it stays on the host: <code>clawdbot config edit</code>.<//><//>`;
  return html`<${Section} title="Text">
    ${base.hash !== file.hash && html`<p class="failed" role="alert">The file was changed meanwhile. <${Button} quiet onClick=${load}>Load it and forget the edits<//></p>`}
    <label class="hidden" for="config-text">Text of the config file</label>
    <textarea id="config-text" class="mono code" rows="18" spellcheck=${false} value=${text} onInput=${(e) => setText(e.target.value)}></textarea>
    <${Plan} params=${{ raw: text }} baseHash=${base.hash} ready=${text !== base.raw} changed=${done} />
    ${applied && html`<${Applied} of=${applied} />`}
  <//>`;
}
