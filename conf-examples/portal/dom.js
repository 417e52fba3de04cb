/*
 * Small things every part of the page needs.  Text gets into the page as
 * text only; nothing here or elsewhere parses HTML.
 */

export const $ = (selector, root = document) => root.querySelector(selector);

export const clone = (id) => $(id).content.firstElementChild.cloneNode(true);

export function fill(root, attribute, text) {
  for (const place of root.querySelectorAll(`[${attribute}]`)) {
    place.textContent = text;
  }
}

/*
 * Said by screen readers, from within the open dialog if there is one, since
 * the page behind it is inert.  Emptied first, so that the same text is said.
 */
export function announce(text) {
  const live = $('[data-live]', $('dialog[open]') ?? document);
  live.textContent = '';
  setTimeout(() => { live.textContent = text; }, 50);
}

/* True when it worked; else the user copies what is selected. */
export async function copy(text, button, source) {
  const word = $('[data-word]', button) ?? button.firstChild;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    if (source) {
      getSelection().selectAllChildren(source);
    }
    announce('Copying is not allowed here. Press Control C.');
    return false;
  }

  announce('Copied.');
  word.textContent = 'Copied';
  button.classList.add('done');
  setTimeout(() => {
    word.textContent = 'Copy';
    button.classList.remove('done');
  }, 2000);
  return true;
}

const LABELS = { retry: 'Try again', reload: 'Reload the list',
  'sign-in': 'Sign in' };

/*
 * Shows a problem in a place, with the button that goes on from there.
 * `follow` maps what a problem offers to functions.  While Retry-After runs
 * the button is disabled and counts down, for the eye only: a screen reader
 * hears the wait once and the end once.
 */
export function showProblem(place, problem, follow = {}) {
  if (problem.title === undefined) {
    throw problem;                              /* a fault of this page */
  }

  const box = clone('#problem');
  $('[data-title-text]', box).textContent = problem.title;
  $('[data-text]', box).textContent = problem.text;
  $('[data-pending]', box).hidden = !problem.pending;

  if (problem.requestId) {
    $('[data-reference] code', box).textContent = problem.requestId;
    $('[data-reference]', box).hidden = false;
  }

  place.replaceChildren(box);

  const act = follow[problem.again];
  if (act) {
    offer($('[data-again]', box), LABELS[problem.again], act,
      problem.retryAfter);
  }
}

function offer(button, label, act, wait) {
  const ready = Date.now() + wait * 1000;
  button.hidden = false;
  button.addEventListener('click', () => {
    if (button.getAttribute('aria-disabled') !== 'true') {
      act();
    }
  });

  const tick = () => {
    const left = Math.ceil((ready - Date.now()) / 1000);
    if (left <= 0) {
      button.textContent = label;
      button.removeAttribute('aria-disabled');
      return true;
    }
    button.textContent = `${label} in ${left} s`;
    button.setAttribute('aria-disabled', 'true');
    return false;
  };

  if (tick()) {
    return;
  }
  announce(`${label} in ${wait} seconds.`);
  const timer = setInterval(() => {
    if (!button.isConnected) {
      clearInterval(timer);
    } else if (tick()) {
      clearInterval(timer);
      announce(`${label} is possible now.`);
    }
  }, 250);
}
