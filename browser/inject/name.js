// Accessible names and descriptions, as accname 1.2 computes them, with the
// native names of HTML-AAM and SVG-AAM. Where the texts leave a choice it is
// Chromium's. The steps told below are those of accname 1.2, section 4.3.2.
((c) => {
  const words = (text) => new Set(text.split(/\s+/));

  const namedByContent = words(`button cell checkbox columnheader doc-backlink doc-biblioref doc-glossref doc-noteref
    doc-subtitle graphics-object gridcell heading link math menuitem menuitemcheckbox menuitemradio option radio
    rowheader switch tab term tooltip treeitem`);

  // Their content does not count for the name of an element around them.
  const closed = words(`alert alertdialog application article banner blockquote combobox comment complementary
    contentinfo dialog document feed figure form grid group image listbox log main marquee menu menubar navigation note
    progressbar radiogroup region row rowgroup search sectionfooter sectionheader separator status suggestion table
    tablist tabpanel timer toolbar tree treegrid graphics-document graphics-symbol doc-abstract doc-acknowledgments
    doc-biblioentry doc-chapter doc-cover doc-endnote doc-footnote doc-pagebreak doc-tip doc-toc`);

  // They have no name of their own but by aria-label (WAI-ARIA 1.2, 5.2.8.6).
  const nameless = words(`caption code definition deletion emphasis insertion mark paragraph strong subscript
    suggestion superscript time`);

  // Elements without a role that can have a name all the same.
  const nameable = words('label legend figcaption dl canvas abbr video audio object embed svg ruby');

  const unread = words('script style template noscript rt rp');

  // White space of the name's text; a no-break space is none.
  const collapse = (text) => uneven.test(text) ? text.replace(/[ \t\n\r\f]+/g, ' ').replace(/^ | $/g, '') : text;

  const uneven = /[\t\n\r\f]|^ |  | $/;

  const blank = (text) => !(text.charCodeAt(0) > 32) && !/[^ \t\n\r\f]/.test(text);

  // What is no part of a line of text has a space around it.
  const apart = (text) => ` ${text} `;

  const stated = (text) => text && apart(text);

  const fromReferences = (el, attribute) => {
    if (!el.hasAttribute(attribute)) return '';
    return collapse(c.referenced(el, attribute).map(referredText).join(' '));
  };

  const referredText = (el) => rootText(el, { byIDs: true, hidden: c.hidden(el) && !c.locked(el) });

  // rootText is the text of an element that another one refers to. how.byIDs
  // stays on, so that aria-labelledby is followed once and never in a ring.
  const rootText = (el, { byIDs, hidden, from }) => collapse(alternative(el, { root: true, open: true, byIDs, hidden, from }));

  // alternative is the text alternative of an element.
  //   how.root: it is referred to; how.inside: it is a part of a name
  //   how.byIDs: aria-labelledby was followed; how.hidden: to a hidden element
  //   how.open: parts of all roles count; how.from: what the name is for
  const alternative = (el, how) => {
    // 2A: what is hidden says nothing, unless referred to.
    if (el === how.from || !how.hidden && c.shut(el)) return '';
    const role = c.role(el);
    const text = labelText(el, role, how) ?? nativeName(el, how);
    if (text !== undefined) return stated(text);
    // 2F
    if (takesContent(el, role, how)) {
      const inner = content(el, how);
      if (!blank(inner)) return inner;
    }
    return stated(tooltip(el, role, how));
  };

  // labelText is what comes before all else: 2B aria-labelledby, 2C the value
  // of a control in a name, 2D aria-label.
  const labelText = (el, role, how) => {
    const marked = el.hasAttributes();
    const text = marked && !how.byIDs && fromReferences(el, 'aria-labelledby');
    if (text) return text;
    const value = (how.inside || how.byIDs) && valueOf(el, role, how);
    if (value) return value;
    const label = marked && el.getAttribute('aria-label');
    return label && !blank(label) ? label : undefined;
  };

  const takesContent = (el, role, how) => {
    if (how.root || namedByContent.has(role)) return true;
    if (how.inside) return how.open || !closed.has(role) || isOpen(el);
    return role === 'row' && inGrid(el);
  };

  // Of such elements Chromium reads these, and tables that only lay out.
  const isOpen = (el) => {
    switch (el.localName) {
      case 'details': case 'address': case 'footer': return !el.hasAttribute('role');
      case 'table': return !el.caption && !el.tHead && !el.tFoot && !el.rows[0]?.querySelector(':scope > th');
      case 'tr': return isOpen(el.closest('table'));
    }
    return false;
  };

  const inGrid = (el) => {
    for (let up = c.parent(el); up; up = c.parent(up)) {
      const role = c.role(up);
      if (role && role !== 'rowgroup') return role === 'grid' || role === 'treegrid';
    }
    return false;
  };

  // 2I
  const tooltip = (el, role, how) => {
    if (!el.hasAttributes()) return '';
    if (!how.root && (nameless.has(role) || !role && !nameable.has(el.localName))) return '';
    const title = el.getAttribute('title') ?? '';
    return blank(title) ? placeholder(el, role) : title;
  };

  const placeholder = (el, role) => {
    if (role !== 'textbox' && role !== 'searchbox' && role !== 'combobox' && role !== 'spinbutton') return '';
    return el.placeholder || el.getAttribute('aria-placeholder') || '';
  };

  // content is 2F.i: the text of the children, and what CSS puts around them.
  const content = (el, how) => {
    if (mute.has(el.localName)) return '';
    const parts = how.inside ? how : how.root ? { ...how, root: false, inside: true } : inside;
    let text = c.before(el);
    if (how.hidden || !c.skips(el)) text += childText(el, parts, how.inside);
    return text + c.after(el);
  };

  const childText = (el, how, hasNeighbours) => {
    const plain = c.plainText(el);
    if (plain !== undefined) return seenText(plain, el, how);
    const nodes = c.children(el);
    // Spaces around all of a name do not matter, so no style is asked for.
    if (nodes.length === 1 && !hasNeighbours && nodes[0].nodeType === Node.ELEMENT_NODE) return only(nodes[0], how);
    let text = '';
    for (const node of nodes) text += part(node, el, how);
    return text;
  };

  const only = (el, how) => unread.has(el.localName) ? '' : alternative(el, how);

  const inside = { inside: true };

  const mute = words('object video audio');

  const part = (node, el, how) => {
    switch (node.nodeType) {
      case Node.ELEMENT_NODE: return elementPart(node, how);
      case Node.TEXT_NODE: return seenText(node.data, el, how);
    }
    return '';
  };

  // A closed details lays out nothing but its summary; its elements are shut.
  const seenText = (text, el, how) => {
    if (!how.hidden && (c.hidden(el) || el.localName === 'details' && !el.open)) return '';
    return c.transformed(text, el);
  };

  const elementPart = (el, how) => {
    if (unread.has(el.localName)) return '';
    if (how.hidden && !el.checkVisibility()) return apart(alternative(el, how));
    const { display } = c.style(el);
    if (display === 'none') return '';
    const text = alternative(el, how);
    return display === 'inline' && !breaking.has(el.localName) ? text : apart(text);
  };

  const breaking = words('br wbr canvas iframe');

  const textTypes = words('text search email tel url number range');

  // valueOf is what a control says within the name of another element.
  const valueOf = (el, role, how) => {
    switch (role) {
      case 'textbox': case 'searchbox': return el.localName === 'input' ? inputValue(el) : el.value;
      case 'combobox': case 'listbox': return chosen(el, how);
      case 'slider': case 'spinbutton': case 'scrollbar': case 'progressbar': case 'meter':
        return el.ariaValueText ?? el.ariaValueNow ?? (el.position === -1 ? '' : String(el.value ?? missing[role] ?? ''));
    }
    return '';
  };

  // What WAI-ARIA 1.2 (6.6.4) has for a range without aria-valuenow.
  const missing = { slider: 50, scrollbar: 50, spinbutton: 0, meter: 0 };

  const inputValue = (el) => {
    if (el.type === 'password') return '•'.repeat(el.value.length);
    return textTypes.has(el.type) ? el.value : '';
  };

  const chosen = (el, how) => {
    if (el.localName === 'select') return Array.from(el.selectedOptions, (option) => option.label).join(' ');
    if (el.localName === 'input') return inputValue(el);
    const options = [...el.querySelectorAll('[role=option][aria-selected=true]')];
    return options.map((option) => content(option, how)).join(' ') || ownText(el, how);
  };

  const ownText = (el, how) => how.open && c.role(el) === 'combobox' ? content(el, how) : '';

  // nativeName is the name by the host language; undefined: it gives none. An
  // empty one, of alt="" or an empty label, is Chromium's last word.
  const nativeName = (el, how) => {
    const labels = how.inside ? undefined : c.labels(el);
    if (labels) return labels.map((label) => rootText(label, { byIDs: how.byIDs, from: el })).join(' ');
    return natives[el.localName]?.(el, how);
  };

  const alt = (el) => el.getAttribute('alt') ?? undefined;

  const inputName = (el) => {
    const value = el.getAttribute('value') ?? undefined;
    switch (el.type) {
      case 'image': return el.alt || value || el.title || 'Submit';
      case 'file': return el.multiple ? 'Choose Files' : 'Choose File';
      case 'submit': return value ?? 'Submit';
      case 'reset': return value ?? 'Reset';
      case 'button': return value;
    }
    return undefined;
  };

  const child = (el, name) => {
    for (let one = el.firstElementChild; one; one = one.nextElementSibling) {
      if (one.localName === name) return one;
    }
    return null;
  };

  const legend = (el, how) => {
    const one = child(el, 'legend');
    return one ? rootText(one, { byIDs: how.byIDs }) : undefined;
  };

  const caption = (el, how) => el.caption ? rootText(el.caption, { byIDs: how.byIDs }) : undefined;

  c.svgChild = (el, name) => collapse(child(el, name)?.textContent ?? '');

  const svgTitle = (el) => c.svgChild(el, 'title') || undefined;

  const natives = {
    __proto__: null,
    a: (el) => el.getAttribute('xlink:title') || undefined,
    abbr: (el, how) => how.inside ? undefined : el.title || undefined,
    area: alt,
    circle: svgTitle, ellipse: svgTitle, g: svgTitle, image: svgTitle, line: svgTitle, path: svgTitle,
    fieldset: legend,
    img: alt,
    input: inputName,
    optgroup: (el) => el.label || undefined,
    option: (el) => el.getAttribute('label') || undefined,
    polygon: svgTitle, polyline: svgTitle, rect: svgTitle, svg: svgTitle, symbol: svgTitle, text: svgTitle, use: svgTitle,
    table: (el, how) => caption(el, how) ?? el.getAttribute('summary') ?? undefined,
  };

  // name is empty for content nested deeper than the stack goes.
  c.name = c.once('name', (el) => {
    try {
      return collapse(alternative(el, own));
    } catch (error) {
      if (error instanceof RangeError) return '';
      throw error;
    }
  });

  const own = {};

  // text is what the content of an element says, whatever its role.
  c.text = (el) => c.naming(() => collapse(content(el, inside)));

  // description: accname 1.2, 4.3.3, and HTML-AAM for what is not the name yet.
  c.description = (el) => c.naming(() => {
    const name = c.name(el);
    const told = fromReferences(el, 'aria-describedby') || collapse(el.getAttribute('aria-description') ?? '');
    if (told) return told;
    const native = collapse(nativeDescription(el) ?? '');
    if (native && (native !== name || el.localName === 'svg' && c.labelled(el))) return native;
    return titled(el, name);
  });

  const titled = (el, name) => {
    const title = collapse(el.getAttribute('title') ?? '');
    const byContent = namedByContent.has(c.role(el));
    if (!title || title === name && (byContent || !el.hasAttribute('alt'))) return '';
    return title;
  };

  const nativeDescription = (el) => {
    switch (el.localName) {
      case 'input': return el.type === 'submit' || el.type === 'reset' || el.type === 'button' ? el.getAttribute('value') : '';
      case 'table': return caption(el, own);
      case 'summary': return c.text(el);
      case 'ruby': return Array.from(el.querySelectorAll('rt'), (rt) => rt.textContent).join(' ');
      case 'svg': return c.svgChild(el, 'desc') || c.svgChild(el, 'title');
    }
    return '';
  };
})(clawdbot);
