// A JWT check with nginx's JavaScript and its WebCrypto, behind auth_request.

import fs from 'fs';

const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
const pem = fs.readFileSync('KEY', 'utf8').replace(/-----[^-]*-----|\s/g, '');
let key;

async function verify(token) {
    const parts = token.split('.');
    const header = JSON.parse(Buffer.from(parts[0], 'base64url').toString());

    if (parts.length != 3 || header.alg != 'RS256') {
        return false;
    }

    if (!key) {
        key = await crypto.subtle.importKey('spki',
            Buffer.from(pem, 'base64'), algorithm, false, ['verify']);
    }

    const good = await crypto.subtle.verify(algorithm, key,
        Buffer.from(parts[2], 'base64url'),
        Buffer.from(parts[0] + '.' + parts[1]));
    const claims = JSON.parse(Buffer.from(parts[1], 'base64url').toString());

    return good && claims.iss == 'https://acme.us.auth0.com/'
        && claims.aud == 'https://api.acme.example/'
        && claims.exp * 1000 > Date.now();
}

async function check(r) {
    const header = r.headersIn.Authorization || '';

    const good = await verify(header.slice(7));

    r.return(good ? 204 : 401);
}

export default { check };
