// The credential lives in this tab's session storage and in nothing else.
const KEY = 'clawdbot.credential';

// take returns the credential of a link …/#token=… and removes it from the
// address and the history, or the one that this tab signed in with, or null.
export function take() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const token = fragment.get('token');
  if (token !== null) {
    history.replaceState(null, '', location.pathname + location.search);
    keep({ token });
  }
  try {
    return JSON.parse(sessionStorage.getItem(KEY));
  } catch {
    return null;
  }
}

// keep remembers a credential, {token} or {password}, until the tab closes.
export function keep(credential) {
  sessionStorage.setItem(KEY, JSON.stringify(credential));
}

export function forget() {
  sessionStorage.removeItem(KEY);
}
