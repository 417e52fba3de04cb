/*
 * What went wrong, for people.
 *
 * A row for each problem type of the gateway (urn:auth0-m2m:NAME): the title,
 * the explanation, and whether the same attempt may be made again.  `again`
 * says what the button does: retry the request, sign in, reload the list, or
 * nothing.
 */

const OURS = 'urn:auth0-m2m:';

const TABLE = {
  'malformed-request': ['The request was not understood',
    'Check the name and the other fields for unusual characters.', null],
  'bad-idempotency-key': ['The request was not understood',
    'Reload this page and try again.', null],
  'invalid-token': ['Your sign-in has expired',
    'Sign in again to go on. Nothing was changed.', 'sign-in'],
  forbidden: ['This is not allowed',
    'Your sign-in does not allow it. Sign in again, or contact support.',
    'sign-in'],
  'email-unverified': ['Your e-mail address is not confirmed',
    'Open the confirmation message in your mailbox, then sign in again.',
    'sign-in'],
  'email-mismatch': ['Your e-mail address has changed',
    'Sign in again to go on. Nothing was changed.', 'sign-in'],
  'user-blocked': ['This account is blocked',
    'Credentials cannot be managed with it. Please contact support.', null],
  'user-unknown': ['This account does not exist any more',
    'Please contact support.', null],
  'quota-exceeded': ['No more credentials allowed',
    'You have reached the number of credentials of your plan. Revoke one '
      + 'that is no longer used, then try again.', 'reload'],
  'scope-not-allowed': ['This access is not part of your plan',
    'Choose fewer permissions and try again.', null],
  'origin-not-allowed': ['This page may not manage credentials',
    'The gateway does not know its address. Please tell support.', null],
  'not-found': ['The gateway has nothing here',
    'This page is not set up correctly. Please tell support.', null],
  'method-not-allowed': ['The gateway has nothing here',
    'This page is not set up correctly. Please tell support.', null],
  'key-not-found': ['This credential does not exist any more',
    'It was revoked, perhaps in another window.', 'reload'],
  'user-not-found': ['This account does not exist any more',
    'Please contact support.', null],
  'not-provisioned': ['No subscription yet',
    'Subscribe to a plan first. Just subscribed? It takes a moment; try '
      + 'again.', 'retry'],
  'ambiguous-organization': ['Several organizations',
    'Your account belongs to more than one organization. Please ask support '
      + 'which one the credential is for.', null],
  'ambiguous-user': ['Several accounts',
    'More than one account has your e-mail address. Please contact support.',
    null],
  'organization-conflict': ['The organization belongs to someone else',
    'Please contact support.', null],
  'organization-gone': ['Your organization does not exist any more',
    'Please contact support.', null],
  'already-created': ['This credential exists already',
    'Its secret cannot be shown again. Reload the list and rotate the '
      + 'credential to get another.', 'reload'],
  'in-progress': ['Still working on your last request',
    'It will be done in a moment.', 'retry'],
  'payload-too-large': ['The request was not understood',
    'Choose a shorter name.', null],
  'unsupported-media-type': ['The request was not understood',
    'Reload this page and try again.', null],
  'idempotency-key-reused': ['This request was changed half-way',
    'Reload the list to see what was done, then try again.', 'reload'],
  'too-many-requests': ['Too many requests',
    'Please wait a moment.', 'retry'],
  'internal-error': ['The gateway had a problem',
    'Please try again in a moment.', 'retry'],
  'idp-rejected': ['The service is not set up correctly',
    'The identity provider refused the request. This is not your fault; '
      + 'please tell support.', null],
  'idp-error': ['The identity provider had a problem',
    'Please try again in a moment.', 'retry'],
  busy: ['The gateway is busy',
    'Please try again in a moment.', 'retry'],
  'keys-unavailable': ['Your sign-in cannot be checked right now',
    'Please try again in a moment.', 'retry'],
  'idp-throttled': ['The identity provider is busy',
    'It asked us to slow down. Please wait a moment.', 'retry'],
  'idp-limit-reached': ['No more credentials can be created right now',
    'A limit of the identity provider is reached. Please tell support.',
    null],
  'idp-timeout': ['The identity provider took too long',
    'Please try again in a moment.', 'retry'],
  network: ['The gateway could not be reached',
    'Check your connection. Trying again is safe: nothing is done twice.',
    'retry'],
  garbled: ['The gateway gave an answer that makes no sense',
    'Please try again; if it happens again, tell support.', 'retry'],
};

/* Where the type is missing: what the status says. */
const BY_STATUS = {
  401: 'invalid-token',
  404: 'key-not-found',
  429: 'too-many-requests',
  502: 'idp-error',
  503: 'idp-throttled',
  504: 'idp-timeout',
};

export class Problem extends Error {
  constructor(name, { status = 0, detail, requestId, retryAfter = 0,
    cleanup } = {}) {
    const [title, text, again] = TABLE[name]
      ?? ['This did not work', detail ?? 'Please try again.', 'retry'];

    super(title);
    Object.assign(this, { name: 'Problem', type: name, title, text, again,
      status, requestId, retryAfter, pending: cleanup === 'pending' });
  }

  /* Of an answer that is not 2xx. */
  static async of(answer) {
    const body = await answer.json().catch(() => ({}));
    const type = String(body?.type ?? '');
    const name = type.startsWith(OURS) ? type.slice(OURS.length)
      : BY_STATUS[answer.status] ?? 'other';

    return new Problem(name, {
      status: answer.status,
      detail: body?.message ?? body?.detail,
      requestId: body?.request_id ?? answer.headers.get('X-Request-Id'),
      retryAfter: delay(answer.headers.get('Retry-After')),
      cleanup: body?.cleanup,
    });
  }
}

/* Retry-After in seconds or as a date (RFC 9110 10.2.3), as seconds. */
export function delay(value, now = Date.now()) {
  if (value === null || value === undefined) {
    return 0;
  }
  const after = /^\d+$/.test(value) ? Number(value)
    : Math.ceil((Date.parse(value) - now) / 1000);
  return Number.isFinite(after) ? Math.min(Math.max(after, 0), 3600) : 0;
}
