// The keyboard: g and a letter opens a page, j and k walk a list, / goes to the
// filter, ? tells all this.
import { useEffect } from './html.js';

const typing = (el) => el.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(el.tagName);

// walk moves the focus among the rows of the page, from the focused one or from
// the beginning.
function walk(step) {
  const rows = [...document.querySelectorAll('main [data-row]')];
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const next = rows[at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + step))];
  next?.focus();
  next?.scrollIntoView({ block: 'nearest' });
}

// useKeys listens: pages is a map of letters to hashes.
export function useKeys(pages, help) {
  useEffect(() => {
    let going = 0; // until when a letter after g counts
    const press = (e) => {
      if (e.ctrlKey || e.metaKey || e.altKey || document.querySelector('dialog[open]')) return;
      if (typing(e.target)) {
        if (e.key === 'Escape') e.target.blur();
        return;
      }
      const gone = e.timeStamp < going && pages[e.key];
      going = 0;
      if (gone) location.hash = gone;
      else if (e.key === 'g') going = e.timeStamp + 1500;
      else if (e.key === 'j') walk(1);
      else if (e.key === 'k') walk(-1);
      else if (e.key === '?') help();
      else if (e.key === '/') document.querySelector('main [data-filter]')?.focus();
      else return;
      e.preventDefault();
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, [pages, help]);
}
