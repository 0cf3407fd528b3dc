// Labels: the refs of nodes, drawn over the page for a picture of it.
((c) => {
  let sheet = null;

  const styled = (parent, style, text = '') => {
    const el = document.createElementNS('http://www.w3.org/1999/xhtml', 'div');
    el.style.cssText = style; // a page's content security policy does not forbid this way
    el.textContent = text;
    parent.append(el);
    return el;
  };

  // boxes are what a node covers, a text as well.
  const boxes = (node) => {
    if (node.nodeType === Node.ELEMENT_NODE) return node.getClientRects();
    const range = document.createRange();
    range.selectNodeContents(node);
    return range.getClientRects();
  };

  const inView = (box) => box.width > 0 && box.height > 0
    && box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight;

  const colour = '#d6336c';

  // label draws over each of the nodes the prefix and its number, and returns
  // how many were in view. At most most are drawn.
  c.label = (numbers, prefix, most) => {
    c.unlabel();
    sheet = styled(document.documentElement, `all: initial; display: block; position: fixed; inset: 0; width: auto; height: auto;
      overflow: hidden; pointer-events: none; z-index: 2147483647`);
    const surface = sheet.attachShadow({ mode: 'closed' });
    let drawn = 0;
    for (const n of numbers) {
      const box = drawn < most && Array.from(boxes(c.node(n))).find(inView);
      if (!box) continue;
      drawn++;
      styled(surface, `position: absolute; box-sizing: border-box; left: ${box.left}px; top: ${box.top}px;
        width: ${box.width}px; height: ${box.height}px; border: 1px solid ${colour}`);
      styled(surface, `position: absolute; left: ${Math.max(0, box.left)}px; top: ${Math.max(0, box.top - 12)}px;
        padding: 0 2px; font: bold 10px/12px monospace; color: #fff; background: ${colour}`, prefix + n);
    }
    sheet.popover = 'manual';
    sheet.showPopover(); // above the page's own dialogs
    return drawn;
  };

  c.unlabel = () => {
    sheet?.remove();
    sheet = null;
  };
})(clawdbot);
