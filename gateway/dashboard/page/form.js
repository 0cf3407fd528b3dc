// The form of the config, drawn from its JSON Schema. What is edited becomes one
// JSON merge patch.
import { html, useMemo, useState } from './html.js';
import { useCall, useWire } from './use.js';
import { Answer, Button, Empty, Section } from './parts.js';
import { Applied, Plan } from './plan.js';
import { json, many } from './format.js';

const SIMPLE = ['string', 'integer', 'number', 'boolean'];

export function Form({ file, changed }) {
  const schema = useCall('config.schema');
  const wire = useWire();
  const [edits, setEdits] = useState({}); // path → value; null takes the key away
  const [search, setSearch] = useState('');
  const patch = useMemo(() => JSON.stringify(mergePatch(edits)), [edits]);
  const count = Object.keys(edits).length;
  const [applied, setApplied] = useState(null);
  const done = (answer) => {
    setEdits({});
    setApplied(answer);
    changed();
  };
  return html`<${Answer} of=${schema}>${({ schema: root }) => html`
    <${Section} title="Settings" tools=${html`<input type="search" data-filter aria-label="Find a setting" placeholder="Find a setting" value=${search} onInput=${(e) => setSearch(e.target.value)} />`}>
      <${Groups} root=${root} search=${search.toLowerCase()} parsed=${file.parsed ?? {}} held=${file.config ?? {}} edits=${edits} setEdits=${setEdits} />
      <p class="soft small">Named entries, such as browser profiles, and lists of objects are edited as <a href="#/config/text">text</a>.</p>
    <//>
    ${count > 0 && html`<${Section} class="sticky" title=${many(count, 'edit')} tools=${html`<${Button} quiet onClick=${() => setEdits({})}>Forget them<//>`}>
      <pre tabindex="0">${json(JSON.parse(patch))}</pre>
      ${wire.has('config.plan') && html`<${Plan} params=${{ patch }} baseHash=${file.hash} ready changed=${done} />`}
    <//>`}
    ${applied && html`<${Section} title="Applied"><${Applied} of=${applied} /><//>`}`}
  <//>`;
}

// mergePatch turns {"a.b": 1} into {a: {b: 1}}, as RFC 7396 has it.
function mergePatch(edits) {
  const root = {};
  for (const [path, value] of Object.entries(edits)) {
    const keys = path.split('.');
    let at = root;
    for (const key of keys.slice(0, -1)) at = at[key] ??= {};
    at[keys.at(-1)] = value;
  }
  return root;
}

// leaves are the settings of a schema that have a form: [path, schema].
function leaves(schema, path = []) {
  if (schema.properties) return Object.entries(schema.properties).flatMap(([key, inner]) => leaves(inner, [...path, key]));
  const fits = SIMPLE.includes(schema.type) || (schema.type === 'array' && schema.items?.type === 'string');
  return fits && !path[0]?.startsWith('$') ? [{ path: path.join('.'), schema }] : [];
}

const at = (tree, path) => path.split('.').reduce((node, key) => node?.[key], tree);

function Groups({ root, search, ...rest }) {
  const groups = Map.groupBy(
    leaves(root).filter(({ path, schema }) => `${path} ${schema.description ?? ''}`.toLowerCase().includes(search)),
    ({ path }) => path.split('.')[0],
  );
  if (groups.size === 0) return html`<${Empty}>No setting is called that.<//>`;
  return [...groups].map(([name, list]) => html`<details key=${name} open=${search !== '' || name === 'gateway'}>
    <summary><b>${name}</b> <span class="soft">${root.properties[name].description}</span></summary>
    ${list.map((leaf) => html`<${Field} key=${leaf.path} ...${leaf} ...${rest} />`)}
  </details>`);
}

function Field({ path, schema, parsed, held, edits, setEdits }) {
  const edited = path in edits;
  const inFile = at(parsed, path);
  const value = edited ? edits[path] : inFile;
  const set = (v) => setEdits((old) => ({ ...old, [path]: v }));
  const forget = () => setEdits(({ [path]: _, ...others }) => others);
  const id = `field-${path}`;
  return html`<div class=${`field${edited ? ' edited' : ''}`}>
    <label for=${id}>${path}</label>
    <div class="control">
      <${Control} id=${id} schema=${schema} value=${value} held=${at(held, path)} set=${set} />
      ${edited
        ? html`<${Button} quiet onClick=${forget}>Undo<//>`
        : inFile !== undefined && html`<${Button} quiet title="Take it out of the file: the default holds" onClick=${() => set(null)}>Unset<//>`}
    </div>
    <p class="soft small" id=${`${id}-doc`}>${schema.description} ${edited && value === null && html`<b>It is taken out of the file.</b>`}</p>
  </div>`;
}

function Control({ id, schema, value, held, set }) {
  const common = { id, 'aria-describedby': `${id}-doc` };
  const unset = value === undefined || value === null;
  const now = held ?? schema.default;
  if (schema.type === 'boolean' || schema.enum) {
    const words = schema.enum ?? ['true', 'false'];
    const pick = (word) => set(word === '' ? null : schema.enum ? word : word === 'true');
    return html`<select ...${common} value=${unset ? '' : String(value)} onChange=${(e) => pick(e.target.value)}>
      <option value="">${`not set${now === undefined ? '' : ` (${now})`}`}</option>${words.map((word) => html`<option>${word}</option>`)}
    </select>`;
  }
  if (schema.type === 'array') {
    const lines = (text) => text.split('\n').map((l) => l.trim()).filter(Boolean);
    return html`<textarea ...${common} rows=${Math.min(6, Math.max(2, value?.length ?? 0))} placeholder="one a line"
      onChange=${(e) => set(lines(e.target.value))}>${(value ?? []).join('\n')}</textarea>`;
  }
  if (schema.type === 'string') {
    return html`<input ...${common} type=${schema.writeOnly ? 'password' : 'text'} autocomplete=${schema.writeOnly ? 'new-password' : 'off'} spellcheck=${false} pattern=${schema.pattern}
      placeholder=${schema.writeOnly && !unset ? 'hidden' : now ?? 'not set'} value=${schema.writeOnly ? '' : value ?? ''} onChange=${(e) => set(e.target.value)} />`;
  }
  return html`<input ...${common} type="number" min=${schema.minimum} max=${schema.maximum} placeholder=${now ?? 'not set'} value=${value ?? ''}
    onChange=${(e) => set(e.target.value === '' ? null : Number(e.target.value))} />`;
}
