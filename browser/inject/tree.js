// What of a page assistive technology sees: the flat tree (open shadow roots,
// slots, aria-owns) and which of its elements are hidden. While one
// c.naming(fn) runs, what was found out of an element is kept, so that a walk
// asks the browser once.
((c) => {
  let kept = null;

  const nothing = () => ({
    facts: new Map(), // of elements
    last: null, // the element asked for before, and its facts
    lastFacts: null,
    roots: new Set(), // documents and shadow roots that were read
    marked: new Set(), // elements that are hidden with all below by aria-hidden or inert
    modal: null, // the modal dialog that is open
    around: new Set(), // what it stands in
    owners: new Map(), // element → the one that owns it by aria-owns
    labels: new Map(), // control → its labels
    css: { before: false, after: false, transforms: false, skips: false },
  });

  // naming runs fn and returns its value. The page must not change meanwhile.
  c.naming = (fn) => {
    if (kept) return fn();
    kept = nothing();
    try {
      learn(document);
      return fn();
    } finally {
      kept = null;
    }
  };

  // factsOf is mostly asked for the same element several times on end.
  const factsOf = (el) => {
    if (kept.last === el) return kept.lastFacts;
    let facts = kept.facts.get(el);
    if (!facts) {
      facts = { state: undefined, style: undefined, role: undefined, name: undefined };
      kept.facts.set(el, facts);
    }
    kept.last = el;
    return kept.lastFacts = facts;
  };

  // once makes a function of an element whose answer is kept as a fact.
  c.once = (fact, compute) => (el) => {
    if (!kept) return c.naming(() => compute(el));
    const facts = factsOf(el);
    const known = facts[fact];
    if (known !== undefined) return known;
    return facts[fact] = compute(el);
  };

  c.style = c.once('style', (el) => getComputedStyle(el));

  // css tells what the style sheets seen so far may do to text.
  c.css = () => kept.css;

  const notable = '[aria-owns], [aria-hidden=true], [inert]';

  // learn reads what a document or shadow root says of all below it. Of two
  // owners of an element the first one in the document has it; none owns what
  // it stands in.
  const learn = (root) => {
    if (kept.roots.has(root)) return;
    kept.roots.add(root);
    c.readStyles(root, kept.css);
    for (const label of root.querySelectorAll('label')) addLabel(label);
    for (const dialog of root.querySelectorAll('dialog:modal')) open(dialog);
    for (const el of root.querySelectorAll(notable)) {
      if (el.inert || ariaHidden(el)) kept.marked.add(el);
      for (const owned of c.referenced(el, 'aria-owns')) {
        if (!kept.owners.has(owned) && !standsIn(el, owned)) kept.owners.set(owned, el);
      }
    }
  };

  // A modal dialog makes inert all that it does not stand in.
  const open = (dialog) => {
    kept.modal = dialog;
    kept.around.clear();
    for (let up = c.parent(dialog); up; up = c.parent(up)) kept.around.add(up);
  };

  const behind = (el, above) => kept.around.has(above) && !kept.around.has(el) && el !== kept.modal;

  // The labels property of a control looks through the whole document, for
  // each of them; this does for all.
  const addLabel = (label) => {
    const { control } = label;
    if (!control) return;
    const labels = kept.labels.get(control);
    if (labels) labels.push(label);
    else kept.labels.set(control, [label]);
  };

  // labels tells the label elements of a control, undefined if there are none.
  c.labels = (el) => kept.labels.get(el);

  const standsIn = (el, other) => {
    for (let up = el; up; up = c.parent(up)) {
      if (up === other) return true;
    }
    return false;
  };

  // ariaHidden: WAI-ARIA 1.2, 6.6. Chromium takes no notice of it on the root
  // and on what holds the focus.
  const ariaHidden = (el) => {
    if (el.ariaHidden !== 'true') return false;
    const { body, documentElement, activeElement } = el.ownerDocument;
    if (el === body || el === documentElement) return false;
    return activeElement === body || !el.contains(activeElement);
  };

  // referenced tells the elements that an attribute names by their ids.
  c.referenced = (el, attribute) => {
    const ids = el.getAttribute(attribute);
    if (!ids) return [];
    const root = el.getRootNode();
    return ids.trim().split(/\s+/).map((id) => root.getElementById?.(id)).filter(Boolean);
  };

  const list = (node) => {
    const nodes = [];
    for (let child = node.firstChild; child; child = child.nextSibling) nodes.push(child);
    return nodes;
  };

  const standing = (el) => {
    const shadow = el.shadowRoot;
    if (shadow) {
      learn(shadow);
      return list(shadow);
    }
    if (el.localName === 'slot') {
      const assigned = el.assignedNodes();
      if (assigned.length) return assigned;
    }
    return list(el);
  };

  const children = (el) => {
    const nodes = standing(el);
    if (!kept.owners.size) return nodes;
    const own = nodes.filter((node) => !kept.owners.has(node));
    return own.concat(c.referenced(el, 'aria-owns').filter((node) => kept.owners.get(node) === el));
  };

  // plainText is the text of an element that holds nothing else; undefined if
  // it holds elements. It makes no objects for the texts.
  c.plainText = (el) => {
    if (el.firstElementChild || kept.owners.size || el.shadowRoot || el.localName === 'slot') return undefined;
    return el.textContent;
  };

  // children tells the child nodes of an element in the flat tree, those it
  // owns by aria-owns last.
  c.children = (el) => kept ? children(el) : c.naming(() => children(el));

  // A control named parentElement hides that property of its form.
  const parentElement = Object.getOwnPropertyDescriptor(Node.prototype, 'parentElement').get;

  const parent = (el) => {
    const near = kept.owners.size && kept.owners.get(el) || el.assignedSlot || parentElement.call(el);
    if (near) return near;
    const root = el.getRootNode();
    if (!root.host) return null;
    learn(root);
    return root.host;
  };

  // parent tells the parent element in the flat tree; null above <html>.
  c.parent = (el) => kept ? parent(el) : c.naming(() => parent(el));

  // How an element stands: with all below it out of sight; unseen itself, by
  // visibility or around a modal dialog; or seen.
  const SHUT = 0, UNSEEN = 1, SEEN = 2;

  const visibly = { visibilityProperty: true };

  const state = (el) => {
    if (!kept) return c.naming(() => state(el));
    const facts = factsOf(el);
    if (facts.state === undefined) {
      const above = parent(el);
      facts.state = above ? stateBelow(el, above) : stateOf(el);
    }
    return facts.state;
  };

  // descend finds the state of an element from above it, without recursion:
  // pages are deep.
  const descend = (el) => {
    const way = [];
    for (let up = el; up && kept.facts.get(up)?.state === undefined; up = parent(up)) way.push(up);
    while (way.length > 1) state(way.pop());
    return state(el);
  };

  const stateBelow = (el, above) => {
    const outer = kept.facts.get(above)?.state ?? descend(above);
    return outer === SHUT || behind(el, above) ? SHUT : stateOf(el);
  };

  // stateOf is the state of an element in what is seen.
  const stateOf = (el) => {
    if (kept.marked.has(el)) return SHUT;
    if (kept.around.has(el)) return UNSEEN;
    if (el.checkVisibility(visibly)) return SEEN;
    if (!rendered(el)) return SHUT;
    return c.style(el).visibility === 'visible' ? SEEN : UNSEEN;
  };

  // rendered is false under display: none and in what content-visibility:
  // hidden or closed details skip. checkVisibility is false too for what has
  // no box of its own and is told nonetheless.
  const rendered = (el) => {
    if (el.checkVisibility()) return true;
    switch (el.localName) {
      case 'option': case 'optgroup': return c.style(el).display !== 'none';
      case 'area': return mapped(el);
    }
    return c.style(el).display === 'contents';
  };

  // mapped: an image that is seen uses the map of the area.
  const mapped = (area) => {
    const name = area.closest('map')?.name;
    const img = name && area.ownerDocument.querySelector(`img[usemap="#${CSS.escape(name)}"]`);
    return !!img && !c.shut(img);
  };

  // shut: neither the element nor anything below it can be seen.
  c.shut = (el) => state(el) === SHUT;

  // hidden: the element itself is not told to assistive technology. A visible
  // element below one with visibility: hidden is not hidden.
  c.hidden = (el) => state(el) !== SEEN;

  // locked: an element around keeps this one from being laid out
  // (content-visibility: hidden, hidden=until-found, closed details).
  c.locked = (el) => {
    for (let up = c.parent(el); up; up = c.parent(up)) {
      if (c.style(up).contentVisibility === 'hidden') return true;
      if (up.localName === 'details' && !up.open) return true;
    }
    return false;
  };
})(clawdbot);
