// The frame around the pages: sign-in, navigation, connection state, help.
import { html, useCallback, useEffect, useMemo, useRef, useState } from './html.js';
import * as credential from './credential.js';
import { Wire } from './wire.js';
import { WireContext, useNow, useWire } from './use.js';
import { Asking, Badge, Button, Dialog } from './parts.js';
import { nextTheme, theme } from './theme.js';
import { useKeys } from './keys.js';
import { SignIn } from './signin.js';
import { Overview } from './overview.js';
import { Incidents } from './incidents.js';
import { Bus } from './bus.js';
import { Chat } from './chat.js';
import { Nodes } from './nodes.js';
import { Browser } from './browser.js';
import { Config } from './config.js';
import { Logs } from './logs.js';

const PAGES = [
  { id: 'overview', key: 'o', name: 'Overview', page: Overview, icon: 'M2 10h4l2-5 4 10 2-5h4' },
  { id: 'incidents', key: 'i', name: 'Incidents', page: Incidents, icon: 'M10 3 18 17H2zM10 8v4M10 14.5v.5' },
  { id: 'bus', key: 'b', name: 'Bus', page: Bus, icon: 'M3 6h14M3 14h14M6 6v8M14 6v8' },
  { id: 'chat', key: 'c', name: 'Chat', page: Chat, icon: 'M3 4h14v9H9l-4 4v-4H3z' },
  { id: 'nodes', key: 'n', name: 'Nodes', page: Nodes, icon: 'M10 2v6M10 8 4 14M10 8l6 6M2 14h4v4H2zM14 14h4v4h-4zM8 2h4v3H8z' },
  { id: 'browser', key: 'w', name: 'Browser', page: Browser, icon: 'M2 4h16v12H2zM2 8h16M5 6h.5M8 6h.5' },
  { id: 'config', key: 's', name: 'Config', page: Config, icon: 'M3 6h8M15 6h2M13 4v4M3 14h2M9 14h8M7 12v4' },
  { id: 'logs', key: 'l', name: 'Logs', page: Logs, icon: 'M3 4h14M3 8h10M3 12h14M3 16h8' },
];
const HASHES = Object.fromEntries(PAGES.map((p) => [p.key, `#/${p.id}`]));
const PROFILE = document.documentElement.dataset.profile;

// App holds the credential; everything else belongs to the connection.
export function App() {
  const [known, setKnown] = useState(credential.take);
  const [why, setWhy] = useState('');
  const wire = useMemo(() => {
    const address = new URL('.', location.href);
    address.protocol = address.protocol.replace('http', 'ws');
    return known && new Wire({ address: address.href, credential: known, profile: PROFILE });
  }, [known]);

  useEffect(() => {
    if (!wire) return undefined;
    const off = wire.watch(({ phase, say }) => {
      if (phase !== 'refused') return;
      credential.forget();
      setWhy(say);
      setKnown(null);
    });
    wire.open();
    return () => {
      off();
      wire.close();
    };
  }, [wire]);

  useEffect(() => { // a link with a token, opened in this tab
    const linked = () => location.hash.startsWith('#token=') && setKnown(credential.take());
    addEventListener('hashchange', linked);
    return () => removeEventListener('hashchange', linked);
  }, []);

  const signIn = (given) => {
    credential.keep(given);
    setWhy('');
    setKnown(given);
  };
  const signOut = () => {
    credential.forget();
    setKnown(null);
  };
  if (!wire) return html`<${SignIn} profile=${PROFILE} why=${why} signIn=${signIn} />`;
  return html`<${WireContext.Provider} value=${wire}><${Asking}><${Shell} signOut=${signOut} /><//><//>`;
}

// useRoute is the page and what follows it in #/page/rest.
function useRoute() {
  const read = () => {
    const [id, ...rest] = location.hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent);
    return { page: PAGES.find((p) => p.id === id) ?? PAGES[0], rest: rest.join('/') };
  };
  const [route, setRoute] = useState(read);
  useEffect(() => {
    const change = () => setRoute(read());
    addEventListener('hashchange', change);
    return () => removeEventListener('hashchange', change);
  }, []);
  return route;
}

function Shell({ signOut }) {
  const { page, rest } = useRoute();
  const [helping, setHelping] = useState(false);
  const main = useRef(null);
  useKeys(HASHES, useCallback(() => setHelping(true), []));
  useEffect(() => {
    document.title = `${page.name} · ${PROFILE} · clawdbot`;
    main.current.scrollTo(0, 0);
    main.current.focus({ preventScroll: true });
  }, [page]);

  return html`
    <a class="skip" href="#main" onClick=${(e) => { e.preventDefault(); main.current.focus(); }}>To the content</a>
    <${Top} signOut=${signOut} help=${() => setHelping(true)} />
    <nav aria-label="Pages">${PAGES.map((p) => html`
      <a href=${`#/${p.id}`} aria-current=${p === page ? 'page' : undefined} title=${`${p.name} (g ${p.key})`}>
        <svg viewBox="0 0 20 20" aria-hidden="true"><path d=${p.icon} /></svg><span>${p.name}</span>
      </a>`)}
    </nav>
    <main id="main" ref=${main} tabindex="-1"><${Lost} /><h1 class="page">${page.name}</h1><${page.page} key=${page.id} rest=${rest} /></main>
    ${helping && html`<${Help} close=${() => setHelping(false)} />`}`;
}

function Top({ signOut, help }) {
  const wire = useWire();
  const [name, setName] = useState(theme);
  const { phase, hello } = wire.state;
  const [kind, word] = { open: ['good', 'connected'], connecting: ['warn', 'connecting'], waiting: ['bad', 'not connected'] }[phase] ?? ['bad', phase];
  return html`<header class="top">
    <a class="brand" href="#/overview"><img src="page/icon.svg" alt="" width="24" height="24" /><b>${PROFILE}</b>
      <span class="soft">${hello ? `${hello.server.version} on ${hello.server.host}` : 'clawdbot'}</span></a>
    <span class="state" role="status"><${Badge} word=${word} kind=${kind} /></span>
    <${Button} quiet title="Light, dark or as the system has it" onClick=${() => setName(nextTheme())}>${{ auto: '◐', light: '☀', dark: '☾' }[name]}<span class="wideonly"> ${name}</span><//>
    <${Button} quiet wide title="Keys (?)" aria-label="Keys" onClick=${help}>?<//>
    <${Button} quiet onClick=${signOut}>Sign out<//>
  </header>`;
}

// Lost tells why there is no connection and what happens next.
function Lost() {
  const wire = useWire();
  const now = useNow();
  const { phase, say, retryAt, epoch } = wire.state;
  if (phase === 'open' || (phase === 'connecting' && epoch === 0)) return null;
  const left = Math.max(0, Math.ceil((retryAt - now) / 1000));
  return html`<div class="lost" role="alert">
    <span>${say || 'Connecting again …'} ${epoch > 0 && 'What is shown is from before.'} ${left > 0 && `Next attempt in ${left} s.`}</span>
    ${phase === 'waiting' && html`<${Button} quiet onClick=${() => wire.now()}>Try now<//>`}
  </div>`;
}

function Help({ close }) {
  return html`<${Dialog} title="Keys" close=${close}>
    <dl class="keys">
      ${PAGES.map((p) => html`<div><dt><kbd>g</kbd> <kbd>${p.key}</kbd></dt><dd>${p.name}</dd></div>`)}
      ${[['j', 'next in the list'], ['k', 'the one before'], ['Enter', 'open it'], ['/', 'to the filter'], ['Esc', 'out of a field, close'], ['?', 'this']]
        .map(([key, what]) => html`<div><dt><kbd>${key}</kbd></dt><dd>${what}</dd></div>`)}
    </dl>
    <div class="tools end"><${Button} autofocus onClick=${close}>Close<//></div>
  <//>`;
}
