// The picture of an incident: its moments and actions along a line of time.
import { html } from './html.js';
import { clock, took } from './format.js';

const WIDTH = 800;
const EDGE = 12;

// spread gives each moment a place, at least so far from the one before, since the
// first seconds matter most and lie close together.
function spread(marks, from, to) {
  const span = Math.max(1, to - from);
  const room = WIDTH - 2 * EDGE;
  let last = -Infinity;
  return marks.map((m) => {
    const x = Math.min(WIDTH - EDGE, Math.max(EDGE + (room * (m.at - from)) / span, last + 9));
    last = x;
    return { ...m, x };
  });
}

export function Timeline({ incident: i }) {
  const marks = [
    ...i.timeline.map((m) => ({ ...m, kind: 'moment' })),
    ...i.actions.map((a) => ({ at: a.at, what: `${a.what}: ${a.why}`, kind: 'action' })),
  ].sort((a, b) => a.at - b.at);
  const end = i.ended || Math.max(i.detected, ...marks.map((m) => m.at));
  const span = Math.max(1, end - i.began);
  const place = (ts) => EDGE + ((WIDTH - 2 * EDGE) * Math.min(span, Math.max(0, ts - i.began))) / span;
  const told = `From the first sign at ${clock(i.began)}: noticed after ${took(i.detectMs)}, ${i.ended ? `over after ${took(end - i.began)}` : 'not over'}; ${i.actions.length} actions`;
  return html`<figure class="timeline">
    <div tabindex="0"><svg viewBox=${`0 0 ${WIDTH} 64`} role="img" aria-label=${told}>
      <rect class="unnoticed" x=${EDGE} y="26" width=${Math.max(2, place(i.detected) - EDGE)} height="10" rx="2" />
      <rect class=${i.ended ? 'trouble' : 'trouble going'} x=${place(i.detected)} y="26" width=${Math.max(2, place(end) - place(i.detected))} height="10" rx="2" />
      ${spread(marks, i.began, end).map((m) => (m.kind === 'action'
        ? html`<path class="action" d=${`M${m.x} 24 l5 -9 h-10 z`}><title>${clock(m.at)} ${m.what}</title></path>`
        : html`<circle class="moment" cx=${m.x} cy="31" r="4"><title>${clock(m.at)} ${m.what}</title></circle>`))}
      ${i.ended > 0 && html`<path class="over" d=${`M${place(i.ended) - 10} 13 l4 5 l7 -10`} />`}
      <text x=${EDGE} y="56">${clock(i.began)}</text>
      <text x=${WIDTH - EDGE} y="56" text-anchor="end">${i.ended ? `+ ${took(end - i.began)}` : 'not over'}</text>
    </svg></div>
    <figcaption><span class="key unnoticed">not yet noticed, ${took(i.detectMs)}</span><span class="key trouble">noticed</span><span class="key action">what was done</span></figcaption>
  </figure>`;
}
