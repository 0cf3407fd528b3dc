// Acting on elements: whether an element can be acted on, where on it a mouse
// event lands, and what a script must do itself (values, options, selections).
// The conditions are Playwright's, "Actionability" in its documentation: a
// person could do the same at this moment.
((c) => {
  const quote = (text, max = 40) => JSON.stringify(text.length > max ? `${text.slice(0, max)}…` : text);

  const shownAttributes = ['id', 'class', 'role', 'type', 'name', 'aria-label'];

  // describe writes an element as its start tag, with what tells it from others.
  c.describe = (el) => {
    const attributes = shownAttributes.filter((a) => el.getAttribute(a)).map((a) => ` ${a}=${quote(el.getAttribute(a))}`);
    return `<${el.localName}${attributes.join('')}>`;
  };

  const fail = (code, el, text) => c.problem(code, `${c.describe(el)} ${text}`);

  // parent goes up the tree as it is shown: through slots and shadow hosts.
  const parent = (el) => el.assignedSlot ?? el.parentElement ?? el.getRootNode().host ?? null;

  const ancestor = (el, test) => {
    while (el && !test(el)) el = parent(el);
    return el;
  };

  // rects are the boxes of the element. One without any (display: contents, a
  // link around a float) is where its content is.
  const rects = (el) => {
    const solid = (list) => [...list].filter((r) => r.width > 0 && r.height > 0);
    const own = solid(el.getClientRects());
    if (own.length) return own;
    const content = document.createRange();
    content.selectNodeContents(el);
    return solid(content.getClientRects());
  };

  const visible = (el) => {
    if (el.localName === 'option' || el.localName === 'optgroup') {
      throw fail('hidden', el, 'is part of a <select>: use select on that');
    }
    const style = getComputedStyle(el);
    if (style.display !== 'contents' && !el.checkVisibility()) {
      const culprit = ancestor(el, (e) => getComputedStyle(e).display === 'none');
      if (!culprit) throw fail('hidden', el, 'is hidden: its content-visibility leaves it out');
      throw fail('hidden', el, culprit === el ? 'is hidden: display is none' : `is hidden: display of ${c.describe(culprit)} is none`);
    }
    if (style.visibility !== 'visible') throw fail('hidden', el, `is hidden: visibility is ${style.visibility}`);
    if (!rects(el).length) throw fail('hidden', el, 'is hidden: it has no size');
  };

  // operable is the button or link that the element is a part of, else itself.
  const operable = (el) => {
    if (el.matches('input, textarea, select') || el.isContentEditable) return el;
    return ancestor(el, (e) => e.matches('button, [role="button"], a, [role="link"]')) ?? el;
  };

  // control is what a label is for, else the element itself.
  const control = (el) => el.closest('label')?.control ?? el;

  // enabled: neither disabled by HTML, own or by a fieldset, nor by the nearest
  // aria-disabled, which descendants inherit.
  const enabled = (el) => {
    const part = operable(el);
    if (part.matches(':disabled')) throw fail('disabled', part, 'is disabled');
    const aria = ancestor(part, (e) => e.hasAttribute('aria-disabled'));
    if (aria?.getAttribute('aria-disabled') === 'true') {
      throw fail('disabled', part, aria === part ? 'is disabled (aria-disabled)' : `is disabled (aria-disabled of ${c.describe(aria)})`);
    }
  };

  // hit is what gets a mouse event at the point, inside of open shadow roots.
  const hit = ({ x, y }) => {
    let el = document.elementFromPoint(x, y);
    while (el?.shadowRoot) {
      const inner = el.shadowRoot.elementFromPoint(x, y);
      if (inner?.getRootNode() !== el.shadowRoot) break;
      el = inner;
    }
    return el;
  };

  // receives: an event on got reaches the element by bubbling, or as the click
  // that a label gives to its control.
  const receives = (el, got) => {
    const wanted = operable(el);
    return Boolean(ancestor(got, (e) => e === wanted || (e.localName === 'label' && e.control === el)));
  };

  // point is the middle of the element's first part that lies in the window.
  const point = (el) => {
    for (const r of rects(el)) {
      const [left, right] = [Math.max(r.left, 0), Math.min(r.right, innerWidth)];
      const [top, bottom] = [Math.max(r.top, 0), Math.min(r.bottom, innerHeight)];
      if (right > left && bottom > top) return { x: (left + right) / 2, y: (top + bottom) / 2 };
    }
    return null;
  };

  const contains = (outer, el) => Boolean(ancestor(el, (e) => e === outer));

  // covered says what takes the event: the element hit, and the outermost one
  // around it that has nothing to do with the wanted element.
  const covered = (el, got) => {
    if (ancestor(el, (e) => e.inert)) return fail('covered', el, 'is inert: no event reaches it');
    if (!got) return fail('covered', el, 'is covered: nothing in the page gets the event there');
    if (contains(got, el)) {
      const through = getComputedStyle(el).pointerEvents === 'none';
      return fail('covered', el, `gets no event there: ${through ? 'its pointer-events is none, and ' : ''}${c.describe(got)} around it gets it`);
    }
    let outer = got;
    for (let up = parent(got); up && !contains(up, el); up = parent(up)) outer = up;
    const whole = outer === got ? '' : ` of ${c.describe(outer)}`;
    return fail('covered', el, `is covered: ${c.describe(got)}${whole} covers it`);
  };

  // reach finds a point of the element that gets events, as the page is scrolled
  // now or else with the element in the middle, at the end or at the start of
  // what scrolls: a sticky header covers only some of these.
  const reach = (el) => {
    visible(el);
    let missed = null;
    let seen = false;
    for (const block of ['', 'center', 'end', 'start']) {
      if (block) el.scrollIntoView({ block, inline: block, behavior: 'instant' });
      const at = point(el);
      if (!at) continue;
      const got = hit(at);
      if (receives(el, got)) return at;
      missed ??= got;
      seen = true;
    }
    throw seen ? covered(el, missed) : fail('offscreen', el, 'is off screen and cannot be scrolled into view');
  };

  // frame ends with the next animation frame. A page that is not drawn has none.
  const frame = () => new Promise((done) => {
    requestAnimationFrame(done);
    setTimeout(done, 500);
  });

  const animated = (el) =>
    document.getAnimations().some((a) => a.playState === 'running' && a.effect?.target && contains(a.effect.target, el));

  const sides = ['x', 'y', 'width', 'height'];
  const same = (a, b) => Boolean(a && b) && sides.every((side) => a[side] === b[side]);

  // Where elements were found before, since when, and when last.
  const places = new WeakMap();

  // rests says whether the element was at its place in an earlier frame, within
  // the last second, and at every look since.
  const rests = (el, box) => {
    const now = performance.now();
    const was = places.get(el);
    const stayed = was && now - was.seen < 1000 && same(was.box, box);
    places.set(el, { box, since: stayed ? was.since : now, seen: now });
    return stayed && now - was.since > 34; // two frames
  };

  // steady waits for the next frame, unless the element is known to rest; it must
  // be where it was, and must still get the event. Between frames Chromium tells
  // an animation's state as of the next one, so for that two frames are compared.
  const steady = async (el, at) => {
    const moves = animated(el);
    if (moves) await frame();
    const [before] = rects(el);
    if (!moves && before && rests(el, before)) return at;
    await frame();
    if (!el.isConnected) throw fail('detached', el, 'left the page');
    if (!same(before, rects(el)[0])) throw fail('moving', el, 'is moving');
    const got = hit(at);
    if (!receives(el, got)) throw covered(el, got);
    return at;
  };

  // Inputs that pages often replace by their label: a click on that is theirs.
  const labelled = ['checkbox', 'radio', 'file'];

  // aim returns a point of the frame's window where the element, or else a label
  // of it, gets mouse events. needs.enabled: it must be enabled too.
  c.aim = async (n, needs) => {
    const el = c.element(n);
    if (needs.enabled) enabled(el);
    let first;
    for (const target of [el, ...(labelled.includes(el.type) ? el.labels : [])]) {
      try {
        return await steady(target, reach(target));
      } catch (problem) {
        first ??= problem;
      }
    }
    throw first;
  };

  // reveal scrolls the element into view. When that moves it, the browser's own
  // picture of the frames in it, which decides where a mouse event goes, is two
  // frames behind.
  c.reveal = async (n) => {
    const el = c.element(n);
    visible(el);
    const before = el.getBoundingClientRect();
    el.scrollIntoViewIfNeeded(true);
    const now = el.getBoundingClientRect();
    if (now.x === before.x && now.y === before.y) return;
    await frame();
    await frame();
  };

  // through takes a point of an iframe's window to the window around it, where
  // the iframe must get the event.
  c.through = (n, x, y) => {
    const owner = c.element(n);
    const box = owner.getBoundingClientRect();
    const style = getComputedStyle(owner);
    const inset = (side) => owner[`client${side}`] + parseFloat(style[`padding${side}`]);
    const at = {
      x: box.left + (inset('Left') + x) * (owner.offsetWidth ? box.width / owner.offsetWidth : 1),
      y: box.top + (inset('Top') + y) * (owner.offsetHeight ? box.height / owner.offsetHeight : 1),
    };
    const got = hit(at);
    if (!receives(owner, got)) throw covered(owner, got);
    return at;
  };

  const dispatchChange = (el) => {
    el.dispatchEvent(new Event('input', { bubbles: true, composed: true }));
    el.dispatchEvent(new Event('change', { bubbles: true }));
  };

  // How the inputs want their value that are set at once, not typed.
  const shapes = {
    color: '#rrggbb', date: 'yyyy-mm-dd', 'datetime-local': 'yyyy-mm-ddThh:mm', month: 'yyyy-mm', time: 'hh:mm', week: 'yyyy-Www',
  };

  const rangeShape = (el) => `a number from ${el.min || 0} to ${el.max || 100} in steps of ${el.step || 1}`;

  const setValue = (el, value) => {
    const given = el.type === 'color' ? value.trim().toLowerCase() : value.trim();
    el.focus();
    const before = el.value;
    el.value = given;
    if (el.value !== given) {
      el.value = before;
      throw fail('bad-argument', el, `cannot hold ${quote(value)}: it takes ${shapes[el.type] ?? rangeShape(el)}`);
    }
    dispatchChange(el);
  };

  const typedInputs = ['text', 'search', 'url', 'tel', 'email', 'password', 'number'];

  const instead = {
    checkbox: 'use click, or fill with type checkbox', radio: 'use click, or fill with type radio',
    file: 'arm the file chooser hook instead',
  };

  const editable = (el) => {
    enabled(el);
    if (el.localName === 'input') {
      if (!typedInputs.includes(el.type) && el.type !== 'range' && !(el.type in shapes)) {
        throw fail('not-editable', el, `takes no text${instead[el.type] ? `: ${instead[el.type]}` : ''}`);
      }
    } else if (el.localName !== 'textarea' && !el.isContentEditable) {
      throw fail('not-editable', el, `takes no text: it is not an input, a textarea or contenteditable${el.localName === 'select' ? '; use select' : ''}`);
    }
    if (el.readOnly || el.getAttribute('aria-readonly') === 'true') throw fail('read-only', el, 'is read-only');
  };

  const selectContent = (el) => {
    if (el.select) {
      el.select();
      return;
    }
    const content = document.createRange();
    content.selectNodeContents(el);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(content);
  };

  // edit makes the element ready to have its content replaced by the text, and
  // says whether that is still to be typed: date, range and the like are set here.
  c.edit = (n, text) => {
    const el = control(c.element(n));
    visible(el);
    editable(el);
    if (el.localName === 'input' && !typedInputs.includes(el.type)) {
      setValue(el, text);
      return false;
    }
    if (el.type === 'number' && Number.isNaN(Number(text))) {
      throw fail('bad-argument', el, `cannot hold ${quote(text)}: it takes a number`);
    }
    el.focus();
    const { activeElement } = el.getRootNode();
    if (!activeElement || !contains(activeElement, el)) {
      throw fail('not-editable', el, `does not keep the focus${activeElement ? `: ${c.describe(activeElement)} has it` : ''}`);
    }
    selectContent(el);
    return true;
  };

  const clean = (text) => text.trim().replace(/\s+/g, ' ');

  const offers = (option, wanted) =>
    option.value === wanted || option.label === wanted || clean(option.label) === clean(wanted) || clean(option.textContent) === clean(wanted);

  const optionList = (el) => {
    const all = [...el.options].map((o) => (clean(o.label) === o.value ? quote(o.value) : `${quote(o.value)} (${clean(o.label)})`));
    return all.length > 20 ? `${all.slice(0, 20).join(', ')} and ${all.length - 20} more` : all.join(', ') || 'none';
  };

  // choose selects exactly the options with the given values or labels.
  c.choose = (n, wanted) => {
    const el = control(c.element(n));
    if (el.localName !== 'select') {
      throw fail('not-editable', el, 'is not a <select>: click it, take a snapshot and click its option');
    }
    visible(el);
    enabled(el);
    if (!el.multiple && wanted.length !== 1) throw fail('bad-argument', el, `takes one value, not ${wanted.length}`);
    const chosen = wanted.map((value) => {
      const option = [...el.options].find((o) => offers(o, value));
      if (!option) throw fail('no-option', el, `has no option ${quote(value)}; its options: ${optionList(el)}`);
      if (option.matches(':disabled')) throw fail('disabled', el, `has the option ${quote(value)} disabled`);
      return option;
    });
    el.focus();
    for (const option of el.options) option.selected = chosen.includes(option);
    dispatchChange(el);
  };

  const checkableRoles = ['checkbox', 'menuitemcheckbox', 'menuitemradio', 'option', 'radio', 'switch', 'treeitem'];

  // checked tells whether a checkbox, radio button or switch is on, and whether
  // it is one of a choice, which only another one turns off.
  c.checked = (n) => {
    const el = control(c.element(n));
    const role = el.getAttribute('role') ?? '';
    if (el.localName === 'input' && ['checkbox', 'radio'].includes(el.type)) {
      return { checked: el.checked && !el.indeterminate, choice: el.type === 'radio' };
    }
    if (!checkableRoles.includes(role)) throw fail('bad-argument', el, 'is not a checkbox, radio button or switch');
    return { checked: el.getAttribute('aria-checked') === 'true', choice: role.endsWith('radio') };
  };

  // drags says whether pressing the mouse on the element and moving it starts a
  // drag of the browser's own.
  c.drags = (n) => Boolean(ancestor(c.element(n), (e) => e.draggable));
})(clawdbot);
