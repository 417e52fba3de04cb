#!/usr/bin/perl

# The stand-in of an Auth0 tenant: where Auth0 is not what one expects, and
# what tests can switch.

use v5.36;

use FindBin     qw($Bin);
use Mojo::JSON  qw(decode_json false true);
use Mojo::Util  qw(gunzip);

use Test::More;

use lib "$Bin/lib";
use Auth0M2M::Tenant;
use Auth0M2M::Tenant::Probe qw(call claims eventually);

my $t    = Auth0M2M::Tenant->start(seed => 'demo');
my $demo = $t->demo;
my $port = $t->http_port;
my $api  = $demo->{audience};

sub bearer (@scopes) {
    return 'Bearer ' . $t->token(audience => $t->audience,
        client_id => 'tester', scope => \@scopes);
}

sub all_scopes () {
    return @{ (grep { $_->{identifier} eq $t->audience }
        @{ $t->dump->{apis} })[0]{scopes} };
}

my $all = bearer(all_scopes());

sub ask ($method, $path, $body = undef, %o) {
    return call($port, $method, "/api/v2$path", $body,
        Authorization => $o{bearer} // $all, @{ $o{headers} // [] });
}

sub get ($path) { ask(GET => $path)->{json} }

# A client with a grant, as an organization wants it; their ids.
sub credential () {
    my $client = ask(POST => '/clients', { name => 'k' })->{json};
    my $grant = ask(POST => '/client-grants', {
        client_id => $client->{client_id}, audience => $api,
        scope => ['read:orders'], organization_usage => 'require',
        allow_any_organization => false })->{json};
    return ($client, $grant->{id});
}

# ---- who may ----------------------------------------------------------------

subtest 'authentication' => sub {
    my %expected = (
        'a token of another API' => [ 'Bearer ' . $t->token, 401,
            'Invalid token' ],
        'an expired one' => [ 'Bearer ' . $t->token(
                audience => $t->audience, expires_in => -5), 401,
            'Expired token received for JSON Web Token validation' ],
        'another issuer' => [ 'Bearer ' . $t->token(
                audience => $t->audience, claims => { iss => 'https://x/' }),
            401, 'Invalid token' ],
        'an altered one' => [ $all =~ s/.{9}\z/AAAAAAAAA/r, 401,
            'Invalid signature received for JSON Web Token validation.' ],
        'no JWT'     => [ 'Bearer abc', 400,
            'Bad HTTP authentication header format' ],
        'not Bearer' => [ 'Basic YTpi', 400,
            'Bad HTTP authentication header format' ],
    );
    for my $name (sort keys %expected) {
        my ($bearer, $status, $message) = @{ $expected{$name} };
        my $answer = ask(GET => '/clients', undef, bearer => $bearer);
        is_deeply([ $answer->{status}, $answer->{json}{message} ],
            [ $status, $message ], $name);
        is_deeply($answer->{json}{attributes}, { error => $message },
            'attributes')
            if $status == 401;
    }
    my $none = call($port, GET => '/api/v2/clients');
    is_deeply($none->{json}, { statusCode => 401, error => 'Unauthorized',
        message => 'Missing authentication' }, 'none');
};

subtest 'revoked Management tokens' => sub {
    my $token = sub {
        'Bearer ' . ($t->request_token(audience => $t->audience,
            map { $_ => $demo->{$_} } qw(client_id client_secret)
        ))[1]{access_token};
    };
    my $old = $token->();
    is(ask(GET => '/clients', undef, bearer => $old)->{status}, 200, 'good');
    $t->revoke_tokens for 1 .. 2;
    my $answer = ask(GET => '/clients', undef, bearer => $old);
    is_deeply([ $answer->{status}, $answer->{json}{message} ],
        [ 401, 'Invalid token' ], 'revoked');
    is(ask(GET => '/clients', undef, bearer => $token->())->{status}, 200,
        'a new one of the same second is good');
    # The revocation reaches into the next second, the tests' own token too.
    ok(eventually(sub {
        $all = bearer(all_scopes());
        ask(GET => '/clients')->{status} == 200;
    }), 'and later ones');
};

subtest 'what scopes let see' => sub {
    my $client = $t->add_client(name => 'seen', description => 'd',
        client_metadata => { a => 'b' });
    my $see = sub (@scopes) {
        my $seen = ask(GET => "/clients/$client->{client_id}", undef,
            bearer => bearer(@scopes))->{json};
        return join ' ', grep { exists $seen->{$_} }
            qw(name client_secret client_metadata grant_types);
    };
    is($see->('read:clients'), 'name client_metadata grant_types', 'clients');
    is($see->('read:client_keys'),
        'name client_secret client_metadata grant_types', 'keys');
    is($see->('read:client_credentials'), 'name client_secret',
        'credentials');
    is(ask(PATCH => "/clients/$client->{client_id}",
            { client_secret => 'x' }, bearer => bearer('update:clients')
        )->{json}{message},
        'Insufficient scope, expected any of: update:client_keys',
        'a secret is not set with update:clients');
    is(ask(PATCH => '/users/auth0%7Calice', { name => 'A' },
            bearer => bearer('update:users_app_metadata'))->{status}, 403,
        'nor a name with update:users_app_metadata');
    is(ask(POST => '/organizations', { name => 'conn',
                enabled_connections => [ { connection_id => 'con_1' } ] },
            bearer => bearer('create:organizations'))->{json}{message},
        'Insufficient scope, expected any of: '
            . 'create:organization_connections', 'connections');
};

# ---- the quirks -------------------------------------------------------------

subtest 'Q1: grant_id instead of id' => sub {
    my (undef, $grant) = credential();
    my $path = "/organizations/$demo->{org}/client-grants";
    my $seen = ask(POST => $path, { grant_id => $grant })->{json};
    is($seen->{grant_id}, $grant, 'grant_id');
    ok(!exists $seen->{id}, 'no id');
    my ($listed) = grep { $_->{id} eq $grant } @{ get($path) };
    is($listed->{subject_type}, 'client', 'the list has id and subject_type');
    $t->set(org_grant_quirk => 0);
    (undef, $grant) = credential();
    is(ask(POST => $path, { grant_id => $grant })->{json}{id}, $grant, 'off');
    $t->set(org_grant_quirk => 1);
};

subtest 'Q2: a total that is none' => sub {
    my $path = '/users/auth0%7Calice/organizations';
    my $seen = get("$path?include_totals=true");
    is(@{ $seen->{organizations} }, 1, 'one organization');
    is($seen->{total}, 0, 'total 0');
    is(ref get($path), 'ARRAY', 'bare array');
    $t->set(total_zero => 0);
    is(get("$path?include_totals=true")->{total}, 1, 'off');
    $t->set(total_zero => 1);
};

subtest 'Q3: fields nobody knows' => sub {
    ok(exists get("/organizations/$demo->{org}")
            ->{third_party_client_access}, 'on');
    $t->set(unknown_fields => 0);
    is_deeply([ sort keys %{ get("/organizations/$demo->{org}") } ],
        [qw(display_name id name)], 'off');
    $t->set(unknown_fields => 1);
};

subtest 'Q4: paging' => sub {
    $t->add_org(name => "page-$_") for 1 .. 7;
    my $names = sub ($list) { join ' ', map { $_->{name} } @$list };
    is($names->(get('/organizations?page=1&per_page=3')),
        'page-3 page-4 page-5', 'page');
    my $paged = get('/organizations?page=2&per_page=3&include_totals=true');
    is_deeply([ @$paged{qw(start limit total)},
        $names->($paged->{organizations}) ], [ 6, 3, 8, 'page-6 page-7' ],
        'totals');
    my ($from, @pages) = ('');
    do {
        my $page = get("/organizations?take=3&include_totals=true$from");
        ok(!exists $page->{total}, 'a checkpoint page has no total');
        push @pages, $names->($page->{organizations});
        $from = $page->{next} ? "&from=$page->{next}" : '';
    } while ($from && @pages < 9);
    is_deeply(\@pages, [ 'acme page-1 page-2', 'page-3 page-4 page-5',
        'page-6 page-7' ], 'checkpoints');
    is(get('/organizations?take=8')->{next}, undef, 'no next at the end');
    $t->set(next_quirk => 1);
    my $next = get('/organizations?take=8')->{next};
    ok($next, 'next_quirk: next at the end');
    is_deeply(get("/organizations?take=8&from=$next")->{organizations}, [],
        'and an empty page behind it');
    $t->set(next_quirk => 0);
    is(ask(GET => '/organizations?take=0')->{status}, 400, 'take=0');
    is(ask(GET => '/organizations?page=x')->{json}{message},
        q{Query validation error: 'Expected type integer but found type }
        . q{string' on property page (Page index of the results to return. }
        . q{First page is 0).}, 'page=x');
    is_deeply(get('/clients?fields=client_id,name&take=1')->{clients},
        [ { client_id => $demo->{client_id}, name => 'gateway' } ], 'fields');
    is(get('/clients?fields=name&include_fields=false')->[0]{name}, undef,
        'fields left out');
    my $first = get('/clients')->[0]{client_id};
    $t->set(client_order => 'newest');
    is(get('/clients')->[-1]{client_id}, $first, 'newest first');
    my $page = get('/clients?take=2');
    is(get("/clients?take=99&from=$page->{next}")->{clients}[-1]{client_id},
        $first, 'checkpoints, newest first');
    $t->set(client_order => 'oldest');
};

subtest 'Q5: defaults of a new application' => sub {
    my $new = ask(POST => '/clients', { name => 'd',
        app_type => 'non_interactive' })->{json};
    is_deeply($new->{grant_types}, [qw(authorization_code implicit
        refresh_token client_credentials)], 'all four grant types');
    ok(!exists $new->{token_endpoint_auth_method}, 'no auth method');
    ok(!$new->{oidc_conformant}, 'not OIDC conformant');
};

subtest 'Q7: statuses the other way round' => sub {
    $t->set(status_quirk => 1);
    is(ask(POST => '/organizations', { name => 'q7' })->{status}, 200,
        'POST 200');
    is(ask(PATCH => '/users/auth0%7Calice', { app_metadata => { a => 1 } }
        )->{status}, 201, 'PATCH 201');
    $t->set(status_quirk => 0);
};

subtest 'Q8: chunked, gzip, with length' => sub {
    my $large = ask(GET => '/clients');
    is($large->{header}{'transfer-encoding'}, 'chunked', 'large: chunked');
    my $small = ask(GET => "/organizations/$demo->{org}");
    ok($small->{header}{'content-length'}, 'small: a length');
    my $coded = ask(GET => '/clients', undef,
        headers => [ 'Accept-Encoding' => 'gzip' ]);
    is_deeply(decode_json(gunzip($coded->{body})), $large->{json}, 'gzip');
    $t->set(framing => 'chunked', json_style => 'escaped');
    my $u = $t->add_user(email => 'u@x.example',
        name => "J\x{f6}rg \x{1f600} a/b");
    my $answer = ask(GET => '/users/' . $u->{user_id} =~ s/\|/%7C/r);
    is($answer->{header}{'transfer-encoding'}, 'chunked', 'small, chunked');
    like($answer->{body}, qr{J\\u00f6rg \\ud83d\\ude00 a\\/b}, 'escapes');
    is($answer->{json}{name}, "J\x{f6}rg \x{1f600} a/b", 'the same text');
    $t->set(framing => 'auto', json_style => 'plain');
};

# ---- behaviour --------------------------------------------------------------

subtest 'users' => sub {
    my $path = '/users/auth0%7Calice';
    my $meta = sub ($change) {
        ask(PATCH => $path, { app_metadata => $change })
            ->{json}{app_metadata};
    };
    is_deeply($meta->({ a => 1, b => { c => 2 } }),
        { a => 1, b => { c => 2 }, customerId => 'cus_demoAcme' }, 'merged');
    is_deeply($meta->({ a => undef, b => { d => 3 } }),
        { b => { d => 3 }, customerId => 'cus_demoAcme' },
        'null deletes, deeper levels are replaced');
    is_deeply($meta->({}), {}, '{} wipes');
    my $made = ask(POST => '/users', { connection => 'c',
        email => 'New.One@X.example', user_id => 'mine' })->{json};
    is_deeply([ @$made{qw(user_id email)} ],
        [ 'auth0|mine', 'new.one@x.example' ], 'lower case, id of the caller');
    is_deeply(get('/users-by-email?email=New.One%40x.example'), [],
        'the search is case-sensitive');
    $t->add_user(email => 'new.one@x.example', connection => 'google',
        user_id => 'google-oauth2|1');
    is_deeply([ map { $_->{user_id} }
            @{ get('/users-by-email?email=new.one%40x.example') } ],
        [ 'auth0|mine', 'google-oauth2|1' ], 'one entry for each connection');
    $t->set(custom_domains => 1);
    is(ask(POST => '/users', { connection => 'c' })->{json}{errorCode},
        'custom_domain_conflict', 'several custom domains');
    is(ask(POST => '/users', { connection => 'c' }, headers =>
            [ 'auth0-custom-domain' => 'x.example' ])->{status}, 201,
        'and one of them named');
    $t->set(custom_domains => 0, unknown_member => 204);
    my $members = "/organizations/$demo->{org}/members";
    is(ask(POST => $members, { members => ['auth0|nobody'] })->{status}, 204,
        'unknown members ignored');
    is(ask(POST => $members, { members => ['auth0|alice'] })->{status}, 204,
        'a member already');
    is(@{ get($members) }, 1, 'counts once');
    $t->set(unknown_member => 400);
};

subtest 'from application to token' => sub {
    my ($client, $grant) = credential();
    my $ask = sub {
        $t->request_token(audience => $api, organization => $demo->{org},
            map { $_ => $client->{$_} } qw(client_id client_secret));
    };
    is(($ask->())[0], 403, 'none before the organization grant');
    my $path = "/organizations/$demo->{org}/client-grants";
    ask(POST => $path, { grant_id => $grant });
    my ($status, $body) = $ask->();
    is(claims($body->{access_token})->{org_id}, $demo->{org}, 'one after it');
    is_deeply([ map { $_->{client_id} } @{ get("/clients?q="
            . "client_grant.organization_id:$demo->{org}") } ],
        [ grep { $_ ne '' } $demo->{customer_id}, @{ org_clients() } ],
        'found by organization');
    is_deeply($t->leftovers->{organization_grants}[-1],
        "$demo->{org}/$grant", 'leftover');
    is(ask(DELETE => "/clients/$client->{client_id}")->{status}, 204,
        'DELETE');
    is(ask(DELETE => "/clients/$client->{client_id}")->{status}, 204,
        'DELETE again');
    is(ask(GET => "/client-grants/$grant")->{status}, 404,
        'the grant went with it');
    ok(!(grep { $_->{id} eq $grant } @{ get($path) }), 'from the org as well');
    is(($ask->())[0], 401, 'no token any more');
    $t->set(cascade => 0);
    ($client, $grant) = credential();
    ask(DELETE => "/clients/$client->{client_id}");
    is(ask(GET => "/client-grants/$grant")->{status}, 200,
        'without cascade it stays');
    $t->set(cascade => 1);
    ask(DELETE => "/client-grants/$grant");
};

# Ids of applications whose grant is in the demo organization, but its own.
sub org_clients () {
    return [ grep { $_ ne $demo->{customer_id} } map { $_->{client_id} }
            @{ get("/organizations/$demo->{org}/client-grants") } ];
}

subtest 'private_key_jwt through the API' => sub {
    my $made = ask(POST => '/clients', { name => 'pkj',
        client_authentication_methods => { private_key_jwt => {
            credentials => [ { credential_type => 'public_key',
                pem => ($t->keys)[0]{public_pem} } ] } } })->{json};
    ok(!exists $made->{client_secret}, 'no secret');
};

subtest 'null unsets' => sub {
    my $client = $t->add_client(default_organization => {
        organization_id => $demo->{org}, flows => ['client_credentials'] },
        client_metadata => { a => 'b', c => 'd' });
    my $seen = ask(PATCH => "/clients/$client->{client_id}",
        { default_organization => undef, client_metadata => { a => undef } }
    )->{json};
    ok(!exists $seen->{default_organization}, 'default_organization');
    is_deeply($seen->{client_metadata}, { c => 'd' }, 'a metadata key');
    my (undef, $grant) = credential();
    $seen = ask(PATCH => "/client-grants/$grant",
        { allow_all_scopes => true })->{json};
    ok(!exists $seen->{scope}, 'allow_all_scopes removes scope');
};

# ---- limits and lags --------------------------------------------------------

subtest 'limits of the tenant' => sub {
    my $n = @{ $t->dump->{clients} };
    $t->set(client_limit => $n + 1);
    is(ask(POST => '/clients', { name => 'x' })->{status}, 201, 'the last');
    is_deeply(ask(POST => '/clients', { name => 'x' })->{json}, {
        statusCode => 403, error => 'Forbidden',
        errorCode => 'too_many_entities', message => 'You reached the limit '
            . 'of entities of this type for this tenant.' }, 'one too many');
    $t->set(client_limit => 0, org_grant_limit => 1);
    my $org = $t->add_org(name => 'small');
    my @status = map {
        my (undef, $grant) = credential();
        ask(POST => "/organizations/$org->{id}/client-grants",
            { grant_id => $grant });
    } 1 .. 2;
    is_deeply([ map { $_->{status} } @status ], [ 201, 409 ],
        'grants of an organization');
    is($status[1]{json}{message}, 'Quota exceeded; cannot add more than 1 '
            . 'client grants to a single organization', 'text');
    $t->set(org_grant_limit => 100, organizations => 0);
    is(ask(POST => '/organizations', { name => 'x' })->{json}{errorCode},
        'feature_not_enabled', 'a tenant without organizations');
    $t->set(organizations => 1);
};

subtest 'lists that lag behind' => sub {
    my $has = sub ($id) {
        scalar grep { $_->{client_id} eq $id } @{ get('/clients') };
    };
    $t->set(stale => { requests => 2 });
    my $id = ask(POST => '/clients', { name => 'new' })->{json}{client_id};
    is(ask(GET => "/clients/$id")->{status}, 200, 'by id at once');
    is(join(' ', map { $has->($id) } 1 .. 4), '0 0 1 1', 'requests');
    ask(DELETE => "/clients/$id");
    is(join(' ', map { $has->($id) } 1 .. 3), '1 1 0', 'deleted, still there');
    $t->set(stale => { seconds => 0.3 });
    $id = ask(POST => '/clients', { name => 'new' })->{json}{client_id};
    ok(!$has->($id), 'seconds: not yet');
    ok(eventually(sub { $has->($id) }), 'seconds: later');
    my (undef, $grant) = credential();
    is(@{ get("/client-grants?client_id=nobody") }, 0, 'filter');
    ok((grep { $_->{id} eq $grant } @{ get('/client-grants') }),
        'other lists do not lag');
    $t->set(stale => { requests => 1, steps => ['grant_list'] });
    (undef, $grant) = credential();
    ok(!(grep { $_->{id} eq $grant } @{ get('/client-grants') }),
        'unless named');
    $t->set(stale => undef);
};

subtest 'rate limit of one kind of call' => sub {
    $t->set(rate => { write => { burst => 1, refill => 0.01,
        steps => ['organization_create'] } });
    my @answers = map {
        ask(POST => '/organizations', { name => "rate-$_" })
    } 1 .. 2;
    is_deeply([ map { $_->{status} } @answers ], [ 201, 429 ], 'limited');
    is_deeply($answers[1]{json}, { statusCode => 429,
        error => 'Too Many Requests', errorCode => 'too_many_requests',
        message => 'Global limit has been reached' }, 'text');
    is(ask(GET => '/organizations/name/rate-2')->{status}, 404, 'no effect');
    $t->set(rate => undef);
};

$t->stop;
done_testing;
