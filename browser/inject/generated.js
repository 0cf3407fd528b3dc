// What style sheets do to text: content of ::before and ::after, and
// transforms. A computed style costs a microsecond, so first the rules are
// read for whether there is anything of the sort.
((c) => {
  const read = new WeakMap(); // style sheet → { count, last, css }

  const anything = { before: true, after: true, transforms: true, skips: true };

  const add = (css, more) => {
    for (const key of Object.keys(css)) css[key] ||= more[key];
  };

  // readStyles adds to css what the style sheets and style attributes of a
  // document or shadow root may do.
  c.readStyles = (root, css) => {
    for (const sheet of [...root.styleSheets, ...root.adoptedStyleSheets]) add(css, sheetDoes(sheet));
    css.transforms ||= root.querySelector('[style*=text-transform i]') !== null;
    css.skips ||= root.querySelector('[style*=content-visibility i], [hidden=until-found i]') !== null;
  };

  // sheetDoes is kept until the sheet's number of rules or last rule changes.
  const sheetDoes = (sheet) => {
    let rules;
    try {
      rules = sheet.cssRules;
    } catch {
      return anything; // of another origin
    }
    const last = rules[rules.length - 1];
    const known = read.get(sheet);
    if (known?.count === rules.length && known.last === last) return known.css;
    const css = { before: false, after: false, transforms: false, skips: false };
    readRules(rules, css, { left: mostRules });
    read.set(sheet, { count: rules.length, last, css });
    return css;
  };

  // To read more rules than these takes longer than what is saved by it.
  const mostRules = 2000;

  const readRules = (rules, css, budget) => {
    for (const rule of rules) {
      if (budget.left-- <= 0) {
        add(css, anything);
        return;
      }
      if (rule.styleSheet) add(css, sheetDoes(rule.styleSheet));
      if (rule.selectorText !== undefined) readRule(rule, css);
      if (rule.cssRules?.length) readRules(rule.cssRules, css, budget);
    }
  };

  const readRule = ({ selectorText, style }, css) => {
    css.transforms ||= style.textTransform !== '';
    css.skips ||= style.contentVisibility !== '';
    if (css.before && css.after || style.content === '') return;
    css.before ||= selectorText.includes(':before');
    css.after ||= selectorText.includes(':after');
  };

  // A value of content: strings, quotes, and after a slash the text for
  // assistive technology (CSS Generated Content 3, 1.2). Counters are no part of
  // names in Chromium.
  const token = /counters?\([^)]*\)|"((?:[^"\\]|\\.)*)"|(open|close)-quote|(\/)/gs;

  const unescaped = (text) => text.replace(/\\(.)/gs, '$1');

  const contentText = (el, style) => {
    let text = '';
    let alternative = false;
    for (const [, string, quote, slash] of style.content.matchAll(token)) {
      if (string !== undefined) text += unescaped(string);
      else if (quote) text += mark(el, style, quote);
      else if (slash) {
        text = '';
        alternative = true;
      }
    }
    return alternative && text ? ` ${text} ` : text;
  };

  const pairs = { open: ['“', '‘'], close: ['”', '’'] };

  // mark is a quotation mark: the outer pair, or the inner one in a quotation.
  const mark = (el, style, which) => {
    const inner = el.parentElement?.closest('q') ? 1 : 0;
    if (style.quotes === 'none') return '';
    const own = style.quotes.match(/"((?:[^"\\]|\\.)*)"/gs);
    const at = 2 * inner + (which === 'open' ? 0 : 1);
    return own?.[at]?.slice(1, -1) ?? pairs[which][inner];
  };

  const generated = (el, which) => {
    const style = getComputedStyle(el, which);
    const content = style.content;
    if (content === 'none' || content === 'normal') return '';
    if (style.display === 'none' || style.visibility !== 'visible') return '';
    const text = contentText(el, style);
    return style.display === 'inline' ? text : ` ${text} `;
  };

  // before and after are the texts of an element's pseudo-elements.
  c.before = (el) => c.css().before || el.localName === 'q' ? generated(el, '::before') : '';
  c.after = (el) => c.css().after || el.localName === 'q' ? generated(el, '::after') : '';

  // transformed is a text as text-transform of the element shows it.
  c.transformed = (text, el) => {
    if (!c.css().transforms) return text;
    switch (c.style(el).textTransform) {
      case 'uppercase': return text.toUpperCase();
      case 'lowercase': return text.toLowerCase();
      case 'capitalize': return text.replace(/(?<![\p{L}\p{N}'’])\p{L}/gu, (letter) => letter.toUpperCase());
    }
    return text;
  };

  // skips: the element keeps its content from being laid out.
  c.skips = (el) => c.css().skips && c.style(el).contentVisibility === 'hidden';
})(clawdbot);
