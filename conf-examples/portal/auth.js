/*
 * Who is signed in: the seam between the page and a login.
 *
 * The page calls the five functions exported here and nothing else.  A portal
 * that has a login of its own replaces this file by one that exports the same
 * names; getToken is the only one that has to do something:
 *
 *     export const getToken = async () => session.idToken;   // or null
 *     export const start = async () => {};
 *     export const user = () => null;
 *     export const signIn = null;            // hides the buttons
 *     export const signOut = null;
 *
 * What stands here is Authorization Code with PKCE (RFC 7636) against Auth0.
 * The ID token lives in a variable of this module: not in localStorage, not
 * in sessionStorage, not in a cookie.  sessionStorage holds state, nonce and
 * verifier while the browser is away at the tenant, and is emptied when it
 * comes back.
 */

const PENDING = 'portal-login';
const LEEWAY = 60;

let config;
let token = null;
let claims = null;

const base64url = (bytes) => btoa(String.fromCharCode(...bytes))
  .replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');

const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

const seconds = () => Math.floor(Date.now() / 1000);

const here = () => location.origin + location.pathname;

/* Ends a login that is under way.  Throws an Error with a text for people. */
export async function start(settings) {
  config = settings;

  const query = new URLSearchParams(location.search);
  if (!query.has('state')) {
    return;
  }

  /* neither the code nor the state stays in the address bar or the history */
  history.replaceState(null, '', here());

  const pending = JSON.parse(sessionStorage.getItem(PENDING) ?? 'null');
  sessionStorage.removeItem(PENDING);

  if (pending === null || pending.state !== query.get('state')) {
    throw new Error('This sign-in was not started on this page, or it was '
      + 'used before.');
  }

  if (query.has('error')) {
    throw new Error(query.get('error_description') ?? query.get('error'));
  }

  const idToken = await exchange(query.get('code'), pending.verifier);
  claims = check(idToken, pending.nonce);
  token = idToken;
}

/* The ID token, or null when nobody is signed in (any more). */
export async function getToken() {
  if (claims !== null && claims.exp <= seconds()) {
    token = claims = null;
  }
  return token;
}

export function user() {
  return claims && { name: claims.name ?? claims.email, email: claims.email };
}

export async function signIn() {
  const pending = { state: random(), nonce: random(), verifier: random() };
  const hash = await crypto.subtle.digest('SHA-256',
    new TextEncoder().encode(pending.verifier));

  sessionStorage.setItem(PENDING, JSON.stringify(pending));

  location.assign(`${config.tenant}/authorize?` + new URLSearchParams({
    response_type: 'code',
    client_id: config.clientId,
    redirect_uri: here(),
    scope: 'openid profile email',
    state: pending.state,
    nonce: pending.nonce,
    code_challenge: base64url(new Uint8Array(hash)),
    code_challenge_method: 'S256',
  }));
}

export async function signOut() {
  token = claims = null;
  location.assign(`${config.tenant}/v2/logout?` + new URLSearchParams({
    client_id: config.clientId,
    returnTo: here(),
  }));
}

async function exchange(code, verifier) {
  const answer = await fetch(`${config.tenant}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: config.clientId,
      code,
      code_verifier: verifier,
      redirect_uri: here(),
    }),
    credentials: 'omit',
    redirect: 'error',
  });

  if (!answer.ok) {
    throw new Error('The sign-in could not be completed.');
  }
  return (await answer.json()).id_token;
}

/*
 * The token came over TLS from the tenant itself, so its signature need not
 * be checked here (OpenID Connect Core 3.1.3.7, 6); the gateway does.
 */
function check(idToken, nonce) {
  const payload = idToken.split('.')[1]
    .replaceAll('-', '+').replaceAll('_', '/');
  const found = JSON.parse(new TextDecoder().decode(
    Uint8Array.from(atob(payload), (c) => c.charCodeAt(0))));

  if (found.iss !== `${config.tenant}/`
      || ![].concat(found.aud).includes(config.clientId)
      || found.nonce !== nonce
      || found.exp + LEEWAY <= seconds()) {
    throw new Error('The sign-in was answered with a token for something '
      + 'else.');
  }
  return found;
}
