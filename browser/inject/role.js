// ARIA roles, as WAI-ARIA 1.2, HTML-AAM and SVG-AAM map them and Chromium
// tells them. The empty string is a generic container or no role.
((c) => {
  // What a role attribute may hold. Abstract roles are no roles.
  const known = new Set(`alert alertdialog application article banner blockquote button caption cell checkbox code
    columnheader combobox comment complementary contentinfo definition deletion dialog directory document emphasis feed
    figure form generic grid gridcell group heading image img insertion link list listbox listitem log main mark marquee
    math menu menubar menuitem menuitemcheckbox menuitemradio meter navigation none note option paragraph presentation
    progressbar radio radiogroup region row rowgroup rowheader scrollbar search searchbox sectionfooter sectionheader
    separator slider spinbutton status strong subscript suggestion superscript switch tab table tablist tabpanel term
    textbox time timer toolbar tooltip tree treegrid treeitem graphics-document graphics-object graphics-symbol
    doc-abstract doc-acknowledgments doc-afterword doc-appendix doc-backlink doc-biblioentry doc-bibliography
    doc-biblioref doc-chapter doc-colophon doc-conclusion doc-cover doc-credit doc-credits doc-dedication doc-endnote
    doc-endnotes doc-epigraph doc-epilogue doc-errata doc-example doc-footnote doc-foreword doc-glossary doc-glossref
    doc-index doc-introduction doc-noteref doc-notice doc-pagebreak doc-pagefooter doc-pageheader doc-pagelist doc-part
    doc-preface doc-prologue doc-pullquote doc-qna doc-subtitle doc-tip doc-toc`.split(/\s+/));

  const sameAs = { img: 'image', directory: 'list', presentation: 'none' };

  // Elements whose role does not depend on their attributes or place.
  const fixed = {
    __proto__: null,
    address: 'group', article: 'article', blockquote: 'blockquote', button: 'button', caption: 'caption', code: 'code',
    dd: 'definition', del: 'deletion', details: 'group', dfn: 'term', dialog: 'dialog', dt: 'term', em: 'emphasis',
    fieldset: 'group', figure: 'figure', form: 'form', h1: 'heading', h2: 'heading', h3: 'heading', h4: 'heading',
    h5: 'heading', h6: 'heading', hgroup: 'group', hr: 'separator', ins: 'insertion', li: 'listitem', main: 'main',
    mark: 'mark', menu: 'list', meter: 'meter', nav: 'navigation', ol: 'list', optgroup: 'group', option: 'option',
    output: 'status', p: 'paragraph', progress: 'progressbar', s: 'deletion', search: 'search', strong: 'strong',
    sub: 'subscript', sup: 'superscript', table: 'table', textarea: 'textbox', time: 'time',
    ul: 'list', iframe: 'iframe', frame: 'iframe',
  };

  const inputs = {
    button: 'button', checkbox: 'checkbox', file: 'button', hidden: '', image: 'button', number: 'spinbutton',
    radio: 'radio', range: 'slider', reset: 'button', submit: 'button', search: 'searchbox',
  };

  const listed = new Set(['text', 'search', 'email', 'tel', 'url']);

  const input = (el) => {
    if (listed.has(el.type) && el.list) return 'combobox';
    return inputs[el.type] ?? 'textbox';
  };

  // labelled: an author named the element. What the name comes to is not asked
  // for, as that depends on roles.
  c.labelled = (el) => /\S/.test(el.getAttribute('aria-label') ?? '') || c.referenced(el, 'aria-labelledby').length > 0;

  const named = (el) => c.labelled(el) || !!el.getAttribute('title');

  // HTML-AAM: header, footer and aside are landmarks of the page only outside
  // of sectioning content.
  const sections = new Set(['article', 'complementary', 'navigation']);

  const below = (el, counts) => {
    for (let up = c.parent(el); up; up = c.parent(up)) {
      if (counts(up)) return true;
    }
    return false;
  };

  const isSection = (el) => el.localName === 'section' && !el.hasAttribute('role');

  const inSection = (el) => below(el, (up) => sections.has(c.role(up)) || c.role(up) === 'main' || isSection(up));

  const asideInSection = (el) => below(el, (up) => sections.has(c.role(up)) || isSection(up));

  // Rows and cells are such only in a table; cells only in a row.
  const inTable = (el) => {
    const table = el.closest('table');
    return table ? cellOf[c.role(table)] : undefined;
  };

  const cellOf = { table: 'cell', grid: 'gridcell', treegrid: 'gridcell' };

  const cell = (el) => {
    const row = c.parent(el);
    if (!row || c.role(row) !== 'row') return '';
    return inTable(el) ?? '';
  };

  // A header cell without a scope heads its column when it stands between
  // headers or in a row without data, else its row (Chromium's reading of
  // the HTML standard, 4.9.12.2).
  const header = (el) => {
    if (!cell(el)) return '';
    switch (el.scope) {
      case 'row': case 'rowgroup': return 'rowheader';
      case 'col': case 'colgroup': return 'columnheader';
    }
    const between = el.previousElementSibling?.localName === 'th' && el.nextElementSibling?.localName === 'th';
    const data = (one) => one.localName === 'td' && one.hasChildNodes();
    return !between && [...el.parentElement.children].some(data) ? 'rowheader' : 'columnheader';
  };

  // The graphics of SVG-AAM are told only with a name or when they take focus.
  const graphic = (role) => (el) => c.labelled(el) || c.svgChild(el, 'title') || el.hasAttribute('tabindex') ? role : '';

  const symbol = graphic('graphics-symbol');

  // isPicture: there are shapes in it and nothing that is told by itself.
  const isPicture = (svg) => svg.firstElementChild !== null && !svg.querySelector(told);

  const told = 'text, a, title, foreignObject, [aria-label], [aria-labelledby], [role], [tabindex]';

  const native = {
    __proto__: null,
    a: (el) => el.hasAttribute('href') || el.hasAttribute('xlink:href') || el.hasAttribute('onclick') ? 'link' : '',
    area: (el) => el.hasAttribute('href') ? 'link' : '',
    aside: (el) => asideInSection(el) && !named(el) ? '' : 'complementary',
    circle: symbol, ellipse: symbol, line: symbol, path: symbol, polygon: symbol, polyline: symbol, rect: symbol, use: symbol,
    footer: (el) => inSection(el) ? 'sectionfooter' : 'contentinfo',
    g: graphic('group'),
    header: (el) => inSection(el) ? 'sectionheader' : 'banner',
    image: graphic('image'),
    img: (el) => el.getAttribute('alt') !== '' || named(el) || c.focusable(el) ? 'image' : '',
    input,
    section: (el) => named(el) ? 'region' : '',
    select: (el) => el.multiple || el.size > 1 ? 'listbox' : 'combobox',
    summary: (el) => el.parentElement?.localName === 'details' ? 'button' : '',
    svg: (el) => c.labelled(el) || c.svgChild(el, 'title') || c.svgChild(el, 'desc') || isPicture(el) ? 'image' : '',
    tbody: (el) => inTable(el) && named(el) ? 'rowgroup' : '',
    td: cell,
    tfoot: (el) => inTable(el) ? 'rowgroup' : '',
    th: header,
    thead: (el) => inTable(el) ? 'rowgroup' : '',
    tr: (el) => inTable(el) ? 'row' : '',
  };

  const nativeRole = (el) => fixed[el.localName] ?? native[el.localName]?.(el) ?? (el.hasAttribute('popover') ? 'group' : '');

  // WAI-ARIA 1.2, 5.2.8: these are none of it outside of what requires them.
  const contexts = {
    listitem: ['list', 'group'],
    option: ['listbox', 'group'],
    treeitem: ['tree', 'treeitem', 'group'],
  };

  const inContext = (el, role) => {
    const around = contexts[role];
    if (!around) return true;
    for (let up = c.parent(el); up; up = c.parent(up)) {
      const above = c.role(up);
      if (around.includes(above)) return true;
      if (above || up.localName === 'section') return false;
    }
    return false;
  };

  // WAI-ARIA 1.2, 9.3: none is not for what has the focus or a global
  // property, for that must be told.
  const globals = ['aria-label', 'aria-labelledby', 'aria-describedby', 'aria-description', 'aria-live', 'aria-owns',
    'aria-controls', 'aria-atomic', 'aria-busy', 'aria-current', 'aria-details', 'aria-flowto', 'aria-keyshortcuts',
    'aria-relevant', 'aria-roledescription'];

  const mustTell = (el) => c.focusable(el) || globals.some((name) => el.hasAttribute(name));

  c.focusable = (el) => el.tabIndex >= 0 || el.hasAttribute('tabindex') || el.isContentEditable;

  // explicit tells the first role of the role attribute that holds here.
  const explicit = (el) => {
    for (const token of el.getAttribute('role').toLowerCase().split(/\s+/)) {
      if (!known.has(token)) continue;
      const role = sameAs[token] ?? token;
      if (role === 'none' && mustTell(el)) return undefined;
      if ((role === 'form' || role === 'region') && !named(el)) continue;
      if (!inContext(el, role)) continue;
      return role;
    }
    return undefined;
  };

  c.role = c.once('role', (el) => {
    const role = (el.hasAttribute('role') ? explicit(el) : undefined) ?? nativeRole(el);
    return role === 'generic' || role === 'none' ? '' : role;
  });
})(clawdbot);
