// The worker lends tabs to the gateway: a click on the toolbar button lends the
// tab, another one takes it back. The tab's debugger and the relay speak CDP with
// each other through here. As long as a tab is lent the worker is kept alive by
// its debugger, so everything is held in memory.
import { Relay } from './relay.js';
import { Tab } from './tab.js';

const tabs = new Map(); // by Chrome's tab id
const relay = new Relay({ opened, closed, waiting, command });

chrome.action.onClicked.addListener(({ id }) => {
  if (tabs.has(id)) takeBack(id);
  else lend(id).catch(() => {}); // the button says why
});
chrome.debugger.onEvent.addListener(({ tabId, sessionId }, method, params) => {
  const tab = tabs.get(tabId);
  if (!tab) return;
  tab.heard(method, params);
  relay.event(method, params, sessionId ?? tab.session);
});
chrome.debugger.onDetach.addListener(({ tabId }, reason) => forget(tabId, reason));
chrome.tabs.onUpdated.addListener(async (id, { status }) => {
  const tab = tabs.get(id);
  if (!tab || !status) return;
  show(tab); // Chrome clears a badge when its tab goes to another page
  const targetInfo = await tab.describe().catch(() => null);
  if (targetInfo) relay.event('Target.targetInfoChanged', { targetInfo });
});

// lend attaches to the tab and tells the relay, connecting to it first.
async function lend(id) {
  const tab = new Tab(id);
  tabs.set(id, tab);
  tab.show('waiting');
  try {
    await relay.connect();
    await tab.attach();
    if (tabs.get(id) === tab) await announce(tab);
    else await tab.detach(); // taken back meanwhile
  } catch (error) {
    tabs.delete(id);
    tab.show('failed', error.message);
    disconnectWhenIdle();
    throw error;
  }
  return tab;
}

async function announce(tab) {
  const targetInfo = await tab.describe();
  relay.event('Target.attachedToTarget', { sessionId: tab.session, targetInfo, waitingForDebugger: false });
  show(tab);
}

const show = (tab) => tab.show(relay.isOpen ? 'on' : 'waiting');

async function takeBack(id) {
  await tabs.get(id).detach();
  forget(id, 'taken_back');
}

// forget drops a tab that is lent no more.
function forget(id, reason) {
  const tab = tabs.get(id);
  if (!tab) return;
  tabs.delete(id);
  tab.show('off');
  relay.event('Target.detachedFromTarget', { sessionId: tab.session, targetId: tab.target, reason });
  disconnectWhenIdle();
}

function disconnectWhenIdle() {
  if (tabs.size === 0) relay.disconnect();
}

// opened tells a relay that came back of the tabs that are lent.
async function opened() {
  for (const tab of tabs.values()) {
    if (tab.target) await announce(tab).catch(() => {});
  }
}

// closed takes everything back that the gateway had set in the tabs, which stay
// lent.
function closed() {
  for (const tab of tabs.values()) {
    if (tab.target) renew(tab).catch(() => {}); // then it is lent no more
  }
}

// waiting shows why the relay is not connected, and says whether it should be.
function waiting(reason) {
  for (const tab of tabs.values()) {
    if (tab.target) tab.show('waiting', reason);
  }
  return tabs.size > 0;
}

// renew gives the tab a fresh debugger.
async function renew(tab) {
  try {
    await tab.renew();
  } catch (error) {
    forget(tab.id, error.message);
    throw error;
  }
}

// command runs a CDP command of the relay's and returns its result.
async function command({ method, params = {}, sessionId }) {
  switch (method) {
    case 'Target.createTarget':
      return { targetId: (await open(params)).target };
    case 'Target.closeTarget':
      await chrome.tabs.remove(byTarget(params.targetId).id);
      return { success: true };
    case 'Target.activateTarget': {
      const { windowId } = await chrome.tabs.update(byTarget(params.targetId).id, { active: true });
      await chrome.windows.update(windowId, { focused: true });
      return {};
    }
    case 'Target.detachFromTarget':
      await renew(bySession(params.sessionId));
      return {};
  }
  return bySession(sessionId).send(method, params, sessionId);
}

// open opens a tab and lends it.
async function open({ url, background = true }) {
  const { id } = await chrome.tabs.create({ url, active: !background });
  try {
    return await lend(id);
  } catch (error) {
    await chrome.tabs.remove(id);
    throw error;
  }
}

function byTarget(targetId) {
  return find((tab) => tab.target === targetId, `no tab ${targetId} is lent`);
}

// bySession finds the tab of a session. What is asked without one concerns the
// whole browser, so any tab will do.
function bySession(sessionId) {
  return find((tab) => !sessionId || tab.owns(sessionId), 'Session with given id not found.');
}

function find(fits, otherwise) {
  const tab = [...tabs.values()].find((t) => t.target && fits(t));
  if (!tab) throw new Error(otherwise);
  return tab;
}
