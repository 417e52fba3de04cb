'use strict';

const assert = require('node:assert/strict');
const { createServer } = require('node:http');
const { after, before, beforeEach, test } = require('node:test');
const { inspect } = require('node:util');
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');

const { Auth0M2MProvisioningPlugin, GatewayError } = require('.');

const SECRET = 'management-secret-0123456789';
const KEY = '{"client_id":"cli1","client_secret":"CUSTOMER-SECRET"}';
const idToken = (claims) => ['{"alg":"RS256"}', JSON.stringify(claims), 'sig']
  .map((part) => Buffer.from(part).toString('base64url')).join('.');
const ALICE = idToken({ sub: 'auth0|alice', email: 'Alice@acme.example' });

/* Garbage must not take a time limit along, as it did with Node 18. */
setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');

let server;
let url;
let seen;
let answers;
let printed;
let waits;

/* Answers of the fake gateway and tenant: [status, body, headers], 'hang',
   'stall' in the body, or 'reset', by path; the last one stays. */
const DEFAULTS = {
  '/oauth/token': [[200, { access_token: 'at-1', expires_in: 86400 }]],
  '/provision-user': [[200, { user_id: 'auth0|alice', org_id: 'org_1',
    org_name: 'alice-abc', created: true }]],
  '/create-key': [[200, { apikey: KEY }]],
};

async function serve(request, response) {
  const parts = [];
  for await (const part of request) {
    parts.push(part);
  }
  const { headers, method } = request;
  seen.push({ path: request.url, method, headers,
    body: JSON.parse(Buffer.concat(parts)) });

  const list = answers[request.url];
  const next = list.length > 1 ? list.shift() : list[0];
  if (next === 'reset') {
    request.socket.destroy();
  } else if (next === 'stall') {
    response.writeHead(200).write('{');
  } else if (next !== 'hang') {
    const [status, body, more] = next;
    response.writeHead(status, more).end(typeof body === 'string' ? body
      : JSON.stringify(body));
  }
}

before(async () => {
  for (const name of ['log', 'info', 'warn', 'error', 'debug', 'trace']) {
    console[name] = (...args) => printed.push(inspect(args));
  }
  server = createServer(serve);
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  url = `http://127.0.0.1:${server.address().port}`;
});

after(() => {
  server.closeAllConnections();
  server.close();
});

beforeEach(() => {
  seen = [];
  printed = [];
  waits = [];
  answers = structuredClone(DEFAULTS);
});

const env = (changes) => ({ PLUGIN_AUTH0_M2M_DOMAIN: url,
  PLUGIN_AUTH0_M2M_CLIENT_ID: 'portal-client',
  PLUGIN_AUTH0_M2M_CLIENT_SECRET: SECRET,
  PLUGIN_AUTH0_M2M_API_AUDIENCE: 'https://api.acme.example/',
  PLUGIN_AUTH0_M2M_GATEWAY_URL: `${url}/`, ...changes });

const plugin = (changes) => new Auth0M2MProvisioningPlugin({ env: env(),
  wait: async (ms) => { waits.push(ms); }, ...changes });

const provision = (p = plugin()) =>
  p.provisionUser('cus_1', 'alice@acme.example', 'sub_1');
const create = (p = plugin(), token = ALICE) =>
  p.createApiKey('cus_1', 'alice@acme.example', token);
const calls = (path) => seen.filter((r) => r.path === path);

/* The error of a promise, checked to be safe to show and to log. */
async function failure(promise) {
  const error = await promise.then(() => assert.fail('no error'), (e) => e);
  assert.ok(error instanceof GatewayError, inspect(error));
  const text = inspect(error, { depth: 9, showHidden: true })
    + error + JSON.stringify(error) + error.stack;
  for (const secret of [SECRET, 'CUSTOMER-SECRET', 'at-1', ALICE]) {
    assert.ok(!text.includes(secret), text);
  }
  assert.deepEqual(printed, []);
  return error;
}

test('provisions with a token for that and nothing else', async () => {
  const user = await provision();
  assert.deepEqual(user, { user_id: 'auth0|alice', org_id: 'org_1',
    org_name: 'alice-abc', created: true });

  const [token, call] = seen;
  assert.deepEqual(token.body, { grant_type: 'client_credentials',
    client_id: 'portal-client', client_secret: SECRET,
    audience: 'https://api.acme.example/', scope: 'provision:users' });
  assert.equal(call.method, 'POST');
  assert.equal(call.path, '/provision-user');
  assert.equal(call.headers.authorization, 'Bearer at-1');
  assert.match(call.headers['content-type'], /^application\/json/);
  assert.deepEqual(call.body, { customerId: 'cus_1',
    email: 'alice@acme.example', subscriptionId: 'sub_1' });
  assert.deepEqual(printed, []);
});

test('keeps the token, drops one that is refused', async () => {
  const p = plugin();
  await provision(p);
  await provision(p);
  assert.equal(calls('/oauth/token').length, 1);

  answers['/provision-user'].unshift([401, { retryable: false }]);
  answers['/oauth/token'] = [[200, { access_token: 'at-2',
    expires_in: 86400 }]];
  await provision(p);
  assert.equal(calls('/oauth/token').length, 2);
  assert.equal(seen.at(-1).headers.authorization, 'Bearer at-2');
});

test('a token about to expire is renewed', async () => {
  answers['/oauth/token'] = [[200, { access_token: 'at-1', expires_in: 59 }]];
  const p = plugin();
  await provision(p);
  await provision(p);
  assert.equal(calls('/oauth/token').length, 2);
});

test('a new token that is refused is not tried again', async () => {
  answers['/provision-user'] = [[401, { type: 'urn:auth0-m2m:invalid-token',
    message: 'Invalid token' }]];
  const error = await failure(provision());
  assert.equal(error.code, 'invalid-token');
  assert.equal(calls('/provision-user').length, 1);
});

test('creates a key with the ID token of its user', async () => {
  assert.equal(await create(), KEY);
  const [call] = seen;
  assert.equal(call.path, '/create-key');
  assert.equal(call.headers.authorization, `Bearer ${ALICE}`);
  assert.match(call.headers['idempotency-key'], /^"[\w-]{36}"$/);
  assert.deepEqual(printed, []);
});

test('finds the ID token in the request the portal serves', async () => {
  const p = plugin();
  const portal = createServer(async (request, response) => {
    for await (const part of request) {
      void part;                                /* as body-parser does */
    }
    await new Promise((resolve) => { setTimeout(resolve, 1); });
    response.end(await p.createApiKey('cus_1', 'alice@acme.example')
      .catch((error) => error.code));
  });
  await new Promise((resolve) => { portal.listen(0, '127.0.0.1', resolve); });
  const ask = async (authorization) => (await fetch(
    `http://127.0.0.1:${portal.address().port}/create-key`,
    { method: 'POST', body: '{}', headers: { authorization } })).text();

  const bob = idToken({ email: 'bob@acme.example' });
  const [alice, other, none] = await Promise.all([ask(`Bearer ${ALICE}`),
    ask(`Bearer ${bob}`), ask('')]);
  portal.closeAllConnections();
  portal.close();

  assert.equal(alice, KEY);
  assert.equal(other, 'id-token-missing');
  assert.equal(none, 'id-token-missing');
  assert.equal(calls('/create-key').length, 1);
});

test('takes no ID token of another, nor what is none', async () => {
  for (const token of [undefined, '', 'abc', 'a.b.c', idToken({}),
    idToken({ email: 'bob@acme.example' }), idToken({ email: ['x'] })]) {
    const error = await failure(
      plugin().createApiKey('cus_1', 'alice@acme.example', token));
    assert.equal(error.code, 'id-token-missing');
  }
  assert.equal(seen.length, 0);
});

test('getUser asks nobody', async () => {
  assert.deepEqual(await plugin().getUser('cus_1', 'alice@acme.example'),
    { customer_id: 'cus_1', email: 'alice@acme.example' });
  assert.equal(plugin().slug, 'auth0-jwt');
  assert.equal(seen.length, 0);
});

/* Every problem of the gateway: is it tried again? */
const PROBLEMS = [
  [400, 'malformed-request', false], [400, 'bad-idempotency-key', false],
  [401, 'invalid-token', false], [403, 'email-unverified', false],
  [403, 'user-blocked', false], [403, 'quota-exceeded', false],
  [403, 'scope-not-allowed', false], [404, 'key-not-found', false],
  [409, 'not-provisioned', false], [409, 'ambiguous-organization', false],
  [409, 'ambiguous-user', false], [409, 'organization-conflict', false],
  [409, 'in-progress', true], [422, 'idempotency-key-reused', false],
  [429, 'too-many-requests', true], [502, 'idp-rejected', false],
  [502, 'idp-error', true], [503, 'idp-throttled', true],
  [503, 'idp-limit-reached', false], [504, 'idp-timeout', true],
];

for (const [path, act] of [['/provision-user', provision],
  ['/create-key', create]]) {
  test(`${path}: every problem has its code and message`, async () => {
    for (const [status, type, retryable] of PROBLEMS) {
      seen = [];
      answers[path] = [[status, { type: `urn:auth0-m2m:${type}`, status,
        message: `About ${type}`, request_id: 'req-1', retryable },
      { 'Content-Type': 'application/problem+json' }]];

      const error = await failure(act());
      assert.equal(error.code, type);
      assert.equal(error.status, status);
      assert.equal(error.message, `About ${type} (${type}, req-1)`);
      assert.equal(error.retryable, retryable);
      assert.equal(calls(path).length, retryable ? 3 : 1, type);
    }
  });

  test(`${path}: one attempt, one Idempotency-Key; then success`, async () => {
    answers[path] = ['reset', [503, '<html>'], answers[path][0]];
    await act();
    const keys = calls(path).map((r) => r.headers['idempotency-key']);
    assert.equal(keys.length, 3);
    assert.equal(new Set(keys).size, 1);
  });

  test(`${path}: garbage, silence, hang-up`, { timeout: 60000 }, async (t) => {
    const collects = setInterval(gc, 10);
    t.after(() => clearInterval(collects));
    for (const [answer, code] of [['reset', 'gateway-unreachable'],
      [[200, '<html>'], 'gateway-garbled'], [[200, {}], 'gateway-garbled'],
      [[200, 'null'], 'gateway-garbled'], [[500, '<html>'], 'status-500'],
      [[302, '', { Location: '/elsewhere' }], 'gateway-unreachable'],
      ['hang', 'gateway-timeout'], ['stall', 'gateway-timeout']]) {
      answers[path] = [answer];
      const timeout = code === 'gateway-timeout' ? 200 : 20000;
      const error = await failure(act(plugin({ timeout, tries: 2 })));
      assert.equal(error.code, code);
    }
  });

  test(`${path}: waits as told, if it is not long`, async () => {
    const busy = (seconds) => [429, { retryable: true },
      { 'Retry-After': seconds }];
    answers[path].unshift(busy('3'), [502, '']);
    await act();
    assert.equal(waits[0], 3000);
    assert.ok(waits[1] >= 600 && waits[1] <= 1200, waits[1]);

    seen = [];
    answers[path] = [busy('60')];
    const error = await failure(act());
    assert.equal(error.retryAfter, 60);
    assert.equal(calls(path).length, 1);
  });
}

test('a tenant that refuses the portal is said so', async () => {
  answers['/oauth/token'] = [[401, { error: 'access_denied',
    error_description: 'Unauthorized' }]];
  const error = await failure(provision());
  assert.equal(error.code, 'access_denied');
  assert.equal(seen.length, 1);
});

test('reads the names of the portal, old and new', () => {
  const old = Object.fromEntries(Object.entries(env()).map(([name, value]) =>
    [name.replace('PLUGIN_', ''), value]));
  assert.ok(plugin({ env: old }));

  for (const name of Object.keys(env())) {
    assert.throws(() => plugin({ env: env({ [name]: '' }) }),
      { code: 'configuration' }, name);
  }
  assert.ok(plugin({ env: env({ PLUGIN_AUTH0_M2M_DOMAIN:
    'acme.us.auth0.com' }) }));
});

test('secrets travel by TLS only, unless inside this host', () => {
  for (const name of ['DOMAIN', 'GATEWAY_URL']) {
    assert.throws(() => plugin({ env: env({ [`PLUGIN_AUTH0_M2M_${name}`]:
      'http://gateway.example' }) }), /must be reached by https/);
  }
});

test('the audience of provisioning may be its own', async () => {
  await provision(plugin({ env: env({
    PLUGIN_AUTH0_M2M_PROVISION_AUDIENCE: 'https://provision.example/' }) }));
  assert.equal(seen[0].body.audience, 'https://provision.example/');
});
