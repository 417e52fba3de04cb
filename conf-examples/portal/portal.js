/*
 * The page: who is signed in, the list, and what its buttons do.
 */

import * as auth from './auth.js';
import { keysApi } from './keys.js';
import { card, time } from './card.js';
import { ask, showSecret } from './dialogs.js';
import { $, announce, copy, showProblem } from './dom.js';
import { Problem } from './problems.js';

let config;
let api;
let keys = [];

async function main() {
  config = await (await fetch('config.json', { cache: 'no-cache' })).json();
  api = keysApi(config.keys, auth.getToken);
  dress();

  try {
    await auth.start(config);
  } catch (error) {
    showProblem($('#login-problem'), signInProblem(error));
  }

  if (await auth.getToken() === null) {
    welcome();
  } else {
    await refresh();
  }
}

/* What config.json says about the page itself. */
function dress() {
  $('#brand').textContent = config.title;
  document.title = `API credentials – ${config.title}`;
  for (const place of document.querySelectorAll('[data-title]')) {
    place.textContent = config.title;
  }
  if (config.support) {
    $('#support').href = config.support;
    $('#support').hidden = false;
  }

  for (const { name, text } of config.scopes ?? []) {
    const label = document.createElement('label');
    const box = document.createElement('input');
    const words = document.createElement('span');
    const code = document.createElement('code');
    Object.assign(box, { type: 'checkbox', name: 'scope', value: name,
      defaultChecked: true });
    code.textContent = name;
    label.className = 'check';
    words.append(`${text} `, code);
    label.append(box, words);
    $('#scopes').append(label);
    $('#scopes').hidden = false;
  }
}

function signInProblem(error) {
  const problem = new Problem('invalid-token');
  return Object.assign(problem, { title: 'You are not signed in',
    text: error.message, again: auth.signIn ? 'sign-in' : null });
}

function welcome() {
  keys = [];
  $('#list').replaceChildren();
  $('#keys').hidden = true;
  $('#who').hidden = $('#sign-out').hidden = true;
  $('#sign-in').hidden = !auth.signIn;
  $('#welcome').hidden = false;
}

function greet() {
  const user = auth.user?.();
  $('#who').textContent = user?.email ?? '';
  $('#who').hidden = !user;
  $('#sign-out').hidden = !auth.signOut;
  $('#welcome').hidden = true;
  $('#login-problem').replaceChildren();
  $('#keys').hidden = false;
}


/* The list. */

async function refresh() {
  greet();
  $('#page-problem').replaceChildren();
  $('#loading').hidden = keys.length > 0;
  $('#list').setAttribute('aria-busy', 'true');

  try {
    const answer = await api.list();
    keys = answer.keys.sort((a, b) => age(a) - age(b));
    quota(answer.quota);
    draw();
  } catch (problem) {
    showProblem($('#page-problem'), problem, follow(reload));
  } finally {
    $('#loading').hidden = true;
    $('#list').removeAttribute('aria-busy');
  }
}

/* For sorting: the newest comes first, whatever the gateway's order. */
const age = (key) => -(time(key.created_at) ?? Infinity);

function draw() {
  $('#list').replaceChildren(...keys.map((key) => card(key, {
    copy: (button) => copy(key.client_id, button),
    rotate: () => rotate(key),
    revoke: () => revoke(key),
  })));
  $('#empty').hidden = keys.length > 0;
}

function quota(found) {
  const known = Number.isInteger(found?.max) && found.max > 0;
  $('#quota').hidden = !known;
  $('#create').disabled = known && found.used >= found.max;
  if (known) {
    Object.assign($('#quota-meter'), { max: found.max, value: found.used,
      high: found.max * 0.8, low: found.max * 0.8, optimum: 0 });
    $('#quota-text').textContent = `${found.used} of ${found.max} in use`
      + (found.used >= found.max ? '. Revoke one to create another.' : '');
  }
}

/* Puts the focus where the user goes on, after a dialog and a new list. */
function focusKey(id) {
  const place = document.querySelector(`[data-key="${CSS.escape(id)}"] h2`);
  (place ?? $('#keys-title')).focus();
}

async function reload() {
  await refresh();
  $('#keys-title').focus();
}

/* What the button of a problem does. */
const follow = (retry) => ({ retry, reload, 'sign-in': auth.signIn });


/* What can be done with a credential. */

async function create() {
  const issued = await ask($('#create-dialog'), { send: (form, key) =>
    api.create(createFields(form), key), follow });
  await hand(issued, 'Your new credential');
}

function createFields(form) {
  const name = form.get('name').trim();
  const scope = form.getAll('scope').join(' ');
  const expires = Number(form.get('expires'));
  return { ...name && { name }, ...scope && { scope },
    ...expires && { expires_in: expires } };
}

async function rotate(key) {
  const issued = await ask($('#rotate-dialog'), { about: key,
    send: (form, idempotency) => api.rotate(key.client_id,
      rotateFields(form), idempotency), follow });
  await hand(issued, 'Your rotated credential');
}

function rotateFields(form) {
  const mode = form.get('mode');
  return mode === 'overlap' ? { mode, grace: Number(form.get('grace')) }
    : { mode };
}

async function hand(issued, title) {
  if (issued === null) {
    return;
  }
  const seen = showSecret(issued, config, title);
  await refresh();
  await seen;
  focusKey(issued.id);
}

async function revoke(key) {
  const done = await ask($('#revoke-dialog'), { about: key,
    send: async () => {
      await api.revoke(key.client_id);
      return true;
    }, follow });
  if (done === null) {
    return;
  }
  announce(`${key.name || 'Credential'} revoked.`);
  await refresh();
  $('#keys-title').focus();
}


$('#create').addEventListener('click', create);
$('#sign-in').addEventListener('click', () => auth.signIn());
$('#sign-out').addEventListener('click', () => {
  welcome();
  auth.signOut();
});

main().catch(() => {
  showProblem($('#login-problem'), new Problem('network'));
});
