// How times, sizes and names are written.

const pad = (n, width = 2) => String(n).padStart(width, '0');

// clock is hours to milliseconds of a time in Unix milliseconds.
export function clock(ts) {
  const d = new Date(ts);
  return `${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}.${pad(d.getMilliseconds(), 3)}`;
}

export function date(ts) {
  if (!ts) return '–';
  const d = new Date(ts);
  return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())} ${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}`;
}

// took is a duration given in milliseconds, in at most two units.
export function took(ms) {
  if (ms === undefined || ms === null || ms < 0) return '–';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  const s = Math.floor(ms / 1000);
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor(s / 3600) % 24} h`;
}

export const ago = (ts, now = Date.now()) => (!ts ? '–' : now - ts < 1000 ? 'now' : `${took(now - ts)} ago`);

export function size(bytes) {
  let n = bytes;
  for (const unit of ['B', 'KiB', 'MiB', 'GiB']) {
    if (n < 1024) return `${unit === 'B' ? n : n.toFixed(1)} ${unit}`;
    n /= 1024;
  }
  return `${n.toFixed(1)} TiB`;
}

export const many = (n, one, more = one + 's') => `${n} ${n === 1 ? one : more}`;

export const short = (hash) => (hash ?? '').slice(0, 12);

export const json = (value) => (typeof value === 'string' ? value : JSON.stringify(value, null, 2));
