-- A JWT check of what Debian packages for nginx's Lua: lua-luaossl, lua-cjson,
-- lua-resty-core.  What is usual with such scripts, no more than t/bench needs.

local base64 = require 'ngx.base64'
local cjson = require 'cjson'
local digest = require 'openssl.digest'
local pkey = require 'openssl.pkey'

local M = {}
local key

function M.init(path)
    local file = assert(io.open(path))
    key = pkey.new(file:read('*a'))
    file:close()
end

local function allowed(claims)
    return claims and claims.iss == 'https://acme.us.auth0.com/'
        and claims.aud == 'https://api.acme.example/'
        and claims.exp > ngx.time()
end

local function bearer()
    local header = ngx.var.http_authorization
    return header and header:match('^[Bb]earer (.+)$')
end

local function verify(token)
    local input, header, payload, signature =
        token:match('^(([^.]+)%.([^.]+))%.([^.]+)$')
    if not input then
        return
    end

    header = cjson.decode(base64.decode_base64url(header))
    if header.alg ~= 'RS256' then
        return
    end

    signature = base64.decode_base64url(signature)
    if key:verify(signature, digest.new('sha256'):update(input)) then
        return base64.decode_base64url(payload)
    end
end

function M.check()
    local token = bearer()
    local payload = token and verify(token)

    if not payload or not allowed(cjson.decode(payload)) then
        return ngx.exit(401)
    end
end

-- The payloads of verified tokens in a lua_shared_dict.

function M.check_cached()
    local token = bearer()
    local known = ngx.shared.tokens
    local payload = token and known:get(token)

    if token and not payload then
        payload = verify(token)
        if payload then
            known:set(token, payload, 3600)
        end
    end

    if not payload or not allowed(cjson.decode(payload)) then
        return ngx.exit(401)
    end
end

return M
