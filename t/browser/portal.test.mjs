/*
 * The credentials page in Chromium.
 *
 * By itself against fake.mjs.  With PORTAL_URL against a gateway that serves
 * the page and its endpoints: PORTAL_ID_TOKEN is then the ID token of a user
 * without credentials, handed in through auth.js, and config.json there must
 * name a tenant and an example that curl can reach.  PORTAL_SHOTS is a folder
 * for screenshots.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, afterEach, before, test } from 'node:test';
import { promisify } from 'node:util';

import { start } from './fake.mjs';

const require = createRequire(`${process.env.BROWSER_MODULES}/x.js`);
const { chromium } = require('playwright-core');

const REAL = process.env.PORTAL_URL;
const SHOTS = process.env.PORTAL_SHOTS;
const only = REAL ? { skip: 'needs the fake tenant' } : {};
const once = REAL ? { skip: 'does not ask the gateway' } : {};

/* [status, type] of every problem the gateway knows; 499 is for its log. */
const TYPES = [...readFileSync(new URL(
  '../../src/core/a0_provision_answer.h', import.meta.url), 'utf8')
  .matchAll(/\bX\(\w+, "([a-z-]+)", (\d+),/g)]
  .map(([, type, status]) => [Number(status), type])
  .filter(([status]) => status !== 499);

let browser;
let fake;
let page;
let url;
let faults = [];            /* looked at after a skipped test too, Node 18 */

before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    timeout: 120_000,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  });
  fake = REAL ? null : await start();
  url = REAL ?? fake.url;
});

after(async () => {
  await browser?.close();
  await fake?.stop();
});

/* Nothing on any page may have broken the policy or thrown. */
afterEach(async () => {
  await page?.context().close();
  page = null;
  assert.deepEqual(faults, []);
});

const STAND_IN = (token) => `
  export const start = async () => {};
  export const getToken = async () => ${JSON.stringify(token)};
  export const user = () => ({ name: 'Alice', email: 'alice@acme.example' });
  export const signIn = null;
  export const signOut = null;`;

async function open({ login = false, token, ...options } = {}) {
  const context = await browser.newContext({ locale: 'en-GB',
    viewport: { width: 1280, height: 900 }, ...options });
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  context.setDefaultTimeout(60_000);

  faults = [];
  page = await context.newPage();
  page.on('pageerror', (error) => faults.push(`thrown: ${error.message}`));
  await page.exposeFunction('violated', (text) => faults.push(text));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) =>
      window.violated(`${event.violatedDirective} ${event.blockedURI}`));
  });
  if (!login) {
    const handed = token === undefined
      ? process.env.PORTAL_ID_TOKEN ?? fake.token() : token;
    await page.route('**/auth.js', (route) => route.fulfill({
      contentType: 'application/javascript', body: STAND_IN(handed) }));
  }
  await page.goto(url);
  return page;
}

/* The page with the list loaded. */
async function list(options) {
  await open(options);
  await page.getByText(/\d+ of \d+ in use/).waitFor();
  return page;
}

const button = (name) => page.getByRole('button', { name, exact: true });
const dialog = () => page.locator('dialog[open]');
const focused = () => page.evaluate(() => document.activeElement.textContent
  .trim().replace(/\s+/g, ' '));
const cards = () => page.locator('.card h2').allTextContents();
const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
const shown = (label) => dialog().locator(`pre[aria-label="${label}"]`)
  .textContent();

/* In a live region that is not behind a dialog. */
const said = (text) => page.waitForFunction((wanted) =>
  (document.querySelector('dialog[open]') ?? document.body)
    .querySelector('[data-live]').textContent === wanted, text);

const requests = (filter) => {
  const found = [];
  page.on('request', (r) => filter.test(`${r.method()} ${r.url()}`)
    && found.push(r));
  return found;
};

const problem = (status, type, headers = {}, more = {}) => ({ status,
  headers: { 'Content-Type': 'application/problem+json', ...headers },
  body: JSON.stringify({ type: `urn:auth0-m2m:${type}`, status,
    message: type, request_id: 'req-4711', cleanup: 'none', ...more }) });

/* Answers the next `times` requests of that method to the endpoints. */
async function answer(method, reply, times = 1) {
  let left = times;
  await page.route('**/keys**', (route) => {
    if (route.request().method() !== method || left === 0) {
      return route.fallback();
    }
    left -= 1;
    return typeof reply === 'function' ? reply(route) : route.fulfill(reply);
  });
}

async function create(name) {
  await button('Create credential').click();
  await page.getByLabel('Name').fill(name);
  await button('Create').click();
  await page.getByRole('heading', { name: 'Your new credential' }).waitFor();
  return { id: await shown('Client ID'), secret: await shown('Client secret') };
}

async function closeSecret() {
  await button('Copy Client secret').click();
  await button('I have stored it').click();
  await dialog().waitFor({ state: 'detached' }).catch(() => {});
  assert.equal(await dialog().count(), 0);
}

async function shot(name) {
  if (SHOTS) {
    const { width } = page.viewportSize();
    const dark = await page.evaluate(() =>
      matchMedia('(prefers-color-scheme: dark)').matches);
    const parts = [REAL ? 'nginx' : 'fake', name, width,
      dark ? 'dark' : 'light'];
    await page.screenshot({ path: `${SHOTS}/${parts.join('-')}.png`,
      animations: 'disabled' });
  }
}


test('signs in with a code and PKCE', only, async () => {
  fake.login = {};
  fake.logins = [];
  await open({ login: true });
  const api = requests(/\/keys$/);
  await button('Sign in').focus();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'No credentials yet' }).waitFor();

  const [asked] = fake.logins;
  assert.equal(asked.response_type, 'code');
  assert.equal(asked.code_challenge_method, 'S256');
  assert.match(asked.code_challenge, /^[\w-]{43}$/);
  assert.equal(asked.scope, 'openid profile email');
  assert.ok(asked.state.length >= 43 && asked.nonce.length >= 43);

  assert.equal(page.url(), fake.url, 'no code in the address');
  assert.equal(await page.evaluate(() => JSON.stringify(
    { ...localStorage, ...sessionStorage }) + document.cookie), '{}');
  assert.match(await api[0].headerValue('authorization'), /^Bearer ey/);
  assert.equal(await page.locator('#who').textContent(), 'alice@acme.example');

  await page.reload();
  await button('Sign in').waitFor();
});

test('refuses a sign-in that is not its own', only, async () => {
  for (const [login, text] of [
    [{ state: 'another' }, /not started on this page/],
    [{ nonce: 'another' }, /a token for something else/],
    [{ aud: 'another' }, /a token for something else/],
    [{ iss: 'https://evil.example/' }, /a token for something else/],
    [{ exp: 1 }, /a token for something else/],
    [{ error: 'access_denied', error_description: 'Account locked.' },
      /Account locked\./],
  ]) {
    fake.login = login;
    await open({ login: true });
    const api = requests(/\/keys$/);
    await page.locator('#sign-in').click();
    await page.getByRole('alert').getByText(text).waitFor();
    await page.locator('#sign-in').waitFor();
    assert.equal(api.length, 0);
    await page.context().close();
  }
  fake.login = {};
});

test('signs out', only, async () => {
  await open({ login: true });
  await page.locator('#sign-in').click();
  await page.locator('#keys').waitFor();
  await button('Sign out').click();
  await page.locator('#sign-in').waitFor();
  assert.equal(await page.locator('#keys').isVisible(), false);
});

test('an embedding portal hands in its token', async () => {
  await list();
  assert.equal(await page.locator('#sign-out').isVisible(), false);
  await page.context().close();

  await open({ token: null });
  await page.locator('#welcome').waitFor();
  assert.equal(await page.locator('#sign-in').isVisible(), false);
});

test('creates with the keyboard alone, shows the secret once', async () => {
  await list();
  const sent = requests(/POST .*\/keys$/);
  await page.keyboard.press('Tab');
  assert.equal(await focused(), 'Skip to content');
  await button('Create credential').focus();
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.name), 'name');
  await page.keyboard.type('Billing export');
  await page.keyboard.press('Enter');

  await page.getByRole('heading', { name: 'Your new credential' }).waitFor();
  assert.equal(await focused(), 'Your new credential');
  const secret = await shown('Client secret');
  const id = await shown('Client ID');
  assert.match(await sent[0].headerValue('idempotency-key'), /^"[\w-]{36}"$/);
  assert.deepEqual(sent[0].postDataJSON(),
    { name: 'Billing export', scope: 'read:orders write:orders' });

  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  assert.equal(await focused(), 'Copy Client secret');
  await page.keyboard.press('Enter');
  await said('Copied.');
  assert.equal(await clipboard(), secret);

  await button('I have stored it').focus();
  await page.keyboard.press('Enter');
  assert.equal(await dialog().count(), 0);
  assert.equal((await page.content()).includes(secret), false);
  assert.equal(await page.evaluate(() => JSON.stringify(
    { ...localStorage, ...sessionStorage })), '{}');
  await page.waitForFunction(() =>
    document.activeElement.textContent === 'Billing export');
  assert.ok((await page.content()).includes(id));
});

test('the curl command works as it is', async () => {
  await list();
  const { id } = await create("O'Brien");
  await shot('curl');
  await button('Copy Try it').click();
  const { stdout } = await promisify(execFile)('sh',
    ['-c', await clipboard()], { timeout: 20_000 });
  assert.ok(stdout.includes(process.env.PORTAL_EXPECT ?? `orders of ${id}`),
    stdout);
  await button('I have stored it').click();
  assert.equal(await dialog().count(), 0);
});

test('asks again before a secret nobody copied is lost', async () => {
  await list();
  const { secret } = await create('Nightly job');
  await page.keyboard.press('Escape');
  await page.getByRole('alert').getByText(/have not copied/).waitFor();
  assert.equal(await shown('Client secret'), secret);
  await page.keyboard.press('Escape');
  await dialog().waitFor({ state: 'hidden' });
  assert.equal((await page.content()).includes(secret), false);
});

test('leaving the page removes the secret', async () => {
  await list();
  const { secret } = await create('Left behind');
  await page.evaluate(() => dispatchEvent(new PageTransitionEvent('pagehide')));
  assert.equal((await page.content()).includes(secret), false);
});

test('rotates with an overlap and in place', async () => {
  await list();
  const { id, secret } = await create('Rotating');
  await closeSecret();
  const sent = requests(/POST .*\/rotate$/);

  const rotate = page.locator(`[data-key="${id}"] [data-act=rotate]`);
  await rotate.press('Enter');
  assert.equal(await focused(), 'Cancel');
  await dialog().getByLabel('Replace the secret now').check();
  assert.equal(await dialog().locator('[name=grace]').isVisible(), false);
  await button('Rotate').click();
  await page.getByText(/everywhere in about 30 seconds/).waitFor();
  assert.equal(await shown('Client ID'), id);
  assert.notEqual(await shown('Client secret'), secret);
  await closeSecret();
  assert.deepEqual(sent[0].postDataJSON(), { mode: 'in_place' });

  await rotate.click();
  await dialog().locator('[name=grace]').selectOption('86400');
  await button('Rotate').click();
  await page.locator('#secret-dialog[open]').waitFor();
  assert.notEqual(await shown('Client ID'), id);
  assert.equal(await page.locator('#secret-wait').isVisible(), false);
  await closeSecret();
  assert.deepEqual(sent[1].postDataJSON(), { mode: 'overlap', grace: 86400 });
  assert.equal((await cards()).filter((n) => n === 'Rotating').length, 2);
  assert.equal(await page.locator(`[data-key="${id}"] .badge`).textContent(),
    'Expiring');
  await shot('rotated');

  const keys = await Promise.all(sent.map((r) =>
    r.headerValue('idempotency-key')));
  assert.equal(new Set(keys).size, 2);
});

/* Runs in the page: opens a dialog again before its `close` event is fired. */
function closeAndReopen(button) {
  const open = document.querySelector('dialog[open]');
  open.querySelector('[data-close]').click();
  button.click();
  return new Promise((resolve) => {
    open.addEventListener('close', () => setTimeout(resolve), { once: true });
  });
}

test('revokes, after asking', async () => {
  await list();
  const { id } = await create('Old server');
  await closeSecret();
  const sent = requests(/DELETE/);
  const revoke = page.locator(`[data-key="${id}"] [data-act=revoke]`);

  await revoke.press('Enter');
  assert.equal(await focused(), 'Keep it');
  assert.match(await dialog().textContent(), /Old server.*cannot be undone/s);
  await page.keyboard.press('Escape');
  assert.equal(sent.length, 0);
  assert.equal(await focused(), 'Revoke Old server');

  await revoke.press('Enter');
  await revoke.evaluate(closeAndReopen);
  assert.equal(await dialog().count(), 1, 'told late of the closing');
  await button('Revoke').press('Enter');
  await said('Old server revoked.');
  await page.waitForFunction(() => document.activeElement.id === 'keys-title');
  assert.equal(await page.locator(`[data-key="${id}"]`).count(), 0);
  assert.ok(sent[0].url().endsWith(`/keys/${id}`));
});

test('explains every problem', once, async () => {
  await list();
  await button('Create credential').click();
  const titles = new Set();
  assert.ok(TYPES.length > 30);

  for (const [status, type] of TYPES) {
    await answer('POST', problem(status, type));
    await button('Create').click();
    const box = dialog().getByRole('alert').filter({ hasText: 'req-4711' });
    await box.waitFor();
    const title = await box.locator('.problem-title').textContent();
    const text = await box.innerText();
    assert.notEqual(title, 'This did not work', type);
    assert.ok(text.length > title.length + 20, type);
    assert.doesNotMatch(text, /undefined|null|urn:|\[object/, type);
    titles.add(title);
  }
  assert.ok(titles.size >= 24);

  for (const [reply, text] of [
    [{ status: 418, headers: {}, body: '<h1>teapot' }, /This did not work/],
    [{ status: 201, body: '{}' }, /makes no sense/],
    [{ status: 201, body: '<html>' }, /makes no sense/],
    [problem(502, 'idp-error', {}, { cleanup: 'pending' }),
      /being removed\s+automatically/],
    [(route) => route.abort(), /could not be reached/],
  ]) {
    await answer('POST', reply);
    await button('Create').click();
    await dialog().getByRole('alert').getByText(text).waitFor();
  }
});

test('problems of the list, and an expired sign-in', async () => {
  await open();
  await page.waitForLoadState('networkidle');
  await page.route('**/keys', (route) => route.fulfill(
    problem(503, 'idp-throttled', { 'Retry-After': '0' })));
  await page.reload();
  await page.getByRole('alert').getByText(/is busy/).waitFor();
  await page.unroute('**/keys');
  await button('Try again').click();
  await page.getByText(/\d+ of \d+ in use/).waitFor();
  assert.equal(await page.locator('.problem').count(), 0);
  await page.waitForFunction(() => document.activeElement.id === 'keys-title');
});

test('an expired sign-in offers to sign in', only, async () => {
  await open({ login: true });
  await page.locator('#sign-in').click();
  await page.locator('#quota').waitFor();
  await answer('POST', problem(401, 'invalid-token'));
  await button('Create credential').click();
  await button('Create').click();
  await dialog().getByText('Your sign-in has expired').waitFor();
  await dialog().getByRole('button', { name: 'Sign in' }).click();
  await page.locator('#quota').waitFor();
  assert.equal(await dialog().count(), 0);
});

test('Retry-After counts down, and the same attempt goes on', async () => {
  await open();
  await page.clock.install();
  await page.reload();
  await page.locator('#quota').waitFor();
  await answer('POST', problem(503, 'idp-throttled', { 'Retry-After': '12' }));
  const sent = requests(/POST/);
  await button('Create credential').click();
  await page.getByLabel('Name').fill('Patient');
  await button('Create').click();

  const again = dialog().locator('[data-again]');
  await again.waitFor();
  await page.clock.runFor(100);
  assert.match(await again.textContent(), /^Try again in 1[12] s$/);
  assert.equal(await again.getAttribute('aria-disabled'), 'true');
  await said('Try again in 12 seconds.');
  await again.press('Enter');
  assert.equal(sent.length, 1, 'too early');

  await page.clock.runFor(6000);
  assert.match(await again.textContent(), /^Try again in [56] s$/);
  await page.clock.runFor(7000);
  assert.equal(await again.textContent(), 'Try again');
  await said('Try again is possible now.');
  await again.click();
  await page.locator('#secret-dialog[open]').waitFor();
  assert.equal(await sent[1].headerValue('idempotency-key'),
    await sent[0].headerValue('idempotency-key'));
  await closeSecret();
});

test('an answer that got lost is not done twice', async () => {
  await list();
  const name = 'Lost and found';
  await answer('POST', async (route) => {
    await route.fetch();
    await route.abort('connectionreset');
  });
  await button('Create credential').click();
  await page.getByLabel('Name').fill(name);
  await button('Create').click();
  await dialog().getByText(/nothing is done twice/).waitFor();
  await dialog().getByRole('button', { name: 'Try again' }).click();
  await page.locator('#secret-dialog[open]').waitFor();
  await closeSecret();
  assert.equal((await cards()).filter((n) => n === name).length, 1);
});

test('other fields are another attempt', once, async () => {
  await list();
  const sent = requests(/POST/);
  await button('Create credential').click();
  for (const name of ['first', 'second']) {
    await answer('POST', problem(502, 'idp-error'));
    await page.getByLabel('Name').fill(name);
    await button('Create').click();
    await page.waitForFunction((n) => n, name);
    await dialog().getByRole('button', { name: 'Try again' }).waitFor();
  }
  const [a, b] = await Promise.all(sent.map((r) =>
    r.headerValue('idempotency-key')));
  assert.notEqual(a, b);
});

test('a browser that closes dialogs cannot lose a secret on its way', async () => {
  await list();
  let go;
  const held = new Promise((resolve) => { go = resolve; });
  await answer('POST', async (route) => {
    await held;
    await route.continue();
  });
  await button('Create credential').click();
  await page.getByLabel('Name').fill('Slow');
  await button('Create').click();
  await dialog().getByText('Creating…').first().waitFor();
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  await page.evaluate(() => document.querySelector('#create-dialog').close());
  await page.locator('#create-dialog[open]').waitFor();
  go();
  await page.locator('#secret-dialog[open]').waitFor();
  await closeSecret();
});

test('text is text', once, async () => {
  await list();
  await page.route('**/keys', async (route) => {
    const evil = '<img src=x onerror=alert(1)>';
    await route.fulfill({ json: { quota: { max: 3, used: 3 }, keys: [
      { client_id: '"><script>', name: evil, scope: evil, status: evil },
      { client_id: 'a', created_at: 'never', expires_at: 'x', scope: null },
      { client_id: 'b', created_at: 1760000000, status: 'expired' },
    ] } });
  });
  await page.reload();
  await page.getByText('3 of 3 in use').waitFor();
  assert.equal((await cards())[0], '<img src=x onerror=alert(1)>');
  assert.equal(await page.locator('.card img, .card script').count(), 0);
  assert.equal((await cards())[1], 'Unnamed credential');
  assert.match(await page.locator('[data-key=b] time').textContent(), /2025/);
  assert.ok(await button('Create credential').isDisabled());
});

test('the newest comes first', once, async () => {
  await list();
  await page.route('**/keys', (route) => route.fulfill({ json: {
    quota: { max: 9, used: 4 }, keys: [['old', '2025-03-01T00:00:00Z'],
      ['new', '2026-01-02T00:00:00.000Z'], ['undated', null],
      ['older', 1700000000]].map(([name, created_at]) =>
      ({ client_id: name, name, created_at })) } }));
  await page.reload();
  await page.getByText('4 of 9 in use').waitFor();
  assert.deepEqual(await cards(), ['undated', 'new', 'old', 'older']);
});

test('served with the documented policy, nothing inline', async () => {
  await open();
  const served = await (await fetch(url)).text();
  const headers = (await fetch(url)).headers;
  const policy = headers.get('content-security-policy');
  assert.match(policy, /default-src 'none'; script-src 'self';/);
  assert.doesNotMatch(policy, /unsafe|\*/);
  assert.doesNotMatch(served, /<style|\sstyle=|\son\w+=|<script>|javascript:/i);
  await page.evaluate(() => {
    const script = document.createElement('script');
    try {
      script.textContent = 'window.injected = 1';
      document.body.append(script);
    } catch { /* trusted types refuse it sooner */ }
  });
  assert.equal(await page.evaluate(() => window.injected), undefined);
  assert.match(faults.join(), /trusted-types|script/, 'a violation is noticed');
  faults = [];
});


/* How it looks: no scrolling sideways, enough contrast, names for all. */

const SCENES = {
  list: async () => {},
  create: async () => button('Create credential').click(),
  rotate: async () => page.locator('[data-act=rotate]').first().click(),
  revoke: async () => page.locator('[data-act=revoke]').first().click(),
  problem: async () => {
    await answer('POST', problem(429, 'too-many-requests',
      { 'Retry-After': '42' }, { cleanup: 'pending' }));
    await button('Create credential').click();
    await button('Create').click();
    await dialog().getByRole('alert').filter({ hasText: 'req-4711' }).waitFor();
  },
  secret: async () => { await create('Shown once'); },
};

/* Runs in the page: texts whose contrast is below WCAG 2.1 AA. */
function faint() {
  const rgb = (text) => (text.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (node) => {
    for (let n = node; n; n = n.parentElement) {
      const color = rgb(getComputedStyle(n).backgroundColor);
      if (color.length === 3) {
        return color;
      }
    }
    return [255, 255, 255];
  };
  const scope = document.querySelector('dialog[open]') ?? document.body;
  return [...scope.querySelectorAll('*')].filter((node) =>
    node.checkVisibility() && !node.closest('.aside, [aria-disabled=true], '
      + ':disabled, .skip, option, noscript')
    && [...node.childNodes].some((c) => c.nodeType === 3 && c.data.trim()))
    .map((node) => {
      const [a, b] = [rgb(getComputedStyle(node).color), behind(node)]
        .map(luminance);
      return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05),
        node.textContent.trim().slice(0, 40)];
    }).filter(([ratio]) => ratio < 4.5);
}

/* Runs in the page: what a finger or a screen reader cannot use. */
function unusable() {
  const scope = document.querySelector('dialog[open]') ?? document.body;
  return [...scope.querySelectorAll('button, input, select, a[href]')]
    .filter((node) => node.checkVisibility() && !node.closest('.skip'))
    .filter((node) => {
      const name = node.textContent.trim() || node.labels?.length;
      const box = (node.closest('label') ?? node).getBoundingClientRect();
      return !name || box.height < 18 || box.width < 18;
    }).map((node) => node.outerHTML);
}

for (const width of [SHOTS ? 360 : 320, 1280]) {
  for (const colorScheme of ['light', 'dark']) {
    test(`looks right at ${width} px, ${colorScheme}`, only, async () => {
      const DAY = 86_400_000;
      const at = (days) => new Date(Date.now() + days * DAY).toISOString();
      fake.keys = [];
      fake.add({ name: 'Legacy cron', scope: 'read:orders', status: 'expired',
        created_at: at(-400), expires_at: at(-35), last_used_at: at(-50) });
      fake.add({ name: 'Warehouse sync, staging', created_at: at(-90),
        expires_at: at(6), last_used_at: at(-1) });
      fake.add({ name: 'Billing export', created_at: at(-12),
        last_used_at: at(0) });

      await list({ viewport: { width, height: width < 500 ? 740 : 860 },
        colorScheme, reducedMotion: 'reduce' });
      for (const [name, go] of Object.entries(SCENES)) {
        await page.goto(url);
        await page.locator('.card').nth(2).waitFor();
        await go();
        await shot(name);
        assert.deepEqual(await page.evaluate(faint), [], name);
        assert.deepEqual(await page.evaluate(unusable), [], name);
        assert.ok(await page.evaluate(() => document.documentElement
          .scrollWidth <= innerWidth), `${name}: scrolls sideways`);
        assert.ok(await page.evaluate(() => [...document.querySelectorAll(
          'dialog[open]')].every((d) => d.scrollWidth <= d.clientWidth)),
        `${name}: dialog scrolls sideways`);
      }
      await page.context().close();

      await open({ login: true, viewport: { width, height: 740 },
        colorScheme });
      await page.locator('#sign-in').waitFor();
      await shot('welcome');
      assert.deepEqual(await page.evaluate(faint), []);
    });
  }
}
