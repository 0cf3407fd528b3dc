// The strip of beats: one bar a second, as high as the newest beat was fresh.
import { html, useEffect, useReducer } from './html.js';
import { tone } from './parts.js';

const BARS = 90;
const FRESH = 300; // a beat comes every 250 ms
const LOST = 2000; // where a bar has no height left

// strips outlives the page, so that coming back to it loses nothing.
const strips = new Map();

function note(profile, bar) {
  strips.set(profile, [...(strips.get(profile) ?? []), bar].slice(-BARS));
}

// useBeats takes one bar of this gateway and of each peer from every new health.
export function useBeats(health) {
  const [, redraw] = useReducer((n) => n + 1, 0);
  useEffect(() => {
    if (!health) return;
    const age = health.gateway.lastBeatMs;
    note(health.profile, { ts: health.ts, age, kind: age >= 0 && age < 1000 ? tone(health.ok ? 'ok' : 'degraded') : 'bad' });
    for (const p of health.peers) note(p.profile, { ts: health.ts, age: p.lastBeatMs, kind: tone(p.verdict) });
    redraw();
  }, [health]);
}

const height = (age) => (age < 0 ? 0 : Math.max(0, Math.min(1, 1 - (age - FRESH) / (LOST - FRESH))));

export function Beats({ profile }) {
  const bars = strips.get(profile) ?? [];
  const late = bars.filter((b) => b.age < 0 || b.age > 1000).length;
  const seconds = bars.length < 2 ? 0 : Math.round((bars.at(-1).ts - bars[0].ts) / 1000);
  const told = `Beats of ${profile} in the last ${seconds} s: ${late === 0 ? 'all on time' : `${late} late or missing`}`;
  return html`<figure class="beats">
    <svg viewBox=${`0 0 ${BARS * 4} 28`} preserveAspectRatio="none" role="img" aria-label=${told}>
      <line x1="0" y1="27.5" x2=${BARS * 4} y2="27.5" />
      ${bars.map((b, i) => {
        const h = 2 + 24 * height(b.age);
        return html`<rect class=${b.kind} x=${(BARS - bars.length + i) * 4} y=${27 - h} width="3" height=${h} />`;
      })}
    </svg>
    <figcaption>${late === 0 ? 'beats on time' : `${late} late or missing`}<span>${seconds} s</span></figcaption>
  </figure>`;
}
