// Waiting for something in the page, a slice of time at once: the caller asks
// again, so that a new document or frame is not missed.
((c) => {
  const sleep = (ms) => new Promise((done) => { setTimeout(done, ms); });

  // roots are the document and the open shadow roots in it.
  const roots = (root = document) => {
    const found = [root];
    for (const el of root.querySelectorAll('*')) {
      if (el.shadowRoot) found.push(...roots(el.shadowRoot));
    }
    return found;
  };

  const shown = (el) =>
    el.checkVisibility({ visibilityProperty: true }) && [...el.getClientRects()].some((r) => r.width > 0 && r.height > 0);

  const clean = (text) => text.replace(/\s+/g, ' ').trim().toLowerCase();

  // texts are what a person can read in a root: innerText leaves out what is not
  // rendered, and has no words of buttons made by <input>.
  const texts = (root) => [
    ...(root.body ? [root.body] : [...root.children]).map((el) => el.innerText ?? ''),
    ...[...root.querySelectorAll('input[type="submit"], input[type="button"], input[type="reset"]')].filter(shown).map((el) => el.value),
  ];

  // In an <iframe> that is not rendered innerText tells everything.
  const hasText = (wanted) =>
    document.documentElement.checkVisibility() && roots().some((root) => texts(root).some((text) => clean(text).includes(wanted)));

  const hasElement = (selector) => roots().some((root) => [...root.querySelectorAll(selector)].some(shown));

  const conditions = {
    text: (wanted) => {
      const cleaned = clean(wanted);
      return () => hasText(cleaned);
    },
    selector: (selector) => {
      try {
        document.createDocumentFragment().querySelector(selector);
      } catch {
        throw c.problem('bad-argument', `${JSON.stringify(selector)} is not a CSS selector`);
      }
      return () => hasElement(selector);
    },
    readyState: (wanted) => () => document.readyState === 'complete' || document.readyState === wanted,
  };

  // until waits at most ms for a condition, looking often while that is cheap,
  // and says whether it holds.
  c.until = async (condition, wanted, ms) => {
    const holds = conditions[condition](wanted);
    for (const start = performance.now(); ;) {
      const began = performance.now();
      if (holds()) return true;
      const now = performance.now();
      if (now - start >= ms) return false;
      await sleep(Math.max(20, 4 * (now - began)));
    }
  };
})(clawdbot);
