/*
 * The dialogs: a question that sends something, and the secret.
 */

import { attempt } from './keys.js';
import { $, announce, clone, copy, fill, showProblem } from './dom.js';

/*
 * Opens a dialog with a form and sends it.  Resolves with what `send`
 * returned, or null when the user left.  A problem is shown inside, and the
 * form stays.  All tries with the same fields share one Idempotency-Key, so
 * that one whose answer got lost is not done twice.
 */
export function ask(dialog, { about, send, follow }) {
  const form = $('form', dialog);
  const slot = $('.problem-slot', dialog);
  const button = $('[type=submit]', dialog);
  const label = button.textContent;
  const listening = new AbortController();
  const on = (target, event, act) =>
    target.addEventListener(event, act, { signal: listening.signal });
  let key = attempt();
  let busy = false;

  form.reset();
  slot.replaceChildren();
  if (about) {
    fill(dialog, 'data-name', about.name || 'This credential');
    fill(dialog, 'data-id', about.client_id);
  }

  return new Promise((resolve) => {
    function leave(result) {
      listening.abort();
      dialog.close();
      slot.replaceChildren();
      resolve(result);
    }

    function work(now) {
      busy = now;
      form.setAttribute('aria-busy', now);
      button.setAttribute('aria-disabled', now);
      button.textContent = now ? button.dataset.busy : label;
    }

    async function submit() {
      if (busy) {
        return;
      }
      slot.replaceChildren();
      work(true);
      announce(button.dataset.busy);
      try {
        const result = await send(new FormData(form), key);
        work(false);
        leave(result);
      } catch (problem) {
        work(false);
        showProblem(slot, problem, routes());
        slot.scrollIntoView({ block: 'nearest' });
      }
    }

    const routes = () => {
      const { retry, reload, ...others } = follow(submit);
      return { ...others, retry, reload: () => {
        leave(null);
        reload();
      } };
    };

    on(form, 'submit', (event) => {
      event.preventDefault();
      submit();
    });
    on(form, 'input', () => { key = attempt(); });
    on($('[data-close]', dialog), 'click', () => busy || leave(null));
    on(dialog, 'cancel', (event) => {
      event.preventDefault();
      if (!busy) {
        leave(null);
      }
    });
    /* a browser may insist on closing; not while a secret is on its way */
    on(dialog, 'close', () => {
      if (dialog.open) {
        return;                         /* told late of the time before */
      }
      if (busy) {
        dialog.showModal();
      } else {
        leave(null);
      }
    });
    dialog.showModal();
  });
}

/*
 * Shows a secret, once.  Resolves when the dialog is closed; by then the
 * secret is out of the document.  Closing without having copied asks again.
 */
export function showSecret(issued, config, title) {
  const dialog = $('#secret-dialog');
  const body = $('#secret-body');
  const hint = $('#secret-hint');
  const listening = new AbortController();
  const { signal } = listening;
  let safe = false;
  const copied = () => { safe = true; };

  $('#secret-title').textContent = title;
  hint.textContent = '';
  $('#secret-wait').hidden = issued.wait === 0;
  $('#secret-wait').textContent = `It works everywhere in about `
    + `${issued.wait} seconds; until then the old secret may be the one that `
    + `is accepted.`;
  body.replaceChildren(
    copyable('Client ID', issued.id),
    copyable('Client secret', issued.secret, copied),
    copyable('Try it', command(issued, config), copied),
  );

  return new Promise((resolve) => {
    function wipe() {
      body.replaceChildren();
      listening.abort();
      dialog.close();
      resolve();
    }

    function leave(event) {
      event.preventDefault();
      if (safe) {
        wipe();
        return;
      }
      safe = true;
      hint.textContent = 'You have not copied the secret. Press again to '
        + 'close; it will be gone.';
    }

    $('#secret-close').addEventListener('click', leave, { signal });
    dialog.addEventListener('cancel', leave, { signal });
    dialog.addEventListener('close', () => dialog.open || wipe(), { signal });
    addEventListener('pagehide', wipe, { signal });
    dialog.showModal();
  });
}

function copyable(label, text, copied = () => {}) {
  const box = clone('#copyable');
  const pre = $('pre', box);
  $('[data-label]', box).textContent = label;
  fill(box, 'data-of', label);
  $('[data-text]', box).textContent = text;
  pre.setAttribute('aria-label', label);
  $('[data-copy]', box).addEventListener('click', async (event) => {
    if (await copy(text, event.currentTarget, pre)) {
      copied();
    }
  });
  pre.addEventListener('copy', copied);
  return box;
}

/* A word of the shell. */
const quote = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

/* A field of a form for curl; most values need no encoding. */
const field = (name, value) => /^[\w.-]+$/.test(value)
  ? `-d ${name}=${value}` : `--data-urlencode ${quote(`${name}=${value}`)}`;

export function command(issued, config) {
  return `TOKEN=$(curl -sS ${quote(`${config.tenant}/oauth/token`)} \\
  ${field('grant_type', 'client_credentials')} \\
  ${field('audience', config.audience)} \\
  ${field('client_id', issued.id)} \\
  ${field('client_secret', issued.secret)} |
  sed 's/.*"access_token": *"\\([^"]*\\)".*/\\1/')

curl -sS ${quote(config.example)} \\
  -H "Authorization: Bearer $TOKEN"
`;
}
