package Auth0M2M::Portal;

use strict;
use warnings;

use JSON::PP ();

use Auth0M2M::Tenant;
use Auth0M2M::Test;

=head1 NAME

Auth0M2M::Portal - a tenant with an nginx that provisions for it, and the
callers: a portal's front end, and its server

=head1 SYNOPSIS

    my $p = Auth0M2M::Portal->new;
    my $r = $p->create_key($p->user);               # POST /create-key
    my ($id, $secret) = $p->apikey($r);
    is($p->usable($id, $secret), 1);
    $p->stop;

=head1 new(%options)

    options    arguments of auth0_m2m_provision_options, default rate=off
    manager    text in place of the Management client's directives
    server     further text inside server {}
    tenant     an Auth0M2M::Tenant; default a new one, which is stopped with
               this object
    config     its config, if it is a new one
    others     further options of Auth0M2M::Test->new

The nginx serves POST /create-key, /keys (with what is below), POST
/provision-user, and /v1/, the API, which answers 200 to a valid token.

=head1 METHODS

    nginx, tenant, demo
    user(%o)           another user, in an organization of its own unless
                       orgs => [..]; its id
    org_of($user)      the organization made for that user
    id_token($user, %o), server_token(%o)
    headers($user, @more)    Authorization and Content-Type
    create_key($user, %o)    POST /create-key; body, headers => [..], h2 => 1
    keys($user)              GET /keys
    new_key($user, %o)       POST /keys
    rotate($user, $id, %o)   POST /keys/$id/rotate
    revoke($user, $id, %o)   DELETE /keys/$id
    provision(\%body, %o)    POST /provision-user
                       all give a response
    request_of($user, $method, $path, %o)    the request, for parallel()
    apikey($response)        (client id, secret); dies when there is none
    problem($response)       the decoded problem, type without its prefix
    usable($id, $secret)     true: /oauth/token gives a token for it
    access_token($id, $secret)
    calls                    "METHOD target" of all calls of the Management
                       API and the token endpoint since the last asking
    tokens             how many tokens it was asked for among these
    during($step, %o)  a POST /create-key that is under way, for ms (default
                       400), at that call: an Auth0M2M::Test::Client; false
                       when it did not get there.  user, headers => [..], and
                       fault => {..} over the delay
    heed(@responses)         waits as long as the longest Retry-After of them
    left                     "clients/grants/organization grants", counts of
                       what the API made and is still there
    wait_left($want, $bound) polls until left is $want; left
    stop

=cut

my $json = JSON::PP->new->utf8->canonical;

sub new {
    my ($class, %o) = @_;
    my $config = delete $o{config};
    my $tenant = delete $o{tenant};
    my $own    = !$tenant;

    $tenant ||= Auth0M2M::Tenant->start(seed => 'demo',
        $config ? (config => $config) : ());

    my $self = bless { tenant => $tenant, own => $own,
        demo => $tenant->demo }, $class;

    $self->{nginx} = $self->_nginx(%o);
    return $self;
}

sub _nginx {
    my ($self, %o) = @_;
    my $demo    = $self->{demo};
    my $options = delete $o{options} // 'rate=off';
    my $server  = delete $o{server} // '';
    my $manager = delete $o{manager} // <<"END";
    auth0_m2m_client_id      $demo->{client_id};
    auth0_m2m_client_secret  file:%%DIR%%/secret;
END
    my $files = { secret => $demo->{client_secret},
        %{ delete $o{files} || {} } };

    return Auth0M2M::Test->new(
        tenant  => $self->{tenant},
        files   => $files,
        backend => 1,
        %o,
        server => $self->conf($options, $manager) . $server,
    );
}

sub conf {
    my ($self, $options, $manager) = @_;
    my $demo = $self->{demo};

    return <<"END";
    auth0_m2m_domain         %%TENANT_DOMAIN%%;
    auth0_m2m_upstream       %%TENANT_HTTPS%%;
    auth0_m2m_ssl_trusted_certificate %%CA%%;
$manager
    auth0_m2m_api_audience   $demo->{audience};
    auth0_m2m_api_scope      read:orders write:orders;
    auth0_m2m_provision_options $options;

    location = /create-key {
        auth0_m2m              on;
        auth0_m2m_audience     $demo->{spa};
        auth0_m2m_allow_origin https://portal.example https://other.example;
        auth0_m2m_provision    create_key;
    }

    location /keys {
        auth0_m2m              on;
        auth0_m2m_audience     $demo->{spa};
        auth0_m2m_allow_origin https://portal.example;
        auth0_m2m_provision    keys;
    }

    location = /provision-user {
        auth0_m2m              on;
        auth0_m2m_audience     https://gateway.example/;
        auth0_m2m_scope        provision:users;
        auth0_m2m_provision    user;
    }

    location /v1/ {
        auth0_m2m              on;
        auth0_m2m_audience     $demo->{audience};
        add_header             X-Org \$jwt_org_id;
        proxy_pass             http://%%BACKEND%%;
    }
END
}

sub nginx  { return $_[0]{nginx} }
sub tenant { return $_[0]{tenant} }
sub demo   { return $_[0]{demo} }

# Callers.

sub user {
    my ($self, %o) = @_;
    my $n    = ++$self->{users};
    my $id   = $o{user_id} // "auth0|user$n";
    my $orgs = $o{orgs};

    if (!$orgs) {
        my $org = $self->{tenant}->add_org(name => "org-$n",
            metadata => { customerId => "cus_$n" });
        $self->{orgs}{$id} = $org->{id};
        $orgs = [ $org->{id} ];
    }

    $self->{tenant}->add_user(
        user_id        => $id,
        email          => "user$n\@acme.example",
        email_verified => 1,
        app_metadata   => { customerId => "cus_$n" },
        %o,
        orgs => $orgs,
    );
    return $id;
}

sub org_of { return $_[0]{orgs}{ $_[1] } }

sub id_token {
    my ($self, $user, %o) = @_;
    return $self->{tenant}->id_token(user => $user, %o);
}

sub server_token {
    my ($self, %o) = @_;
    return $self->{tenant}->token(
        client_id => $self->{demo}{customer_id},
        audience  => 'https://gateway.example/',
        scope     => 'provision:users',
        %o,
    );
}

sub headers {
    my ($self, $user, @more) = @_;
    my $token = $self->{tokens}{$user} ||= $self->id_token($user);

    return (Authorization => "Bearer $token",
        'Content-Type' => 'application/json', @more);
}

sub request_of {
    my ($self, $user, $method, $path, %o) = @_;
    my @headers = $self->headers($user, @{ $o{headers} || [] });
    my $body    = ref $o{body} ? $json->encode($o{body}) : $o{body};

    return [ $method, $path, \@headers, $body ];
}

sub _ask {
    my ($self, $user, $method, $path, %o) = @_;
    my $request = $self->request_of($user, $method, $path, %o);

    return $o{h2} ? $self->{nginx}->h2(@$request)
        : $self->{nginx}->async($request)->wait($o{bound} // 20);
}

sub create_key {
    my ($self, $user, %o) = @_;
    return $self->_ask($user, 'POST', '/create-key', body => '{}', %o);
}

sub keys { return $_[0]->_ask($_[1], 'GET', '/keys') }

sub new_key {
    my ($self, $user, %o) = @_;
    return $self->_ask($user, 'POST', '/keys', body => '{}', %o);
}

sub rotate {
    my ($self, $user, $id, %o) = @_;
    return $self->_ask($user, 'POST', "/keys/$id/rotate", body => '{}', %o);
}

sub revoke {
    my ($self, $user, $id, %o) = @_;
    return $self->_ask($user, 'DELETE', "/keys/$id", %o);
}

sub provision {
    my ($self, $body, %o) = @_;
    my $token = $o{token} // $self->server_token;

    return $self->{nginx}->async([ 'POST', '/provision-user',
        [ Authorization => "Bearer $token",
            'Content-Type' => 'application/json' ],
        ref $body ? $json->encode($body) : $body ])->wait($o{bound} // 20);
}

# Answers.

sub apikey {
    my ($self, $response) = @_;
    my $all = $json->decode($response->body);
    my $key = $json->decode($all->{apikey} // die "no apikey\n");

    return @$key{qw(client_id client_secret)};
}

sub problem {
    my ($self, $response) = @_;
    my $problem = eval { $json->decode($response->body) } || {};

    ($problem->{type} //= '') =~ s/^urn:auth0-m2m://;
    return $problem;
}

sub access_token {
    my ($self, $id, $secret) = @_;
    my ($status, $body) = $self->{tenant}->request_token(
        client_id     => $id,
        client_secret => $secret,
        audience      => $self->{demo}{audience},
    );

    return $status == 200 ? $body->{access_token} : undef;
}

sub usable { return defined $_[0]->access_token(@_[1, 2]) ? 1 : 0 }

# The other side.

sub calls {
    my ($self) = @_;
    my @calls = map {"$_->{method} $_->{target}"}
        grep { ($_->{step} // '') !~ /^(?:jwks|openid)$/ }
        $self->{tenant}->journal;

    $self->{tenant}->journal_reset;
    return @calls;
}

sub tokens { return scalar grep {m{/oauth/token}} $_[0]->calls }

sub during {
    my ($self, $step, %o) = @_;
    my $t       = $self->{tenant};
    my $request = $self->request_of($o{user} // $self->user, 'POST',
        '/create-key', body => '{}', headers => $o{headers});

    $t->journal_reset;
    $t->fault({ step => $step, kind => 'delay', ms => $o{ms} // 400,
        %{ $o{fault} // {} } });

    my $caller = $self->{nginx}->async($request);
    return $t->wait_journal(step => $step) ? $caller : undef;
}

sub heed {
    my ($self, @responses) = @_;
    my ($longest) = sort { $b <=> $a } 0,
        map { $_->header('Retry-After') // 0 } @responses;

    select undef, undef, undef, $longest;
    return;
}

sub left {
    my ($self) = @_;
    my $left = $self->{tenant}->leftovers;

    return join '/', map { scalar @{ $left->{$_} } }
        qw(clients client_grants organization_grants);
}

sub wait_left {
    my ($self, $want, $bound) = @_;
    my $left;

    $self->{nginx}->wait_for(sub { ($left = $self->left) eq $want },
        $bound // 5);
    return $left;
}

sub stop {
    my ($self) = @_;
    $self->{nginx}->stop;
    $self->{tenant}->stop if $self->{own};
    return;
}

1;
