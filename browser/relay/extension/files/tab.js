const badges = {
  off: { text: '', color: '#000000', title: chrome.runtime.getManifest().action.default_title },
  waiting: { text: '…', color: '#B45309', title: 'Connecting to the Clawdbot gateway' },
  on: { text: 'ON', color: '#C2410C', title: 'Lent to Clawdbot: click to take the tab back' },
  failed: { text: '!', color: '#B91C1C', title: 'Not lent' },
};

let count = 0;

// Tab is one tab that is lent, or about to be. Commands wait while its debugger
// is being attached.
export class Tab {
  #ready = Promise.resolve();
  #children = new Set(); // sessions of its frames in other processes and its workers

  constructor(id) {
    this.id = id;
    this.session = `tab-${++count}`; // the relay's name for the debugger
    this.target = ''; // CDP's id of the page, once attached
  }

  async attach() {
    const of = { tabId: this.id };
    await chrome.debugger.attach(of, '1.3');
    this.target = (await chrome.debugger.sendCommand(of, 'Target.getTargetInfo')).targetInfo.targetId;
  }

  async detach() {
    await chrome.debugger.detach({ tabId: this.id }).catch(() => {}); // it is not attached
  }

  // renew detaches and attaches again: that ends what was switched on, paused or
  // emulated in the tab. Chrome keeps its notice for that moment.
  renew() {
    this.#children.clear();
    this.#ready = this.#ready.then(() => this.detach()).then(() => this.attach());
    return this.#ready;
  }

  // send runs a command in the tab's own session or in one below it.
  async send(method, params, session) {
    await this.#ready;
    const to = { tabId: this.id };
    if (this.#children.has(session)) to.sessionId = session;
    return chrome.debugger.sendCommand(to, method, params);
  }

  async describe() {
    return (await this.send('Target.getTargetInfo', {})).targetInfo;
  }

  owns(session) {
    return session === this.session || this.#children.has(session);
  }

  // heard follows the sessions below the tab's own.
  heard(method, { sessionId } = {}) {
    if (method === 'Target.attachedToTarget') this.#children.add(sessionId);
    if (method === 'Target.detachedFromTarget') this.#children.delete(sessionId);
  }

  // show paints the toolbar button as the tab's state asks.
  show(state, why) {
    const { text, color, title } = badges[state];
    const of = { tabId: this.id };
    const ignore = () => {}; // the tab is gone
    chrome.action.setBadgeText({ ...of, text }).catch(ignore);
    chrome.action.setBadgeBackgroundColor({ ...of, color }).catch(ignore);
    chrome.action.setTitle({ ...of, title: why ? `${title}: ${why}` : title }).catch(ignore);
  }
}
