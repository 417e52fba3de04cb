'use strict';

/*
 * The portal's plugin against nginx and the tenant stand-in, as
 * t/portal_plugin.t starts them.  PLUGIN_AUTH0_M2M_* are set as in the
 * portal's .env; ADMIN is where the stand-in can be looked into, API a
 * location that tells whose organization calls, LOGS the files of nginx,
 * DOWN an address at which nobody answers, ASTRAY an audience the gateway
 * does not take, NARROW_* a client that may not provision.
 */

const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const { createServer } = require('node:http');
const { afterEach, test } = require('node:test');
const { setTimeout: wait } = require('node:timers/promises');
const { inspect } = require('node:util');

const { Auth0M2MProvisioningPlugin, GatewayError } = require(
  '../../conf-examples/portal-plugin');

const { ADMIN, API, ASTRAY, DOWN, LOGS, NARROW_ID, NARROW_SECRET }
  = process.env;
const AUDIENCE = process.env.PLUGIN_AUTH0_M2M_API_AUDIENCE;
const TENANT = process.env.PLUGIN_AUTH0_M2M_DOMAIN;

const secrets = [process.env.PLUGIN_AUTH0_M2M_CLIENT_SECRET, NARROW_SECRET];
const printed = [];
let keys = 0;                           /* made so far */
let org;

for (const stream of [process.stdout, process.stderr]) {
  const write = stream.write.bind(stream);
  stream.write = (text, ...rest) => {
    printed.push(String(text));
    return write(text, ...rest);
  };
}

const json = async (answer) => JSON.parse(await answer.text());

async function admin(name, body = {}) {
  const answer = await json(await fetch(`${ADMIN}/_admin/${name}`,
    { method: 'POST', body: JSON.stringify(body) }));
  assert.ok(answer.ok, answer.error);
  return answer.result;
}

async function idToken(user, more) {
  const token = await admin('id_token', { user, ...more });
  secrets.push(token);
  return token;
}

const plugin = (env) => new Auth0M2MProvisioningPlugin({
  env: { ...process.env, ...env }, wait: async () => {} });

function apikey(text) {
  const { client_id: id, client_secret: secret, ...rest } = JSON.parse(text);
  assert.deepEqual(rest, {});
  assert.match(id, /^\w{16,}$/);
  assert.match(secret, /^[\w-]{32,}$/);
  secrets.push(secret);
  return { id, secret };
}

async function traded({ id, secret }) {
  const answer = await fetch(`${TENANT}/oauth/token`, { method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ grant_type: 'client_credentials', client_id: id,
      client_secret: secret, audience: AUDIENCE }) });
  assert.equal(answer.status, 200);
  const { access_token: token } = await json(answer);
  secrets.push(token);
  return token;
}

const claims = (token) => JSON.parse(Buffer.from(token.split('.')[1],
  'base64url'));

async function failure(promise) {
  const error = await promise.then(() => assert.fail('no error'), (e) => e);
  assert.ok(error instanceof GatewayError, inspect(error));
  safe(inspect(error, { depth: 9, showHidden: true }) + error.stack);
  return error;
}

function safe(text) {
  for (const secret of secrets) {
    assert.ok(!text.includes(secret), 'a secret was told');
  }
}

/* Shown to the customer and found in the log by its number. */
function explained(error) {
  assert.match(error.requestId, /^\w{16,}$/);
  assert.ok(error.message.endsWith(` (${error.code}, ${error.requestId})`),
    error.message);
  assert.ok(error.message.length > error.code.length * 2, error.message);
}

const customer = (all, id) => all.orgs.filter((o) =>
  o.metadata?.customerId === id);

/* Credentials in the tenant, once what failed has been taken back. */
async function left() {
  for (let n = 50; ; n -= 1) {
    const { clients } = await admin('leftovers');
    if (clients.length <= keys || n === 0) {
      return clients.length;
    }
    await wait(100);
  }
}

afterEach(async () => {
  await admin('clear_faults');
  safe(printed.join(''));
  safe(LOGS.split(':').map((file) => readFileSync(file, 'utf8')).join(''));
  assert.equal(await left(), keys);
});

test('registers a customer', async () => {
  const p = plugin();
  const made = await p.provisionUser('cus_new', 'new@acme.example', 'sub_1');
  const all = await admin('dump');
  const [found, ...others] = customer(all, 'cus_new');
  org = made.org_id;

  assert.deepEqual(others, []);
  assert.deepEqual(made, { user_id: 'auth0|newcomer', org_id: found.id,
    org_name: found.name, created: true });
  assert.ok(all.members.some(([o, user]) => o === org
    && user === 'auth0|newcomer'), 'a member');
  const user = all.users.find((u) => u.user_id === 'auth0|newcomer');
  assert.equal(user.app_metadata.customerId, 'cus_new');

  for (const again of [p, plugin()]) {
    assert.deepEqual(await again.provisionUser('cus_new', 'new@acme.example',
      'sub_1'), { ...made, created: false });
  }
  assert.equal(customer(await admin('dump'), 'cus_new').length, 1);
});

test('a key opens the API, for the organization', async () => {
  const token = await idToken('auth0|newcomer');
  const key = apikey(await plugin().createApiKey('cus_new',
    'new@acme.example', token));
  keys += 1;

  const access = await traded(key);
  assert.equal(claims(access).org_id, org);
  const answer = await fetch(API, { headers: {
    Authorization: `Bearer ${access}` } });
  assert.equal(answer.status, 200);
  assert.equal(await answer.text(), `orders of ${org}\n`);
  assert.equal((await fetch(API)).status, 401, 'and not without');
});

test('as the portal calls it: with the request it serves', async () => {
  const p = plugin();
  const portal = createServer(async (request, response) => {
    for await (const part of request) {
      void part;
    }
    response.end(await p.createApiKey('cus_new', 'new@acme.example')
      .catch((error) => error.code));
  });
  await new Promise((resolve) => { portal.listen(0, '127.0.0.1', resolve); });
  const answer = await fetch(`http://127.0.0.1:${portal.address().port}/`, {
    method: 'POST', body: '{}', headers: {
      Authorization: `Bearer ${await idToken('auth0|newcomer')}` } });
  const key = apikey(await answer.text());
  portal.closeAllConnections();
  portal.close();
  keys += 1;

  assert.equal(claims(await traded(key)).org_id, org);
});

test('a lost answer makes one key', async () => {
  await admin('fault', { rule: { step: 'client_create', kind: 'reset',
    effect: 'after' } });
  await admin('fault', { rule: { step: 'grant_create', kind: 'status',
    status: 500 } });
  const key = apikey(await plugin().createApiKey('cus_new',
    'new@acme.example', await idToken('auth0|newcomer')));
  keys += 1;
  assert.equal(claims(await traded(key)).org_id, org);
});

test('an e-mail that is not verified', async () => {
  await admin('add_user', { user_id: 'auth0|late', email: 'late@acme.example',
    email_verified: false });
  const key = await failure(plugin().createApiKey('cus_late',
    'late@acme.example', await idToken('auth0|late')));
  assert.equal(key.code, 'email-unverified');
  assert.equal(key.status, 403);
  assert.match(key.message, /^Verify your e-mail address first\./);
  explained(key);

  const user = await failure(plugin().provisionUser('cus_late',
    'late@acme.example', 'sub_2'));
  assert.equal(user.code, 'user-not-found');
  assert.equal(user.status, 404);
  explained(user);
  assert.deepEqual(customer(await admin('dump'), 'cus_late'), []);
});

test('no subscription yet', async () => {
  await admin('add_user', { user_id: 'auth0|eager', email: 'eager@acme.example',
    email_verified: true });
  const error = await failure(plugin().createApiKey('cus_eager',
    'eager@acme.example', await idToken('auth0|eager')));
  assert.equal(error.code, 'not-provisioned');
  assert.match(error.message, /Ensure you're subscribed to a plan/);
  explained(error);
});

test('tokens the gateway does not take', async () => {
  const ask = async (more) => failure(plugin().createApiKey('cus_new',
    'new@acme.example', await idToken('auth0|newcomer', more)));

  for (const more of [{ expires_in: -600 }, { client_id: 'another' }]) {
    const error = await ask(more);
    assert.equal(error.code, 'invalid-token');
    assert.equal(error.status, 401);
    explained(error);
  }
});

test('a portal that may not', async () => {
  const narrow = await failure(plugin({
    PLUGIN_AUTH0_M2M_CLIENT_ID: NARROW_ID,
    PLUGIN_AUTH0_M2M_CLIENT_SECRET: NARROW_SECRET,
  }).provisionUser('cus_x', 'new@acme.example', 'sub_3'));
  assert.equal(narrow.code, 'access_denied');
  assert.equal(narrow.status, 403);

  const wrong = await failure(plugin({
    PLUGIN_AUTH0_M2M_CLIENT_SECRET: 'not-the-secret',
  }).provisionUser('cus_x', 'new@acme.example', 'sub_3'));
  assert.equal(wrong.code, 'access_denied');
  assert.equal(wrong.status, 401);

  const astray = await failure(plugin({
    PLUGIN_AUTH0_M2M_PROVISION_AUDIENCE: ASTRAY,
  }).provisionUser('cus_x', 'new@acme.example', 'sub_3'));
  assert.equal(astray.code, 'invalid-token');
  assert.equal(astray.status, 401);
  explained(astray);
  assert.deepEqual(customer(await admin('dump'), 'cus_x'), []);
});

test('a tenant that fails', async () => {
  await admin('fault', { rule: { step: 'client_create', kind: 'status',
    status: 500, count: 'always' } });
  const error = await failure(plugin().createApiKey('cus_new',
    'new@acme.example', await idToken('auth0|newcomer')));
  assert.equal(error.code, 'idp-error');
  assert.equal(error.status, 502);
  assert.equal(error.retryable, true);
  explained(error);
});

test('a gateway that is down', async () => {
  const p = plugin({ PLUGIN_AUTH0_M2M_GATEWAY_URL: DOWN });
  const token = await idToken('auth0|newcomer');

  for (const act of [
    () => p.provisionUser('cus_new', 'new@acme.example', 'sub_1'),
    () => p.createApiKey('cus_new', 'new@acme.example', token),
  ]) {
    const error = await failure(act());
    assert.equal(error.code, 'gateway-unreachable');
    assert.equal(error.message,
      `${DOWN} cannot be reached (gateway-unreachable)`);
    assert.equal(error.retryable, true);
  }
});
