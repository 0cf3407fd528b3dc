// A unified difference in colour.
import { html } from './html.js';

const CLASSES = { '+': 'plus', '-': 'minus', '@': 'place' };

export function Diff({ text }) {
  const lines = text.replace(/\n$/, '').split('\n');
  return html`<pre tabindex="0" aria-label="Difference">${lines.map((l) => html`
    <span class=${/^(\+\+\+|---) /.test(l) ? 'place' : CLASSES[l[0]] ?? ''}>${l || ' '}</span>`)}</pre>`;
}
