
// Where things are in a picture.
((c) => {
  // around returns the rectangle of what a node holds, or of a text.
  const around = (node) => {
    const range = document.createRange();
    range.selectNodeContents(node);
    return range.getBoundingClientRect();
  };

  const solid = (box) => box.width > 0 && box.height > 0;

  // box scrolls a node into view and returns its rectangle, in CSS pixels of the
  // frame's viewport.
  c.box = async (n) => {
    await c.reveal(n);
    const element = c.element(n);
    const node = c.node(n);
    const box = [node === element ? element.getBoundingClientRect() : around(node), around(element)].find(solid);
    if (!box) throw c.problem('hidden', `${c.describe(element)} is hidden: it has no size`);
    return { x: box.x, y: box.y, width: box.width, height: box.height };
  };

  // ratio returns how many pixels of a picture a CSS pixel has in a row.
  c.ratio = () => devicePixelRatio;
})(clawdbot);
