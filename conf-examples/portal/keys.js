/*
 * The gateway's endpoints for credentials.
 *
 * Every function returns what the gateway answered or throws a Problem.  An
 * Idempotency-Key is the caller's to keep: the same attempt, made again after
 * an unclear end, must carry the same key, so that nothing is done twice.
 */

import { Problem } from './problems.js';

const TIMEOUT = 30_000;

/* A structured-field string (RFC 8941): the quotes belong to it. */
export const attempt = () => `"${crypto.randomUUID()}"`;

export function keysApi(base, getToken) {
  async function call(method, path, body, key) {
    const token = await getToken();
    if (token === null) {
      throw new Problem('invalid-token');
    }

    const headers = { Authorization: `Bearer ${token}` };
    if (body !== undefined) {
      headers['Content-Type'] = 'application/json';
    }
    if (key !== undefined) {
      headers['Idempotency-Key'] = key;
    }

    const answer = await fetch(base + path, {
      method,
      headers,
      body: body && JSON.stringify(body),
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'error',
      referrerPolicy: 'no-referrer',
      signal: AbortSignal.timeout(TIMEOUT),
    }).catch(() => {
      throw new Problem('network');
    });

    if (!answer.ok) {
      throw await Problem.of(answer);
    }
    if (answer.status === 204) {
      return null;
    }
    return answer.json().catch(() => {
      throw new Problem('garbled', { status: answer.status });
    });
  }

  async function issue(path, body, key) {
    const answer = await call('POST', path, body, key);
    try {
      const { client_id, client_secret } = JSON.parse(answer.apikey);
      if (typeof client_id !== 'string' || typeof client_secret !== 'string') {
        throw new TypeError();
      }
      return { id: client_id, secret: client_secret,
        wait: Number(answer.propagation_seconds) || 0 };
    } catch {
      throw new Problem('garbled');
    }
  }

  const at = (id) => `/${encodeURIComponent(id)}`;

  return {
    async list() {
      const answer = await call('GET', '');
      if (!Array.isArray(answer?.keys)) {
        throw new Problem('garbled');
      }
      return answer;
    },
    create: (fields, key) => issue('', fields, key),
    rotate: (id, fields, key) => issue(`${at(id)}/rotate`, fields, key),
    revoke: (id) => call('DELETE', at(id)),
  };
}
