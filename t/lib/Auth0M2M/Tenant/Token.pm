package Auth0M2M::Tenant::Token;

# POST /oauth/token, and the claims of what it gives.

use v5.36;

use Crypt::JWT   qw(decode_jwt);
use MIME::Base64 qw(decode_base64);
use Mojo::JSON   qw(decode_json);

use Auth0M2M::Tenant::Keys    ();
use Auth0M2M::Tenant::Problem qw(token_problem);
use Auth0M2M::Tenant::Store   ();
use Auth0M2M::Tenant::Wire
    qw(header json_answer parse_form url_decode);

use constant ASSERTION_TYPE =>
    'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

my $NO_GRANT = 'Client is not authorized to access "%s". You need to create '
    . 'a "client-grant" associated to this API. See: '
    . 'https://auth0.com/docs/api/v2#!/Client_Grants/post_client_grants';

sub handle ($app, $call) {
    my $form = _form($call->{req});
    _check_grant_type($form);
    my $client   = _authenticate($app, $call->{req}, $form);
    my $audience = _audience($app, $client, $form);
    my $grant    = $app->store->grant_for($client->{client_id}, $audience)
        // refuse(403, 'access_denied', sprintf $NO_GRANT, $audience);
    my $api    = $app->store->get(apis => $audience);
    my $scopes = _scopes($api, $grant, $form);
    my $org    = _organization($app, $client, $grant, $form);
    my $life   = $api->{token_lifetime} // $app->config->{expires_in};
    my $claims = claims($app, client_id => $client->{client_id},
        audience => $audience, scope => $scopes, org => $org,
        dialect => $api->{dialect}, expires_in => $life);
    # Distinct from tokens revoked within this very second.
    $claims->{iat} = $app->revoked_until + 1
        if $audience eq $app->audience
        && $claims->{iat} <= $app->revoked_until;
    my $token = sign($app, $claims, dialect => $api->{dialect});
    return json_answer(200, {
        access_token => $token,
        (@$scopes ? (scope => join ' ', @$scopes) : ()),
        expires_in => 0 + $life,
        token_type => 'Bearer',
    });
}

sub refuse ($status, $error, $text, $uri = undef) {
    die token_problem($status, $error, $text, $uri);
}

sub _form ($req) {
    my ($type) = header($req, 'content-type');
    $type = lc +($type // '') =~ s/\s*;.*//r;
    return parse_form($req->{body})
        if $type eq 'application/x-www-form-urlencoded';
    my $form = $type eq 'application/json'
        ? eval { decode_json($req->{body}) }
        : undef;
    refuse(400, 'invalid_request', 'Invalid request body')
        if ref $form ne 'HASH';
    return $form;
}

sub _check_grant_type ($form) {
    my $type = $form->{grant_type} // refuse(400, 'invalid_request',
        'Missing required parameter: grant_type');
    refuse(400, 'unsupported_grant_type', "Unsupported grant type: $type")
        if $type ne 'client_credentials';
    return;
}

# ---- the client -------------------------------------------------------------

sub _authenticate ($app, $req, $form) {
    my ($id, $secret) = _basic($req, $form);
    my $client = defined $form->{client_assertion}
        ? _by_assertion($app, $form)
        : _by_secret($app, $id // $form->{client_id},
            $secret // $form->{client_secret});
    refuse(403, 'unauthorized_client',
        "Grant type 'client_credentials' not allowed for the client.",
        'https://auth0.com/docs/clients/client-grant-types')
        if !grep { $_ eq 'client_credentials' } @{ $client->{grant_types} };
    return $client;
}

sub _basic ($req, $form) {
    my ($header) = header($req, 'authorization');
    my ($coded) = ($header // '') =~ /\ABasic ([A-Za-z0-9+\/=]+)\z/i
        or return;
    refuse(400, 'invalid_request',
        'Client credentials must be sent in one way only')
        if defined $form->{client_secret}
        || defined $form->{client_assertion};
    my ($id, $secret) = split /:/, decode_base64($coded), 2;
    return map { url_decode($_ // '') } $id, $secret;
}

sub _unauthorized () { refuse(401, 'access_denied', 'Unauthorized') }

sub _by_secret ($app, $id, $secret) {
    my $client = $app->store->get(clients => $id) // _unauthorized();
    _unauthorized() if !length($secret // '') || $client->{-public_key};
    _unauthorized()
        if ($client->{token_endpoint_auth_method} // '') eq 'none';
    _unauthorized()
        if !grep { $_ eq $secret } _good_secrets($client, $app->now);
    return $client;
}

# During the rotation window the old secret, or both, are good.
sub _good_secrets ($client, $now) {
    my $window = $client->{-rotation};
    return $client->{client_secret} if !$window || $now >= $window->{until};
    return $window->{old} if $window->{mode} eq 'old';
    return ($window->{old}, $client->{client_secret});
}

sub _bad_assertion ($why) {
    refuse(401, 'invalid_client', "Client assertion: $why");
}

sub _by_assertion ($app, $form) {
    _bad_assertion('type')
        if ($form->{client_assertion_type} // '') ne ASSERTION_TYPE;
    my $jws = Auth0M2M::Tenant::Keys::split_jws($form->{client_assertion})
        // _bad_assertion('not a JWT');
    my $claims = $jws->{payload};
    my $id     = $claims->{sub} // '';
    _bad_assertion('iss and sub')
        if $id eq '' || $id ne ($claims->{iss} // '');
    _bad_assertion('client_id') if $id ne ($form->{client_id} // $id);
    my $client = $app->store->get(clients => $id) // _bad_assertion('client');
    my $key    = $client->{-public_key} // _bad_assertion('no key');
    _check_signature($form->{client_assertion}, $key);
    _check_assertion_claims($app, $claims);
    return $client;
}

sub _check_signature ($text, $key) {
    my $ok = eval {
        decode_jwt(token => $text, key => \$key, verify_exp => 0,
            verify_iat => 0, verify_nbf => 0,
            accepted_alg => [qw(RS256 RS384 PS256 PS384 ES256 ES384)]);
    };
    _bad_assertion('signature') if !$ok;
    return;
}

sub _check_assertion_claims ($app, $claims) {
    my ($aud, $now) = ($claims->{aud} // '', time);
    $aud = join ' ', @$aud if ref $aud eq 'ARRAY';
    _bad_assertion('aud')
        if $aud ne $app->issuer && $aud ne $app->issuer . 'oauth/token';
    _bad_assertion('exp')
        if ($claims->{exp} // 0) !~ /\A\d+\z/ || $claims->{exp} <= $now;
    _bad_assertion('lifetime') if $claims->{exp} > $now + 300;
    _bad_assertion('jti') if !length($claims->{jti} // '');
    _bad_assertion('replay')
        if $app->{assertions_seen}{ $claims->{sub} }{ $claims->{jti} }++;
    return;
}

# ---- what it may have -------------------------------------------------------

sub _audience ($app, $client, $form) {
    my $audience = $form->{audience};
    refuse(403, 'access_denied',
        'Non-global clients are not allowed access to APIv1')
        if !length($audience // '');
    refuse(403, 'access_denied', "Service not found: $audience")
        if !$app->store->get(apis => $audience);
    return $audience;
}

sub _scopes ($api, $grant, $form) {
    my @granted = $grant->{allow_all_scopes}
        ? @{ $api->{scopes} }
        : @{ $grant->{scope} // [] };
    my @wanted  = grep {length} split / /, $form->{scope} // '';
    my %granted = map { $_ => 1 } @granted;
    my @foreign = grep { !$granted{$_} } @wanted;
    refuse(403, 'access_denied',
        'Client has not been granted scopes: ' . join ', ', @foreign)
        if @foreign;
    return @wanted ? \@wanted : \@granted;
}

# The grant decides, not the client: deny, allow or require.
sub _organization ($app, $client, $grant, $form) {
    my $usage = $grant->{organization_usage} // 'deny';
    my $named = $form->{organization};
    my $org   = length($named // '')
        ? _named_organization($app, $named)
        : _default_organization($app, $client, $usage);
    if (!$org) {
        refuse(400, 'invalid_request',
            'parameter organization is required for this client')
            if $usage eq 'require';
        return;
    }
    refuse(400, 'invalid_request',
        'parameter organization is not allowed for this client')
        if $usage eq 'deny';
    refuse(403, 'access_denied',
        "Client is not authorized to access organization $org->{id}")
        if !$grant->{allow_any_organization}
        && !$app->store->get(org_grants => "$org->{id}/$grant->{id}");
    return $org;
}

sub _named_organization ($app, $named) {
    refuse(403, 'access_denied', 'Feature not enabled for this tenant.')
        if !$app->config->{organizations};
    my $org = $app->store->get(orgs => $named);
    $org //= $app->store->org_named($named)
        if $app->config->{organization_names};
    return $org // refuse(400, 'invalid_request',
        'parameter organization must be an organization id');
}

sub _default_organization ($app, $client, $usage) {
    my $default = $client->{default_organization} or return;
    return if $usage ne 'require';
    return if !grep { $_ eq 'client_credentials' } @{ $default->{flows} };
    return $app->store->get(orgs => $default->{organization_id});
}

# ---- claims -----------------------------------------------------------------

# Options: client_id, audience, scope => [..], org => record or id,
# dialect, permissions, expires_in.
sub claims ($app, %o) {
    my $dialect = $o{dialect} // 'access_token';
    my $scope   = join ' ', @{ $o{scope} // [] };
    my $org     = $o{org};
    $org = $app->store->get(orgs => $org) // { id => $org }
        if defined $org && !ref $org;
    my $profile = $dialect =~ /\Arfc9068/;
    return {
        iss => $app->issuer,
        sub => "$o{client_id}\@clients",
        aud => $o{audience},
        iat => time,
        exp => time + ($o{expires_in} // $app->config->{expires_in}),
        ($scope ne '' ? (scope => $scope) : ()),
        ($org ? (org_id => $org->{id}) : ()),
        ($org && $app->config->{organization_names} && $org->{name}
            ? (org_name => $org->{name}) : ()),
        ($profile
            ? (client_id => $o{client_id},
                jti => Auth0M2M::Tenant::Store::alnum(22))
            : (gty => 'client-credentials', azp => $o{client_id})),
        ($dialect =~ /_authz\z/
            ? (permissions => $o{permissions} // $o{scope} // [])
            : $o{permissions} ? (permissions => $o{permissions}) : ()),
    };
}

# Options: dialect (for typ), claims and header laid over, kid.
sub sign ($app, $claims, %o) {
    my $key = defined $o{kid}
        ? $app->key_set->by_kid($o{kid}) // die "no key $o{kid}\n"
        : $app->key_set->current;
    my $typ = ($o{dialect} // '') =~ /\Arfc9068/ ? 'at+jwt' : 'JWT';
    my $header = lay({ alg => $key->{alg}, typ => $typ, kid => $key->{kid} },
        $o{header});
    return Auth0M2M::Tenant::Keys::sign_jws($header,
        lay($claims, $o{claims}), $key->{pk}, $key->{alg});
}

# Lays new members over a hash; undef removes.
sub lay ($hash, $over) {
    my %laid = (%$hash, %{ $over // {} });
    delete @laid{ grep { !defined $laid{$_} } keys %laid };
    return \%laid;
}

1;
