// The walk of a snapshot: what a person finds in the document, in reading
// order, one row for each element with a role and each piece of text. The rows
// are a list with depths, not a tree: a page's depth costs no stack.
((c) => {
  // roles that a person operates, as the interactive snapshot lists them.
  const operated = new Set([
    'button', 'checkbox', 'combobox', 'link', 'listbox', 'menuitem', 'menuitemcheckbox', 'menuitemradio', 'option',
    'radio', 'searchbox', 'slider', 'spinbutton', 'switch', 'tab', 'textbox', 'treeitem',
  ]);
  const named = ['aria-label', 'aria-labelledby', 'title'];
  const leaves = new Set(['input', 'textarea', 'progress', 'meter']);
  const unread = new Set(['br', 'defs', 'desc', 'metadata', 'symbol', 'title']); // most of SVG
  const checkable = new Set(['checkbox', 'menuitemcheckbox', 'menuitemradio', 'option', 'radio', 'switch', 'treeitem']);
  const selectable = new Set(['columnheader', 'gridcell', 'option', 'row', 'rowheader', 'tab', 'treeitem']);
  const ranges = new Set(['meter', 'progressbar', 'scrollbar', 'slider', 'spinbutton']);
  const untyped = new Set(['button', 'checkbox', 'hidden', 'image', 'radio', 'reset', 'submit']); // inputs whose value nobody types

  // inline roles say how a text looks, and stay part of it.
  const inline = new Set(['code', 'emphasis', 'mark', 'strong', 'subscript', 'superscript', 'time']);

  const longestName = 400;
  const longestURL = 1000;
  const patience = 5000; // ms that a walk may take

  const cut = (text, most) => (text.length > most ? `${text.slice(0, most).toWellFormed()}…` : text);
  const tidy = (text) => text.replace(/\s+/g, ' ').trim();

  const ownsFrame = (el) => el.localName === 'embed' || 'contentWindow' in el && el.contentWindow !== null;

  // roleOf is the role as snapshots have it: img is the older name of image, and
  // what has no role but is seen goes by its element's name.
  const roleOf = (el) => {
    if (ownsFrame(el)) return 'iframe';
    const role = c.role(el);
    if (inline.has(role)) return '';
    if (role === '' && (el.localName === 'canvas' || el.localName === 'video')) return el.localName;
    return role === 'image' ? 'img' : role;
  };

  // content is what is in an element, of closed details their summary.
  const content = (el) => {
    const shut = el.localName === 'details' && !el.open;
    return shut ? Array.from(el.children).filter((child) => child.localName === 'summary').slice(0, 1) : c.children(el);
  };

  // focused is the element with the focus, inside of open shadow roots.
  const focused = () => {
    let el = document.activeElement;
    while (el?.shadowRoot?.activeElement) el = el.shadowRoot.activeElement;
    return el === document.body ? null : el;
  };

  const chosen = (select) => Array.from(select.selectedOptions, (o) => tidy(o.label)).join(', ');

  // value is what stands in a control, "" for other elements.
  const value = (el, role) => {
    switch (el.localName) {
      case 'input':
        if (untyped.has(el.type)) return '';
        if (el.type === 'password') return '•'.repeat(Math.min(el.value.length, 20));
        return el.type === 'file' ? Array.from(el.files, (f) => f.name).join(', ') : el.value;
      case 'textarea': return el.value;
      case 'progress': return el.position < 0 ? '' : String(el.value);
      case 'meter': return String(el.value);
    }
    return ranges.has(role) ? el.getAttribute('aria-valuetext') ?? el.getAttribute('aria-valuenow') ?? '' : '';
  };

  const checked = (el, role) => {
    if (el.localName === 'input' && (el.type === 'checkbox' || el.type === 'radio')) {
      return el.indeterminate ? 'mixed' : String(el.checked);
    }
    return checkable.has(role) ? el.getAttribute('aria-checked') : null;
  };

  const expanded = (el) => {
    const details = el.localName === 'summary' && el.parentElement?.localName === 'details' ? el.parentElement : null;
    return details ? String(details.open) : el.getAttribute('aria-expanded');
  };

  const disabled = (el, role) => operated.has(role)
    && (el.matches(':disabled') || el.closest('[aria-disabled]')?.getAttribute('aria-disabled') === 'true');

  const selected = (el, role) => selectable.has(role)
    && (el.localName === 'option' ? el.selected : el.getAttribute('aria-selected') === 'true');

  const level = (el, role) => el.getAttribute('aria-level')
    ?? (role === 'heading' ? /^h([1-6])$/.exec(el.localName)?.[1] ?? '2' : null);

  // states lists what is true of the element: "checked", "checked=mixed", "level=2".
  const states = (el, role) => {
    const list = [];
    const tristate = (name, is) => {
      if (is === 'true') list.push(name);
      if (is === 'mixed') list.push(`${name}=mixed`);
    };
    tristate('checked', checked(el, role));
    if (disabled(el, role)) list.push('disabled');
    if (expanded(el) === 'true') list.push('expanded');
    const deep = parseInt(level(el, role), 10);
    if (deep > 0) list.push(`level=${deep}`);
    if (role === 'button') tristate('pressed', el.getAttribute('aria-pressed'));
    if (selected(el, role)) list.push('selected');
    return list;
  };

  class Walk {
    constructor({ interactive, depth, most }) {
      this.interactive = interactive;
      this.deepest = depth || Infinity;
      this.left = most; // characters
      this.rows = [];
      this.run = null; // text under way: it ends where its line does
      this.focused = focused();
      this.until = performance.now() + patience;
      this.seen = 0;
    }

    over() {
      return this.left < 0 || (++this.seen % 256 === 0 && performance.now() > this.until);
    }

    // from walks the tree below root. A place on the way is a list of nodes, how
    // far it was read, the depth of rows in it and the row that they belong to.
    // It returns whether it came to the end.
    from(root) {
      const way = [{ nodes: [root], next: 0, depth: 0, row: null, pointer: false, line: true }];
      while (way.length && !this.over()) {
        const place = way.at(-1);
        if (place.next === place.nodes.length) {
          way.pop();
          if (place.line) this.endText();
          continue;
        }
        const node = place.nodes[place.next++];
        if (node.nodeType === Node.TEXT_NODE) this.text(node, place);
        const inner = node.nodeType === Node.ELEMENT_NODE && this.element(node, place);
        if (inner) way.push(inner);
      }
      this.endText();
      return way.length === 0;
    }

    // text takes a node into the run, whose ref is that of the first to be read.
    text(node, place) {
      if (this.interactive || place.mute || (!this.run && node.data.trim() === '')) return;
      this.run ??= { node, place, data: '' };
      if (this.run.data.length <= this.left) this.run.data += node.data.slice(0, this.left + 1);
    }

    endText() {
      const { run } = this;
      this.run = null;
      const text = run ? tidy(run.data) : '';
      if (text === '' || run.place.row?.name?.includes(text)) return; // the name says it
      this.add(run.place, { node: run.node, role: 'text', text });
    }

    // element adds the element's row and returns the place of its content.
    element(el, place) {
      if (el.localName === 'br' && this.run) this.run.data += ' ';
      if (unread.has(el.localName) || c.shut(el)) return null;
      if (c.hidden(el)) return this.inside(el, place, { mute: true }); // its content may say visibility: visible
      const role = roleOf(el);
      const looks = this.looks(el, role, place);
      if (looks.line) this.endText();
      if (role === '' && !looks.clickable) return this.inside(el, place, looks);
      if (place.depth > this.deepest) return null;
      const within = { ...looks, depth: place.depth + 1 };
      if (this.interactive && !looks.act && role !== 'iframe') return this.inside(el, place, within);
      const row = this.row(el, role, looks);
      if (role === 'img' && !row.name && place.row?.act) return null; // the icon of a button
      within.row = this.add(place, row);
      if (el.localName === 'select' && el.size < 2 && !el.multiple) return this.popup(el, row, { ...place, ...within });
      return leaves.has(el.localName) ? null : this.inside(el, place, within);
    }

    // looks says whether an element begins a line of its own, is there to be
    // operated, and why. A style costs more than all else that a row needs.
    looks(el, role, place) {
      if (operated.has(role)) return { line: true, act: true, clickable: false, pointer: true };
      const style = c.style(el);
      const pointer = style.cursor === 'pointer';
      const clickable = this.clickable(el, pointer && !place.pointer);
      const line = role !== '' || clickable || !(style.display === 'inline' || style.display === 'contents');
      return { line, act: clickable, clickable, pointer };
    }

    inside(el, place, change) {
      return { ...place, mute: false, line: false, ...change, nodes: content(el), next: 0 };
    }

    // clickable: an element that looks or is written as if it took clicks.
    clickable(el, pointer) {
      if (el === document.body || el === document.documentElement) return false;
      if (el.localName === 'label' && el.control && !c.hidden(el.control)) return false;
      return pointer || el.hasAttribute('onclick') || el.hasAttribute('tabindex') && el.tabIndex >= 0
        || el.isContentEditable && !el.parentElement?.isContentEditable;
    }

    row(el, role, { act, clickable, pointer }) {
      const row = { node: el, role: role || 'generic', is: states(el, role), act, pointer: clickable && pointer };
      if (el === this.focused) row.is.push('active');
      row.name = cut(this.name(el, role, clickable), longestName);
      row.text = tidy(value(el, role).slice(0, this.left + 1));
      if (!this.interactive) this.details(el, row);
      return row;
    }

    details(el, row) {
      if (row.role === 'link' && el.hasAttribute('href')) row.url = cut(el.getAttribute('href'), longestURL);
      const placeholder = cut(tidy(el.getAttribute('placeholder') ?? ''), longestName);
      if (placeholder !== row.name) row.placeholder = placeholder;
    }

    // name leaves out a row's name that would repeat its cells.
    name(el, role, clickable) {
      if (role === 'row' && !named.some((attribute) => el.hasAttribute(attribute))) return '';
      return c.name(el) || (clickable && this.interactive ? c.text(el) : '');
    }

    // popup: the options of a list that opens are told without refs, for it is
    // the list that is told which to take.
    popup(el, row, place) {
      if (this.interactive) {
        row.text = cut(chosen(el), longestName);
        return;
      }
      for (const option of el.options) {
        if (this.over()) return;
        const name = cut(tidy(option.label), longestName);
        this.add(place, { role: 'option', name, is: states(option, 'option') });
      }
    }

    add(place, row) {
      row.depth = place.depth;
      row.owner = place.row;
      const indent = this.interactive ? 0 : 2 * row.depth;
      this.left -= indent + row.role.length + (row.name?.length ?? 0) + (row.text?.length ?? 0) + (row.url?.length ?? 0) + 12;
      this.rows.push(row);
      return row;
    }

    // finish numbers the rows. A text that is all there is in its element is
    // told on the element's row.
    finish() {
      const { rows } = this;
      const below = (row, next) => next !== undefined && next.depth >= row.depth;
      const folds = (row, i) => row.role === 'text' && row.owner && row.owner === rows[i - 1] && !row.owner.text && !below(row, rows[i + 1]);
      const kept = [];
      rows.forEach((row, i) => {
        if (folds(row, i)) row.owner.text = row.text;
        else kept.push(row);
      });
      return kept.map(told);
    }
  }

  // told is a row as it is sent: what is empty is left out.
  const told = ({ node, depth, role, name, text, url, placeholder, is, pointer, act }) => ({
    n: node && c.ref(node),
    depth: depth || undefined,
    role,
    name: name || undefined,
    text: text || undefined,
    url: url || undefined,
    placeholder: placeholder || undefined,
    is: is?.length ? is : undefined,
    pointer: pointer || undefined,
    act: act || undefined,
  });

  // walk reads the document, or what the selector finds first in it: interactive
  // lists only what can be operated, depth is that of the deepest row (0: no
  // limit), most is about how many characters are wanted. The rows are JSON: the
  // browser hands a text over several times faster than objects.
  c.walk = ({ selector, ...options }) => c.naming(() => {
    const root = selector ? c.element(c.find(selector)) : document.documentElement;
    if (!root) return { rows: '[]', more: false };
    const walk = new Walk(options);
    const whole = walk.from(root);
    return { rows: JSON.stringify(walk.finish()), more: !whole };
  });
})(clawdbot);
