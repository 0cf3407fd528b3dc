// Refs of nodes, and what is thrown for people to read.
((c) => {
  // The name goes before the message in what the browser tells of an error.
  c.problem = (code, message) => {
    const error = new Error(message);
    error.name = `Problem ${code}`;
    // The stack was written with the old name.
    error.stack = `Problem ${code}: ${message}\n    at clawdbot`;
    return error;
  };

  const nodes = new Map(); // number → WeakRef of node
  const numbers = new WeakMap(); // node → number

  // ref returns the number of a node: always the same, and no other node's.
  c.ref = (node) => {
    let n = numbers.get(node);
    if (n === undefined) {
      n = c.next++;
      numbers.set(node, n);
      nodes.set(n, new WeakRef(node));
    }
    return n;
  };

  // node returns the node with the number, in the document or not.
  c.node = (n) => {
    const node = nodes.get(n)?.deref();
    if (!node) {
      nodes.delete(n);
      throw c.problem('unknown-ref', `unknown ref e${n}: take a new snapshot`);
    }
    return node;
  };

  // element returns the element with the number, or the one around a text. It
  // is in the document.
  c.element = (n) => {
    const node = c.node(n);
    const element = node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement;
    if (!node.isConnected || !element) {
      throw c.problem('detached', `ref e${n} is no longer part of the page: take a new snapshot`);
    }
    return element;
  };

  // inside returns where the content of a frame's element begins, in CSS pixels
  // of the viewport.
  c.inside = (n) => {
    const element = c.element(n);
    const box = element.getBoundingClientRect();
    const style = getComputedStyle(element);
    return [
      box.left + element.clientLeft + parseFloat(style.paddingLeft),
      box.top + element.clientTop + parseFloat(style.paddingTop),
    ];
  };

  // find returns the ref of the first element that fits a CSS selector.
  c.find = (selector) => {
    let element;
    try {
      element = document.querySelector(selector);
    } catch {
      throw c.problem('bad-argument', `${JSON.stringify(selector)} is no CSS selector`);
    }
    if (!element) {
      throw c.problem('not-found', `no element fits the selector ${JSON.stringify(selector)}`);
    }
    return c.ref(element);
  };

  // run is how all calls come in. n tells how far the refs have come.
  c.run = (name, args) => {
    const value = c[name](...args);
    if (value instanceof Promise) {
      return value.then((v) => ({ v, n: c.next }));
    }
    return { v: value, n: c.next };
  };
})(clawdbot);
