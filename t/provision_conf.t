# Configuration of provisioning: what is refused, and how it says so; values
# from the environment and from files.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use Auth0M2M::Portal;
use Auth0M2M::Tenant;
use Auth0M2M::Test;

my %line = (
    domain   => 'resolver 127.0.0.1; auth0_m2m_domain acme.test.auth0.com;',
    id       => 'auth0_m2m_client_id client0000000000000000001;',
    secret   => 'auth0_m2m_client_secret file:%%DIR%%/secret;',
    audience => 'auth0_m2m_api_audience https://api.acme.example/;',
    scope    => 'auth0_m2m_api_scope read:orders;',
    options  => '',
    place    => 'location = /create-key',
    access   => 'auth0_m2m on; auth0_m2m_audience spa;',
    handler  => 'auth0_m2m_provision create_key;',
    origin   => '',
);

sub conf {
    my (%o) = @_;
    my %l = (%line, %o);

    return Auth0M2M::Test->conf_test(
        files => { secret => 'a secret', %{ $o{files} || {} } },
        env   => $o{env},
        http  => $o{http} // '',
        server => join "\n", @l{qw(domain id secret audience scope options)},
            "$l{place} { $l{access} $l{handler} $l{origin} }", $o{more} // '',
    );
}

sub refused {
    my ($name, $like, %o) = @_;
    my ($exit, $output) = conf(%o);

    isnt($exit, 0, "$name: refused");
    like($output, qr/\[emerg\].*$like/, "$name: told why");
    unlike($output, qr/a secret/, 'without the secret');
    return;
}

sub accepted {
    my ($name, %o) = @_;
    my ($exit, $output) = conf(%o);

    is($exit, 0, "$name: accepted") or diag $output;
    return $output;
}

# A small zone has room for two, however many locations use them.

subtest 'more Management clients than there is room for' => sub {
    my %o = (http => 'auth0_m2m_zone zone=a:256k;');
    my $more = '';

    for my $id (2, 2, 3) {
        $more .= 'location = /key' . length($more) . " { $line{access}"
            . " $line{handler} auth0_m2m_client_id "
            . "client000000000000000000$id; }\n";
        accepted('two', %o, more => $more) if $id == 2;
    }

    refused('three', 'zone "a" is too small: it holds the tokens of 2 '
        . 'Management clients, 3 are configured, give "auth0_m2m_zone" more '
        . 'in .*:\d+',
        %o, more => $more);
};

subtest 'what is missing' => sub {
    accepted('all there');
    refused('no access rules', qr/auth0_m2m on/, access => '');
    refused('optional', qr/auth0_m2m on/,
        access => 'auth0_m2m optional; auth0_m2m_audience spa;');
    refused('no client id', qr/auth0_m2m_client_id/, id => '');
    refused('no secret', qr/auth0_m2m_client_secret/, secret => '');
    refused('secret and key', qr/either/, secret =>
        "$line{secret} auth0_m2m_client_assertion_key file:%%DIR%%/secret;");
    refused('no audience', qr/auth0_m2m_api_audience/, audience => '');
    refused('no scope', qr/auth0_m2m_api_scope/, scope => '');
    refused('the API\'s own audience', qr/portal's client id/, access =>
        'auth0_m2m on; auth0_m2m_audience spa https://api.acme.example/;');
    refused('and so from the environment', qr/portal's client id/,
        access => 'auth0_m2m on;', audience => '',
        env => { PLUGIN_AUTH0_M2M_API_AUDIENCE => 'https://api.acme.example/' });
    refused('user without a rule', qr/trusted server/,
        handler => 'auth0_m2m_provision user;');
    accepted('user with a client', access => $line{access}
        . ' auth0_m2m_client server;', handler => 'auth0_m2m_provision user;');
};

subtest 'values' => sub {
    refused('the Management audience', qr/Management|api\/v2/, audience =>
        'auth0_m2m_api_audience https://acme.test.auth0.com/api/v2/;');
    refused('another handler', qr/create_key, keys or user/,
        handler => 'auth0_m2m_provision create_keys;');
    refused('twice', qr/duplicate/, handler => "$line{handler}" x 2);

    for my $bad (qw(max_keys=101 max_keys=-1 max_keys= deadline=999ms
        deadline=61s deadline=x rate=0r/s rate=5 rate=5r/h rate=r/s
        max_keys=5:max_keys=6 rate=off:rate=1r/s other=1 max_keys))
    {
        refused($bad, qr/invalid or duplicate option/, options =>
            "auth0_m2m_provision_options @{[ $bad =~ tr/:/ /r ]};");
    }

    accepted($_, options => "auth0_m2m_provision_options $_;")
        for 'max_keys=0', 'max_keys=100 deadline=60s rate=1r/s',
        'rate=off create_user=email';
};

subtest 'origins' => sub {
    for my $bad ('*', 'https://*.acme.example', 'https://acme.example/',
        'acme.example', 'https://', 'https://ACME.example', 'null',
        'https://acme.example/path', 'ftp://acme.example')
    {
        refused("'$bad'", qr/invalid origin/,
            origin => "auth0_m2m_allow_origin '$bad';");
    }

    accepted($_, origin => "auth0_m2m_allow_origin $_;")
        for 'https://acme.example', 'http://localhost:3000',
        'https://a.example https://b.example:8443';
};

subtest 'places' => sub {
    for my $place ('location ~ ^/create-key$', 'location ~* /create-key',
        'location @create')
    {
        refused($place, qr/location/, place => $place);
    }

    accepted($_, place => $_) for 'location /create-key',
        'location ^~ /create-key', 'location /';
};

subtest 'secrets' => sub {
    refused('readable by all', qr/open to others: chmod 600/,
        files => { secret => [ 'a secret', 0644 ] });
    refused('writable by the group', qr/chmod 600/,
        files => { secret => [ 'a secret', 0620 ] });
    accepted('readable by the group',
        files => { secret => [ 'a secret', 0640 ] });
    refused('no file', qr/secret file .*cannot be opened/,
        secret => 'auth0_m2m_client_secret file:%%DIR%%/none;');
    refused('empty', qr/empty/, files => { secret => "\n" });
    refused('too long', qr/16k/, files => { secret => 'x' x 20_000 });
    refused('no such variable', qr/"NOT_SET" .*is not set/,
        secret => 'auth0_m2m_client_secret env:NOT_SET;');
    accepted('a variable', secret => 'auth0_m2m_client_secret env:MINE;',
        env => { MINE => 'a secret' });
    refused('twice', qr/duplicate/, secret => $line{secret} x 2);

    my $output = accepted('a word', secret =>
        'auth0_m2m_client_secret word-in-the-file;');
    like($output, qr/\[warn\].*nginx -T/, 'with a warning');
    unlike($output, qr/word-in-the-file/, 'without the word');
};

# A file of the portal's configures the module as it is.

for my $prefix ('PLUGIN_AUTH0_M2M_', 'AUTH0_M2M_') {
    subtest "$prefix*" => sub {
        my $t = Auth0M2M::Tenant->start(seed => 'demo');
        my $d = $t->demo;
        my $n = Auth0M2M::Test->new(
            tenant => $t,
            env    => {
                "${prefix}DOMAIN"        => $t->domain,
                "${prefix}CLIENT_ID"     => $d->{client_id},
                "${prefix}CLIENT_SECRET" => $d->{client_secret},
                "${prefix}API_AUDIENCE"  => $d->{audience},
                "${prefix}API_SCOPE"     => 'read:orders  write:orders ',
            },
            server => <<"END",
                auth0_m2m_upstream %%TENANT_HTTPS%%;
                auth0_m2m_ssl_trusted_certificate %%CA%%;
                location = /create-key {
                    auth0_m2m on;
                    auth0_m2m_audience $d->{spa};
                    auth0_m2m_provision create_key;
                }
END
        );
        my $r = $n->request('POST', '/create-key', [ Authorization =>
            'Bearer ' . $t->id_token(user => $d->{user}) ]);
        is($r->status, 200, 'a key');
        my ($grant) = $t->journal(step => 'grant_create');
        like($grant->{body}, qr/"scope":\["read:orders","write:orders"\]/,
            'with these scopes');
        $n->stop;
        $t->stop;
    };
}

subtest 'a slash at the end of the location' => sub {
    my $p = Auth0M2M::Portal->new(server => <<'END');
    location /other/ {
        auth0_m2m           on;
        auth0_m2m_audience  demoPortalSpa0000000000000000001;
        auth0_m2m_provision keys;
    }
END
    my $n    = $p->nginx;
    my $user = $p->user;
    my $r    = $n->request('POST', '/other/', [ $p->headers($user) ], '{}');
    my ($id) = $p->apikey($r);

    is($r->header('Location'), "/other/$id", 'Location');
    is($n->request('DELETE', "/other/$id", [ $p->headers($user) ])->status,
        204, 'and there it is');
    $p->stop;
};

done_testing;
