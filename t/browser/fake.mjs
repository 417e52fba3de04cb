/*
 * What the page talks to, for its test: the static files with the headers of
 * conf-examples/portal/README.md, the gateway's endpoints for credentials,
 * an API, and (at an origin of its own) a tenant with /authorize and
 * /oauth/token.
 *
 *     const fake = await start();
 *     fake.url fake.tenant       addresses
 *     fake.config                changes to config.json
 *     fake.keys fake.logins      state; what /authorize was asked
 *     fake.login                 changes to the next ID token's claims, or
 *                                { error, error_description }
 *     await fake.stop()
 */

import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname } from 'node:path';

const FOLDER = new URL('../../conf-examples/portal/', import.meta.url);
const TYPES = { '.html': 'text/html; charset=utf-8', '.css': 'text/css',
  '.js': 'application/javascript', '.json': 'application/json',
  '.svg': 'image/svg+xml' };
const MAX_KEYS = 10;
const SPA = 'spa0000000000000000000000000000001';

const base64url = (data) => Buffer.from(data).toString('base64url');
const random = () => randomBytes(24).toString('hex');

async function documentedHeaders(tenant) {
  const text = await readFile(new URL('README.md', FOLDER), 'utf8');
  const headers = [...text.matchAll(/add_header (\S+) +"?([^"\n]+?)"? always;/g)]
    .map(([, name, value]) =>
      [name, value.replace('https://acme.us.auth0.com', tenant)]);
  if (!headers.some(([name]) => name === 'Content-Security-Policy')) {
    throw new Error('README.md has no Content-Security-Policy');
  }
  return Object.fromEntries(headers);
}

async function body(request) {
  const parts = [];
  for await (const part of request) {
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

function listen(handler) {
  const server = createServer((request, response) => {
    handler(request, response).catch((error) => {
      response.writeHead(500).end(String(error.stack));
    });
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve({
      server, url: `http://127.0.0.1:${server.address().port}`,
    }));
  });
}

export async function start() {
  const fake = { keys: [], logins: [], config: {}, login: {}, done: new Map(),
    codes: new Map(), tokens: new Set() };

  const tenant = await listen((q, r) => serveTenant(fake, q, r));
  const page = await listen((q, r) => servePage(fake, q, r));

  fake.tenant = tenant.url;
  fake.url = `${page.url}/portal/`;
  fake.origin = page.url;
  fake.headers = await documentedHeaders(fake.tenant);
  fake.token = () => idToken(fake, {});
  fake.add = (fields) => add(fake, fields);
  fake.stop = async () => {
    for (const { server } of [tenant, page]) {
      server.closeAllConnections();
      await new Promise((resolve) => { server.close(resolve); });
    }
  };
  return fake;
}

/* The tenant. */

function idToken(fake, changes) {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: `${fake.tenant}/`, aud: SPA, sub: 'auth0|alice',
    name: 'Alice Example', email: 'alice@acme.example', email_verified: true,
    iat: now, exp: now + 36000, ...changes };
  const token = ['{"alg":"RS256","typ":"JWT"}', JSON.stringify(claims),
    randomBytes(32)].map(base64url).join('.');
  fake.tokens.add(token);
  return token;
}

async function serveTenant(fake, request, response) {
  const url = new URL(request.url, fake.tenant);

  if (url.pathname === '/authorize') {
    const asked = Object.fromEntries(url.searchParams);
    fake.logins.push(asked);
    const back = new URL(asked.redirect_uri);
    back.searchParams.set('state', fake.login.state ?? asked.state);
    if (fake.login.error) {
      back.searchParams.set('error', fake.login.error);
      back.searchParams.set('error_description',
        fake.login.error_description);
    } else {
      const code = random();
      fake.codes.set(code, asked);
      back.searchParams.set('code', code);
    }
    response.writeHead(302, { Location: back.href }).end();
    return;
  }

  if (url.pathname === '/v2/logout') {
    response.writeHead(302, { Location: url.searchParams.get('returnTo') })
      .end();
    return;
  }

  if (url.pathname === '/oauth/token' && request.method === 'POST') {
    const text = await body(request);
    const form = request.headers['content-type'].startsWith('application/json')
      ? JSON.parse(text) : Object.fromEntries(new URLSearchParams(text));
    const [status, answer] = form.grant_type === 'authorization_code'
      ? codeGrant(fake, form) : clientGrant(fake, form);
    response.writeHead(status, { 'Content-Type': 'application/json',
      'Access-Control-Allow-Origin': fake.origin })
      .end(JSON.stringify(answer));
    return;
  }

  response.writeHead(404).end();
}

function codeGrant(fake, form) {
  const asked = fake.codes.get(form.code);
  fake.codes.delete(form.code);
  const challenge = createHash('sha256').update(form.code_verifier ?? '')
    .digest('base64url');
  if (asked?.code_challenge !== challenge || asked.client_id !== form.client_id
      || asked.redirect_uri !== form.redirect_uri) {
    return [403, { error: 'invalid_grant' }];
  }
  return [200, { token_type: 'Bearer',
    id_token: idToken(fake, { nonce: asked.nonce, ...fake.login }) }];
}

function clientGrant(fake, form) {
  const key = fake.keys.find((k) => k.client_id === form.client_id
    && k.secret === form.client_secret);
  if (key === undefined || form.audience !== 'https://api.acme.example/') {
    return [401, { error: 'access_denied' }];
  }
  return [200, { access_token: `at.${key.client_id}.x`, expires_in: 86400,
    token_type: 'Bearer' }];
}

/* The gateway. */

async function servePage(fake, request, response) {
  const { pathname } = new URL(request.url, fake.origin);

  if (pathname === '/v1/orders') {
    const found = /^Bearer at\.(\w+)\.x$/.exec(request.headers.authorization);
    response.writeHead(found ? 200 : 401)
      .end(found ? `orders of ${found[1]}` : '');
  } else if (pathname === '/keys' || pathname.startsWith('/keys/')) {
    await serveKeys(fake, request, response, pathname);
  } else {
    await serveFile(fake, response, pathname);
  }
}

async function serveFile(fake, response, pathname) {
  const name = pathname.replace(/^\/portal\/?/, '') || 'index.html';
  if (!/^[a-z]+\.[a-z]+$/.test(name)) {
    response.writeHead(404).end();
    return;
  }

  let content = await readFile(new URL(name, FOLDER));
  if (name === 'config.json') {
    content = JSON.stringify({ ...JSON.parse(content), tenant: fake.tenant,
      clientId: SPA, example: `${fake.origin}/v1/orders`, ...fake.config });
  }
  response.writeHead(200, { ...fake.headers,
    'Content-Type': TYPES[extname(name)] }).end(content);
}

async function serveKeys(fake, request, response, pathname) {
  const text = await body(request);
  const answer = (status, value, headers) => {
    response.writeHead(status, { 'Cache-Control': 'no-store',
      'Content-Type': status < 300 ? 'application/json; charset=utf-8'
        : 'application/problem+json', ...headers })
      .end(value === undefined ? undefined : JSON.stringify(value));
  };
  const refuse = (status, type) => answer(status, { status,
    type: `urn:auth0-m2m:${type}`, message: type, request_id: random() });

  if (!fake.tokens.has(request.headers.authorization?.slice(7))) {
    refuse(401, 'invalid-token');
    return;
  }

  const [, , id, verb] = pathname.split('/');
  const key = fake.keys.find((k) => k.client_id === id);
  const route = `${request.method}${id ? ' id' : ''}${verb ? ` ${verb}` : ''}`;

  if (id && !key && request.method !== 'DELETE') {
    refuse(404, 'key-not-found');
    return;
  }

  switch (route) {
    case 'GET':
      answer(200, { keys: fake.keys.map(({ secret, ...rest }) => rest),
        quota: { max: MAX_KEYS, used: fake.keys.length } });
      return;
    case 'DELETE id':
      fake.keys = fake.keys.filter((k) => k !== key);
      answer(204);
      return;
    case 'POST':
    case 'POST id rotate':
      break;
    default:
      refuse(405, 'method-not-allowed');
      return;
  }

  const idempotency = request.headers['idempotency-key'];
  if (!/^"[\x21\x23-\x5b\x5d-\x7e]{1,128}"$/.test(idempotency ?? '')) {
    refuse(400, 'bad-idempotency-key');
    return;
  }
  const done = fake.done.get(idempotency);
  if (done && done.text !== text) {
    refuse(422, 'idempotency-key-reused');
    return;
  }
  const issued = done?.key ?? (key ? rotate(fake, key, JSON.parse(text))
    : add(fake, JSON.parse(text)));
  fake.done.set(idempotency, { text, key: issued });

  const { client_id, secret: client_secret } = issued;
  answer(key ? 200 : 201, { client_id,
    apikey: JSON.stringify({ client_id, client_secret }),
    ...JSON.parse(text).mode === 'in_place' && { propagation_seconds: 30 } },
  { Location: `/keys/${client_id}` });
}

const secret = () => base64url(randomBytes(48));
const iso = (ms) => new Date(ms).toISOString();

function add(fake, { name = '', scope = 'read:orders write:orders',
  expires_in, ...rest }) {
  const key = { client_id: base64url(randomBytes(24)).replace(/[-_]/g, 'x'),
    name, scope, org_id: 'org_demoAcme00000001', created_at: iso(Date.now()),
    last_used_at: null,
    expires_at: expires_in ? iso(Date.now() + expires_in * 1000) : null,
    status: 'active', secret: secret(), ...rest };
  fake.keys.unshift(key);
  return key;
}

function rotate(fake, key, { mode, grace }) {
  if (mode === 'in_place') {
    key.secret = secret();
    return key;
  }
  key.expires_at = iso(Date.now() + grace * 1000);
  return add(fake, { name: key.name, scope: key.scope });
}
