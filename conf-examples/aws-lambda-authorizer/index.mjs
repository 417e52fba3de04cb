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

export async function handler(event) {
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
    signal: AbortSignal.timeout(Number(process.env.TIMEOUT_MS) || 3000),
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
