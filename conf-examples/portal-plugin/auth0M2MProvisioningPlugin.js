'use strict';

/*
 * A provisioning plugin for the Moesif Developer Portal that leaves the work
 * to nginx: users are provisioned by POST /provision-user, credentials are
 * created by POST /create-key of a gateway with the auth0-m2m module.
 *
 * It logs nothing.  Its errors are made to be shown and logged: they carry
 * no token and no secret.
 */

const { AsyncLocalStorage } = require('node:async_hooks');
const { randomUUID } = require('node:crypto');
const diagnostics = require('node:diagnostics_channel');
const { setTimeout: wait } = require('node:timers/promises');

const LOOPBACK = ['127.0.0.1', '[::1]', 'localhost'];
const PROBLEM = 'urn:auth0-m2m:';
const MARGIN = 60;                      /* seconds before a token expires */
const PAUSE = 300;                      /* milliseconds, doubled each time */
const MAX_WAIT = 5;                     /* seconds, whatever Retry-After says */

/*
 * The portal calls createApiKey(customerId, email) without saying on whose
 * behalf.  The request it is serving does say so: it bears the ID token.
 */
const serving = new AsyncLocalStorage();
diagnostics.subscribe('http.server.request.start', ({ request }) =>
  serving.enterWith(request));

class GatewayError extends Error {
  constructor(code, message, { status, requestId, retryable = false,
    retryAfter = 0 } = {}) {
    super(requestId ? `${message} (${code}, ${requestId})`
      : `${message} (${code})`);
    Object.assign(this, { name: 'GatewayError', code, status, requestId,
      retryable, retryAfter });
  }
}

class Auth0M2MProvisioningPlugin {
  slug = 'auth0-jwt';

  #config;
  #options;
  #token = null;

  constructor({ env = process.env, ...options } = {}) {
    const get = (name, otherwise) => env[`PLUGIN_AUTH0_M2M_${name}`]
      || env[`AUTH0_M2M_${name}`] || otherwise || missing(name);

    this.#config = {
      gateway: base('GATEWAY_URL', get('GATEWAY_URL')),
      tenant: base('DOMAIN', get('DOMAIN')),
      clientId: get('CLIENT_ID'),
      clientSecret: get('CLIENT_SECRET'),
      audience: get('PROVISION_AUDIENCE', env.PLUGIN_AUTH0_M2M_API_AUDIENCE
        || env.AUTH0_M2M_API_AUDIENCE),
    };
    this.#options = { timeout: 12_000, tries: 3, wait, ...options };
  }

  /* Who the portal says it is; the gateway looks users up by itself. */
  async getUser(customerId, email) {
    return { customer_id: customerId, email };
  }

  /* Idempotent: resolves with {user_id, org_id, org_name, created}. */
  async provisionUser(customerId, email, subscriptionId) {
    return this.#retry(async () => {
      const kept = this.#token;
      const token = await this.#accessToken();
      try {
        return expect(await this.#send(
          `${this.#config.gateway}/provision-user`, token,
          { customerId, email, subscriptionId }), 'org_id');
      } catch (error) {
        if (error.status === 401) {
          this.#token = null;
          error.retryable = kept !== null;      /* with another token */
        }
        throw error;
      }
    });
  }

  /*
   * Resolves with the text of {"client_id":..,"client_secret":..}, as the
   * portal hands it on.  idToken: default that of the request being served.
   */
  async createApiKey(customerId, email, idToken = bearer()) {
    if (emailOf(idToken) !== String(email).toLowerCase()) {
      throw new GatewayError('id-token-missing',
        'Creating a key takes the ID token of the user it is for');
    }

    const key = { 'Idempotency-Key': `"${randomUUID()}"` };
    const answer = await this.#retry(async () => expect(await this.#send(
      `${this.#config.gateway}/create-key`, idToken, { email }, key),
    'apikey'));
    return answer.apikey;
  }

  async #retry(act) {
    const { tries } = this.#options;

    for (let n = 1; ; n += 1) {
      try {
        return await act();
      } catch (error) {
        if (!error.retryable || n === tries || error.retryAfter > MAX_WAIT) {
          throw error;
        }
        await this.#options.wait(error.retryAfter * 1000
          || PAUSE * 2 ** n * (0.5 + Math.random() / 2));
      }
    }
  }

  async #accessToken() {
    const now = () => Date.now() / 1000;

    if (this.#token === null || this.#token.until <= now()) {
      const { tenant, clientId, clientSecret, audience } = this.#config;
      const answer = expect(await this.#send(`${tenant}/oauth/token`, null, {
        grant_type: 'client_credentials', client_id: clientId,
        client_secret: clientSecret, audience, scope: 'provision:users',
      }), 'access_token');
      const life = Number(answer.expires_in) || 0;
      this.#token = { value: answer.access_token,
        until: now() + life - MARGIN };
    }
    return this.#token.value;
  }

  /* Posts JSON, resolves with the decoded answer, rejects a GatewayError. */
  async #send(url, token, body, headers = {}) {
    const { origin } = new URL(url);

    try {
      const [answer, text] = await within(this.#options.timeout, url, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', ...headers,
          ...token && { Authorization: `Bearer ${token}` } },
        body: JSON.stringify(body),
        redirect: 'error',
      });
      if (answer.ok) {
        return JSON.parse(text);
      }
      throw problem(answer, text, origin);
    } catch (error) {
      throw error instanceof GatewayError ? error : broken(error, origin);
    }
  }
}

/*
 * The answer and its text, or a TimeoutError.  A signal alone would not do:
 * Node 18 may lose it while a body comes in.
 */
async function within(ms, url, request) {
  const limit = new AbortController();
  let timer;
  const late = new Promise((resolve, reject) => {
    timer = setTimeout(() => {
      reject(new DOMException('Too late', 'TimeoutError'));
      limit.abort();
    }, ms);
  });
  const ask = async () => {
    const answer = await fetch(url, { ...request, signal: limit.signal });
    return [answer, await answer.text()];
  };

  try {
    return await Promise.race([ask(), late]);
  } finally {
    clearTimeout(timer);
  }
}

function missing(name) {
  throw new GatewayError('configuration',
    `PLUGIN_AUTH0_M2M_${name} is not set`);
}

/* A URL without slash at its end; secrets leave this host by TLS only. */
function base(name, value) {
  const url = new URL(value.includes('://') ? value : `https://${value}`);
  if (url.protocol !== 'https:'
      && !(url.protocol === 'http:' && LOOPBACK.includes(url.hostname))) {
    throw new GatewayError('configuration',
      `PLUGIN_AUTH0_M2M_${name} must be reached by https`);
  }
  return url.href.replace(/\/+$/, '');
}

/* What the gateway (problem+json) or the tenant (OAuth) says went wrong. */
function problem(answer, text, origin) {
  let said = {};
  try {
    said = JSON.parse(text) ?? {};
  } catch {
    /* a proxy's page: the status has to do */
  }

  const { status } = answer;
  const after = Number(answer.headers.get('Retry-After'));
  const type = String(said.type ?? '');
  const code = type.startsWith(PROBLEM) ? type.slice(PROBLEM.length)
    : typeof said.error === 'string' ? said.error : `status-${status}`;

  return new GatewayError(code,
    String(said.message ?? said.title ?? `${origin} answered ${status}`), {
      status,
      requestId: said.request_id ?? answer.headers.get('X-Request-Id')
        ?? undefined,
      retryable: said.retryable ?? (status === 429 || status >= 500),
      retryAfter: Number.isFinite(after) ? after : 0,
    });
}

function broken(error, origin) {
  const [code, text] = error.name === 'TimeoutError'
    ? ['gateway-timeout', 'did not answer in time']
    : error instanceof SyntaxError
      ? ['gateway-garbled', 'gave an answer that is not JSON']
      : ['gateway-unreachable', 'cannot be reached'];
  return new GatewayError(code, `${origin} ${text}`, { retryable: true });
}

function expect(answer, member) {
  if (typeof answer?.[member] !== 'string') {
    throw new GatewayError('gateway-garbled', `The answer has no ${member}`);
  }
  return answer;
}

function bearer() {
  const header = serving.getStore()?.headers.authorization ?? '';
  return /^Bearer +(\S+)$/i.exec(header)?.[1];
}

/*
 * Read, not verified: the gateway verifies.  This only keeps a key for one
 * person from being asked for with the token of another.
 */
function emailOf(idToken) {
  try {
    const payload = Buffer.from(idToken.split('.')[1], 'base64url');
    return JSON.parse(payload).email.toLowerCase();
  } catch {
    return null;
  }
}

module.exports = { Auth0M2MProvisioningPlugin, GatewayError };
