import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { handler } from './index.mjs';

const ARN = 'arn:aws:execute-api:us-east-2:123456789012:a1b2c3/prod/GET/orders';
const V2 = 'arn:aws:execute-api:us-east-2:123456789012:a1b2c3/$default/GET/o';
const BEARER = 'Bearer aaa.bbb.ccc';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');

let server;
let seen;
let reply;
let printed;

/* What the gateway answers to a good token. */
const allow = (arn) => ({ principalId: 'org_demoAcme00000001',
  policyDocument: { Version: '2012-10-17', Statement: [
    { Action: 'execute-api:Invoke', Effect: 'Allow', Resource: arn }] } });

before(async () => {
  server = createServer((request, response) => {
    const query = /\?methodArn=(.*)$/.exec(request.url)?.[1];
    seen.push({ url: request.url, method: request.method,
      headers: request.headers });
    reply(response, query && decodeURIComponent(query));
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
});

after(() => {
  server.closeAllConnections();
  server.close();
});

beforeEach(() => {
  seen = [];
  printed = [];
  for (const name of ['log', 'info', 'warn', 'error', 'debug']) {
    console[name] = (...args) => printed.push(args);
  }
  process.env.AUTHORIZER_URL =
    `http://127.0.0.1:${server.address().port}/authorizer`;
  delete process.env.SIMPLE_RESPONSES;
  delete process.env.TIMEOUT_MS;
  reply = (response, arn) => response.end(JSON.stringify(arn ? allow(arn)
    : { isAuthorized: true, context: { org_id: 'org_demoAcme00000001' } }));
});

afterEach(() => assert.deepEqual(printed, [], 'nothing is logged'));

const status = (code, body = '') => {
  reply = (response) => response.writeHead(code).end(body);
};

/* Events as API Gateway sends them. */
const TOKEN = { type: 'TOKEN', authorizationToken: BEARER, methodArn: ARN };

const REQUEST = { type: 'REQUEST', methodArn: ARN, resource: '/orders',
  path: '/orders', httpMethod: 'GET',
  headers: { Host: 'a1b2c3.execute-api.us-east-2.amazonaws.com',
    Authorization: BEARER, 'X-Forwarded-For': '192.0.2.1' },
  multiValueHeaders: {
    Host: ['a1b2c3.execute-api.us-east-2.amazonaws.com'],
    Authorization: [BEARER], 'X-Forwarded-For': ['192.0.2.1'] },
  queryStringParameters: {}, pathParameters: {}, stageVariables: {},
  requestContext: { accountId: '123456789012', apiId: 'a1b2c3',
    stage: 'prod', httpMethod: 'GET' } };

const HTTP_V1 = { version: '1.0', type: 'REQUEST', methodArn: V2,
  identitySource: BEARER, authorizationToken: BEARER, resource: '/o',
  path: '/o', httpMethod: 'GET', headers: { authorization: BEARER },
  queryStringParameters: {}, requestContext: { apiId: 'a1b2c3' } };

const HTTP_V2 = { version: '2.0', type: 'REQUEST', routeArn: V2,
  identitySource: [BEARER], routeKey: 'GET /o', rawPath: '/o',
  rawQueryString: '', headers: { authorization: BEARER, host: 'x' },
  requestContext: { accountId: '123456789012', apiId: 'a1b2c3',
    http: { method: 'GET', path: '/o', sourceIp: '192.0.2.1' } } };

const EVENTS = { TOKEN, REQUEST, HTTP_V1, HTTP_V2 };

for (const [name, event] of Object.entries(EVENTS)) {
  const arn = event.methodArn ?? event.routeArn;

  test(`${name}: asks the gateway and passes its policy on`, async () => {
    assert.deepEqual(await handler(event), allow(arn));
    assert.equal(seen.length, 1);
    assert.equal(seen[0].method, 'GET');
    assert.equal(seen[0].url, `/authorizer?methodArn=${encodeURIComponent(arn)}`);
    assert.equal(seen[0].headers.authorization, BEARER);
    assert.equal(seen[0].headers['x-forwarded-for'], undefined);
  });

  test(`${name}: 401 and 400 are "Unauthorized"`, async () => {
    for (const code of [401, 400]) {
      status(code);
      await assert.rejects(handler(event), { message: 'Unauthorized' });
    }
  });

  test(`${name}: 403 is a policy that denies`, async () => {
    status(403);
    const { policyDocument, principalId } = await handler(event);
    assert.equal(typeof principalId, 'string');
    assert.deepEqual(policyDocument.Statement, [
      { Action: 'execute-api:Invoke', Effect: 'Deny', Resource: arn }]);
  });
}

test('simple responses of HTTP APIs', async () => {
  process.env.SIMPLE_RESPONSES = 'true';
  assert.deepEqual(await handler(HTTP_V2), { isAuthorized: true,
    context: { org_id: 'org_demoAcme00000001' } });
  assert.equal(seen[0].url, '/authorizer');
  status(403);
  assert.deepEqual(await handler(HTTP_V2), { isAuthorized: false });
});

test('no token, or two: Unauthorized without asking', async () => {
  for (const event of [{ ...TOKEN, authorizationToken: '' },
    { ...TOKEN, authorizationToken: undefined },
    { ...REQUEST, headers: {}, multiValueHeaders: {} },
    { ...REQUEST, headers: null, multiValueHeaders: null },
    { ...REQUEST, multiValueHeaders: { Authorization: [BEARER, 'x'] } },
    { ...REQUEST, multiValueHeaders: { Authorization: [BEARER],
      authorization: [BEARER] } }]) {
    await assert.rejects(handler(event), { message: 'Unauthorized' });
  }
  assert.equal(seen.length, 0);
});

test('an ARN cannot add arguments', async () => {
  const arn = `${ARN}&x=1#y %41+`;
  assert.deepEqual(await handler({ ...TOKEN, methodArn: arn }), allow(arn));
  assert.doesNotMatch(seen[0].url, /[#&+ ]/);
});

test('anything else is an error, never an Allow', async () => {
  for (const code of [204, 404, 429, 500, 502, 503]) {
    status(code);
    await assert.rejects(handler(TOKEN), /The authorizer answered \d+/);
  }
  status(200, '<html>');
  await assert.rejects(handler(TOKEN), SyntaxError);
  reply = (response) => response.writeHead(302,
    { Location: process.env.AUTHORIZER_URL }).end();
  await assert.rejects(handler(TOKEN));
  reply = (response) => response.destroy();
  await assert.rejects(handler(TOKEN));
});

/* Garbage must not take the limit along, as it did with Node 18's signals. */
test('waits no longer than told', { timeout: 20000 }, async () => {
  process.env.TIMEOUT_MS = '100';
  const collects = setInterval(gc, 10);

  for (const stall of [() => {},
    (response) => response.writeHead(200).write('{')]) {
    reply = stall;
    await assert.rejects(handler(TOKEN), /did not answer within 100 ms/);
  }
  clearInterval(collects);
});

test('errors do not repeat the token', async () => {
  for (const code of [401, 500]) {
    status(code, BEARER);
    const error = await handler(TOKEN).catch((e) => e);
    assert.ok(!`${error.stack}${JSON.stringify(error)}`.includes('aaa.bbb'));
  }
});
