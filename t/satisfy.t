#!/usr/bin/perl

# satisfy any and all, with every other way of letting somebody in.

use strict;
use warnings;

use MIME::Base64 qw(encode_base64);
use Test::More;

use lib 't/lib';
use Auth0M2M::Guard;

my $n = Auth0M2M::Guard->new(
    common => '',
    files  => { htpasswd => "ann:{PLAIN}secret\n" },
    http   => <<'CONF',
    auth0_m2m_domain    acme.us.auth0.com;
    auth0_m2m_upstream  http://127.0.0.1:%%PORT_NOBODY%%;
    auth0_m2m_audience  https://api.acme.example/;

    # keys cannot be had here

    server {
        listen 127.0.0.1:%%PORT_DOWN%%;
        auth0_m2m on;
        satisfy   any;

        location /ip-no {
            deny all;
            %%PASS%%
        }

        location /ip-yes {
            allow all;
            %%PASS%%
        }

        location /basic {
            auth_basic           people;
            auth_basic_user_file %%DIR%%/htpasswd;
            %%PASS%%
        }

        location /all {
            satisfy all;
            allow   all;
            %%PASS%%
        }
    }
CONF
    server => <<'CONF',
        auth0_m2m_jwks_file %%DIR%%/jwks.json;

        location /any {
            satisfy         any;
            auth0_m2m       on;
            auth0_m2m_scope read:orders;
            %%PASS%%

            location /any/alone { %%PASS%% }

            location /any/ip-no {
                deny all;
                %%PASS%%
            }

            location /any/ip-yes {
                allow 127.0.0.1;
                deny  all;
                %%PASS%%
            }

            location /any/basic {
                auth_basic           people;
                auth_basic_user_file %%DIR%%/htpasswd;
                %%PASS%%
            }

            location /any/basic-ip-no {
                auth_basic           people;
                auth_basic_user_file %%DIR%%/htpasswd;
                deny all;
                %%PASS%%
            }

            location /any/basic-ip-yes {
                auth_basic           people;
                auth_basic_user_file %%DIR%%/htpasswd;
                allow all;
                %%PASS%%
            }

            location /any/ask-yes {
                auth_request /yes;
                %%PASS%%
            }

            location /any/ask-no {
                auth_request /no;
                %%PASS%%
            }

            location /any/optional {
                auth0_m2m optional;
                deny all;
                %%PASS%%
            }

            location /any/off {
                auth0_m2m off;
                deny all;
                %%PASS%%
            }

            location /any/page {
                error_page 401 403 /any/page-text;
                deny all;
                %%PASS%%
            }
        }

        location /all {
            auth0_m2m on;
            %%PASS%%

            location /all/ip-no {
                deny all;
                %%PASS%%
            }

            location /all/ip-yes {
                allow 127.0.0.1;
                deny  all;
                %%PASS%%
            }

            location /all/ask-no {
                auth_request /no;
                %%PASS%%
            }
        }

        location = /any/page-text { return 200 page; }

        location = /yes { auth0_m2m off; proxy_pass http://127.0.0.1:%%PORT_ASK%%; }
        location = /no  { auth0_m2m off; proxy_pass http://127.0.0.1:%%PORT_ASK%%; }
    }

    server {
        listen 127.0.0.1:%%PORT_ASK%%;
        location = /yes { return 204; }
        location = /no  { return 403; }
CONF
);

my %good  = (org_id => 'org_a');
my @basic = (Authorization => 'Basic ' . encode_base64('ann:secret', ''));
my @wrong = (Authorization => 'Basic ' . encode_base64('ann:wrong', ''));

# Nobody else lets the request in: our answer is the answer.

my @refused = (
    [[],                        'missing'],
    [{ exp => time - 60 },      'expired'],
    ['x',                       'malformed'],
    [{ aud => 'https://b/' },   'wrong_audience'],
    [[Authorization => 'Bearer'], 'invalid_request'],
    [{ scope => 'x' },          'insufficient_scope', scope => 'read:orders'],
);

for my $path (qw(/any /any/alone /any/ip-no /any/ask-no)) {
    $n->accepts("$path: a token is enough", $path, \%good);
    $n->refuses("$path: $_->[1]", $path, @$_) for @refused;
}

# Somebody else does: 200, and no word of what we thought of the token.

sub quiet {
    my ($name, $node, $path, @headers) = @_;

    $n->backend->clear;
    $n->log_mark;
    my $r = $node->get($path, @headers);
    is($r->status, 200, "$name: 200");
    is($r->header('WWW-Authenticate'), undef, "$name: no challenge");
    is($r->header('Retry-After'),      undef, "$name: no Retry-After");
    is_deeply([grep {/auth0_m2m: refused/} $n->error_log], [],
        "$name: nothing was refused");
    is($n->backend->last->header('X-Org-Id'), undef, "$name: nobody named");
    return;
}

for my $path (qw(/any/ip-yes /any/basic-ip-yes /any/ask-yes)) {
    quiet("$path: $_->[1]", $n, $path, $n->bearer($_->[0])) for @refused;
    $n->accepts("$path: a token names the organization", $path, \%good);
}

quiet("$_: a password", $n, $_, @basic) for qw(/any/basic /any/basic-ip-no);

# Two kinds of credentials: both are asked for.

for my $path (qw(/any/basic /any/basic-ip-no)) {
    $n->accepts("$path: a token", $path, \%good);

    for my $sent ([], \@wrong) {
        my $r = $n->get($path, @$sent);
        is($r->status, 401, "$path: neither");
        is_deeply([sort $r->header('WWW-Authenticate')],
            ['Basic realm="people"', 'Bearer realm="auth0-m2m"'],
            "$path: both challenges");
    }
}

# optional and off never let anybody in.

is($n->ask('/any/optional', \%good)->status, 403, 'optional: not enough');
is($n->ask('/any/off', \%good)->status, 403, 'off: not enough');

# error_page

my $r = $n->ask('/any/page', []);
is($r->status, 401, 'error_page: 401 stays');
is($r->body, 'page', 'error_page: its text');
is($r->header('WWW-Authenticate'), 'Bearer realm="auth0-m2m"',
    'error_page: the challenge stays');
is($n->ask('/any/page', { scope => 'x' })->status, 403, 'error_page: 403');

# all

$n->accepts('all: allowed address and token', '/all/ip-yes', \%good);
$n->refuses('all: allowed address, no token', '/all/ip-yes', [], 'missing');
is($n->ask('/all/ip-no', \%good)->status, 403, 'all: token, other address');
is($n->ask('/all/ask-no', \%good)->status, 403, 'all: token, asked: no');
is($n->backend->count, 0, 'all: nobody asked');

# No keys.

my $down = $n->at('DOWN');
my @token = $n->bearer(\%good);

for my $path (qw(/ip-no /all)) {
    $r = $down->get($path, @token);
    is($r->status, 503, "no keys: $path: 503");
    like($r->header('Retry-After'), qr/^[1-9]\d*$/, "no keys: $path: when");
    is($r->header('WWW-Authenticate'), undef, "no keys: $path: no blame");
    is($down->get($path)->status, 401, "no keys, no token: $path");
}

quiet('no keys: the address is enough', $down, '/ip-yes', @token);
quiet('no keys: a password is enough', $down, '/basic', @basic);

$n->stop;
Auth0M2M::Guard->figured('R19-satisfy',
    'satisfy any and all');
done_testing;
