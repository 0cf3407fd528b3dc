// The sign-in: the token or the password of the gateway.
import { html, useEffect, useRef, useState } from './html.js';

export function SignIn({ profile, why, signIn }) {
  const [kind, setKind] = useState('token');
  const field = useRef(null);
  useEffect(() => {
    document.title = `Sign in · ${profile} · clawdbot`;
    field.current.focus();
  }, [profile]);
  const submit = (e) => {
    e.preventDefault();
    const given = field.current.value.trim();
    if (given) signIn({ [kind]: given });
  };
  return html`<main class="alone">
    <form class="card" onSubmit=${submit}>
      <h1><img src="page/icon.svg" alt="" width="32" height="32" /> ${profile}</h1>
      <p class="soft">Sign in to this gateway. <code>clawdbot dashboard</code> opens this page signed in.</p>
      ${why && html`<p class="failed" role="alert">${why}</p>`}
      <fieldset class="choice"><legend class="hidden">What you have</legend>
        ${['token', 'password'].map((k) => html`<label><input type="radio" name="kind" checked=${k === kind} onChange=${() => setKind(k)} /> ${k}</label>`)}
      </fieldset>
      <label>${kind === 'token' ? 'Token' : 'Password'}
        <input ref=${field} type="password" name="credential" autocomplete="off" spellcheck=${false} required />
      </label>
      <button class="button">Sign in</button>
      <p class="soft small">It stays in this tab and is forgotten when the tab closes.</p>
    </form>
  </main>`;
}
