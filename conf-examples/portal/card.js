/*
 * One credential of the list.
 */

import { $, clone, fill } from './dom.js';

const STATUS = { active: 'Active', expiring: 'Expiring', expired: 'Expired',
  incomplete: 'Incomplete' };
const DAY = 86_400_000;

const date = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'full',
  timeStyle: 'long' });

/* Seconds since 1970 or RFC 3339, as the gateway likes; null if neither. */
export function time(value) {
  const found = new Date(typeof value === 'number' ? value * 1000
    : String(value));
  return value && !Number.isNaN(found.getTime()) ? found : null;
}

export function card(key, acts) {
  const item = clone('#card');
  const name = key.name || 'Unnamed credential';
  const status = state(key);

  item.dataset.key = key.client_id;
  fill(item, 'data-name', name);
  fill(item, 'data-of', name);
  fill(item, 'data-id', key.client_id);
  fill(item, 'data-status', STATUS[status] ?? status);
  $('[data-status]', item).dataset.status = status;
  $('[data-facts]', item).append(...facts(key));

  for (const button of item.querySelectorAll('[data-act]')) {
    button.addEventListener('click', () => acts[button.dataset.act](button));
  }
  return item;
}

/* `expires_at` says more than "active" does. */
function state(key) {
  const end = time(key.expires_at);
  if ((key.status ?? 'active') !== 'active' || end === null) {
    return key.status ?? 'active';
  }
  if (end <= Date.now()) {
    return 'expired';
  }
  return end - Date.now() < 30 * DAY ? 'expiring' : 'active';
}

function facts(key) {
  const scopes = [].concat(key.scope ?? []).join(' ').split(' ')
    .filter(Boolean);
  return [
    fact('Permissions', ...scopes.length ? scopes.map(chip) : ['None']),
    fact('Created', when(key.created_at, 'Unknown')),
    fact('Last used', when(key.last_used_at, 'Not known yet')),
    fact('Expires', when(key.expires_at, 'Never')),
  ];
}

function fact(term, ...values) {
  const row = document.createElement('div');
  const dt = document.createElement('dt');
  const dd = document.createElement('dd');
  dt.textContent = term;
  dd.append(...values);
  row.append(dt, dd);
  return row;
}

function chip(text) {
  const code = document.createElement('code');
  code.className = 'chip';
  code.textContent = text;
  return code;
}

function when(value, otherwise) {
  const at = time(value);
  if (at === null) {
    return otherwise;
  }
  const element = document.createElement('time');
  element.dateTime = at.toISOString();
  element.title = exact.format(at);
  element.textContent = date.format(at);
  return element;
}
