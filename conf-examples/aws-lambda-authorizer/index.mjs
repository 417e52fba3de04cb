/*
 * A Lambda authorizer that decides nothing: it asks the gateway's
 * `auth0_m2m_authorizer` location and passes the answer on.
 *
 *   AUTHORIZER_URL     that location, https://api.acme.example/authorizer
 *   TIMEOUT_MS         default 3000; API Gateway itself waits 10 s
 *   SIMPLE_RESPONSES   true, if the HTTP API has "simple responses" enabled
 */

/* The one token of a TOKEN or REQUEST event; undefined if none or several. */
function token(event) {
  if (event.type === 'TOKEN') {
    return event.authorizationToken;
  }
  const values = Object.entries(event.multiValueHeaders ?? event.headers ?? {})
    .filter(([name]) => name.toLowerCase() === 'authorization')
    .flatMap(([, value]) => value);
  return values.length === 1 ? values[0] : undefined;
}

const deny = (arn) => ({
  principalId: 'denied',
  policyDocument: { Version: '2012-10-17', Statement: [
    { Action: 'execute-api:Invoke', Effect: 'Deny', Resource: arn }] },
});

async function ask(event, signal) {
  const simple = process.env.SIMPLE_RESPONSES === 'true';
  const arn = event.methodArn ?? event.routeArn;
  const authorization = token(event);

  if (!authorization) {
    throw new Error('Unauthorized');            /* becomes a 401 */
  }

  const query = simple ? '' : `?methodArn=${encodeURIComponent(arn)}`;
  const answer = await fetch(process.env.AUTHORIZER_URL + query, {
    headers: { Authorization: authorization },
    redirect: 'error',
    signal,
  });

  switch (answer.status) {
    case 200:
      return answer.json();
    case 400:
    case 401:
      throw new Error('Unauthorized');
    case 403:
      return simple ? { isAuthorized: false } : deny(arn);
    default:
      throw new Error(`The authorizer answered ${answer.status}`);
  }
}

/* The signal alone would not do: Node 18 may lose it while a body comes in. */
export async function handler(event) {
  const ms = Number(process.env.TIMEOUT_MS) || 3000;
  const limit = new AbortController();
  let timer;
  const late = new Promise((resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`The authorizer did not answer within ${ms} ms`));
      limit.abort();
    }, ms);
  });

  try {
    return await Promise.race([ask(event, limit.signal), late]);
  } finally {
    clearTimeout(timer);
  }
}
