package Auth0M2M::Tenant;

use v5.36;

use Carp           qw(croak);
use Cwd            qw(abs_path);
use File::Basename qw(dirname);
use IO::Socket::INET ();
use Mojo::JSON     qw(decode_json encode_json);
use POSIX          qw(:sys_wait_h);
use Time::HiRes    ();

use Auth0M2M::Test::Folder ();

=encoding utf8

=head1 NAME

Auth0M2M::Tenant - a stand-in of an Auth0 tenant, in a process of its own

=head1 SYNOPSIS

    use Auth0M2M::Tenant;

    my $t = Auth0M2M::Tenant->start(domain => 'acme.test.auth0.com',
                                    seed   => 'demo');

    my $jwt = $t->token(org => 'org_demoAcme00000001', scope => 'read:orders');
    $t->fault({ step => 'grant_create', kind => 'reset', effect => 'after' });
    # ... let nginx call 127.0.0.1:$t->https_port ...
    is($t->count(step => 'client_create'), 1);
    is_deeply($t->leftovers->{clients}, []);
    $t->stop;

The child serves until C<stop>, until the object is gone or until the parent
dies; then nothing is left behind.

=head1 start(%options)

    domain        default acme.test.auth0.com
    dir           folder for the CA and certificates (not removed); default
                  a temporary folder, removed by stop
    http_port, https_port, admin_port
                  default 0: free ports of 127.0.0.1
    seed          'demo' or nothing; see Demo below
    keys          number of keys in the JWKS, 1..20, default 2 (current and
                  next)
    key_type      RSA (default, RS256), PS256, ES256 or ES384: of all keys
    extra_keys    [type, ...]: further keys in the set
    outage        true: begin with refused connections
    tls           certificate variant to begin with, default 'good'
    config        { name => value }, see set()

With TEST_KEY_DIR in the environment RSA keys are kept there between runs.

=head1 Where it is

    domain  issuer (https://domain/)  audience (https://domain/api/v2/)
    http_port https_port admin_port  http_url https_url (no trailing slash)
    dir  ca_file (PEM, the CA of all variants but unknown_ca)  pid

=head1 Tokens and keys

    token(%o)      signs an M2M access token as /oauth/token would, without
                   a request.  org => id, scope => 'a b' or [..], audience
                   (default: the demo API, else https://api.acme.example/),
                   client_id, permissions => [..], dialect, expires_in,
                   claims => {..} laid over (undef removes), header => {..}
                   likewise, kid => id of the signing key
    id_token(%o)   a user's ID token: user => id or e-mail (required),
                   client_id (audience; default the SPA), org, expires_in,
                   claims, header, kid
    mint(%o)       claims => {..} or payload => bytes; header => {..}
                   (alg, typ, kid filled in unless given; undef removes);
                   kid, or key => private PEM or secret, with alg.  alg may
                   be none, HS*, RS*, PS*, ES256, ES384
    request_token(%form)
                   a real POST /oauth/token; (status, decoded body)
    keys           list of {kid, kty, alg, pem, public_pem, state}; state is
                   current, next, previous or extra
    rotate($how)   next      current becomes previous, next current, a new
                             next appears (default)
                   revoke    previous keys leave the set
                   same_kid  a new key under the current kid
                   replace   all keys anew
                   returns the keys as above
    jwks           the document as now served, decoded
    jwks_override(status =>, headers => {..}, body => bytes or structure)
                   replaces parts of the JWKS answer; no arguments: restores
    revoke_tokens  Management tokens issued until now get a 401

=head1 Contents

Each returns the stored record.  What these add is no leftover.

    add_user(email =>, email_verified => 1, user_id =>, blocked =>,
             connection =>, app_metadata => {..}, orgs => [ids])
                   several users may share an e-mail
    add_org(name =>, display_name =>, metadata => {..}, id =>)
    add_member($org_id, $user_id)
    add_api(identifier =>, scopes => [..], dialect =>, token_lifetime =>)
                   dialect: access_token (default), access_token_authz,
                   rfc9068_profile, rfc9068_profile_authz
    add_client(%fields)          fields of POST /clients; client_id,
                                 client_secret may be chosen; public_key =>
                                 PEM allows private_key_jwt instead
    add_management_client(scopes => [..], %fields)
                                 with a grant for the Management API;
                                 default the least set the sagas need
    add_grant(client_id =>, audience =>, scope => [..],
              organization_usage =>, allow_any_organization =>, orgs => [..])
    add_credential(org =>, audience =>, scope => [..])
                                 client, grant and organization grant at
                                 once: usable at /oauth/token
    remove($kind, $id)           user, org, client or grant
    leftovers                    { clients => [..], client_grants => [..],
                                   organization_grants => [..] } made through
                                   the API and still there; ids
                                   (organization grants: "org/grant")
    dump                         everything: { users, orgs, members, apis,
                                 clients, grants, org_grants }, lists;
                                 members and org_grants are [org, id] pairs
    reset                        contents as after start; journal and faults
                                 cleared, config as at start, keys kept

=head1 Faults

    fault({...})     adds a rule, returns its id; the first rule that
                     matches and is not used up fires
    faults           list of {id, hits, rule}
    clear_faults     removes all; ends hanging connections

    step, method, path   which requests (path: regular expression, on the
                     path without query); all given must match
    skip => k        lets the first k matching requests pass
    count => n       fires n times (default 1); 'always': for good
    effect           before: the request is not executed; after: it is,
                     and only then the answer is spoiled
    framing          length or chunked, for this answer only
    kind, with its parameters and its default effect:

    status           before  status, headers {..}, body (bytes or structure;
                             default Auth0's own body for that status)
    redirect         before  location, status 302
    html             before  status 200, an HTML page
    hang             before  no answer; for => seconds, then closes
    reset            before  TCP RST; bytes => n of the answer first
    close            before  closes without an answer; bytes => n first
    raw              before  body => bytes, sent as they are, then closes
    truncated        after   Content-Length larger than the body, closes
    chunked_truncated after  chunked, cut inside a chunk, closes
    stall            after   half of the body, then silence
    garbage          after   200, JSON content type, not JSON
    empty            after   the status, no body
    oversized        after   JSON body of size => bytes (default 1 MiB)
    content_type     after   type => text/plain
    delay            after   ms => 500, then the right answer
    drip             after   rate => 10 bytes a second
    gzip             after   gzip, asked for or not
    many_1xx         after   n => 100 interim answers first
    endless          after   a body without end, rate => bytes a second

=head1 Journal

    journal(%filter)        list of entries, oldest first
    count(%filter)          their number
    journal_reset
    wait_journal(%filter, n => 1, timeout => 5)
                            waits until n entries match; true if they do.
                            done => 1: answered (or spoiled) ones only
    stats                   {connections, handshakes, handshake_errors,
                            requests, open}

Filter: step, method, path (regular expression), scheme, status, fault.
An entry: n, time (monotonic seconds), scheme, port, connection, request
(number on its connection), sni, step, method, target, path, query {..},
headers [[name, value], ..] in order, body, raw (head and body as received),
complete (false when the peer left inside the request), status (what was
sent; undef: nothing), fault (kind or undef), rule (its id), effect (true:
executed), done, gone (time the peer left before its answer was whole).
Strings are bytes.  C<entry_header($entry, $name)> gives all values of a
header.  An entry exists as soon as the request is received, before it has
an effect, so it is there for requests that were reset as well.

=head1 Network

    outage($how)     refuse (default): ports closed but kept reserved;
                     reset: RST upon connection; hang: accepts, says nothing
                     (also no TLS); 0: over.  Open connections are closed
    tls($variant)    for later connections:
                     good             leaf signed by the CA
                     chain            leaf, two intermediates sent
                     missing_intermediate   the same, none sent
                     wrong_host expired not_yet_valid self_signed unknown_ca
    close_idle       closes connections that wait for a request

=head1 set(%config)

    expires_in       86400      of tokens, unless the API says otherwise
    framing          auto       chunked, length; auto: chunked from 1 KiB on
    gzip             1          when asked for
    json_style       plain      escaped: \/ and \uXXXX
    cascade          1          DELETE /clients removes its grants
    unknown_fields   1          fields no specification knows
    org_grant_quirk  1          grant_id instead of id after POST
                                /organizations/{id}/client-grants
    total_zero       1          "total":0 in a user's organizations
    status_quirk     0          200 for POST, 201 for PATCH
    next_quirk       0          `next` although the next page is empty
    client_order     oldest     of GET /clients; newest: the other way round
    client_limit, grant_limit, org_limit   0: none; else 403 beyond
    org_grant_limit  100        per organization, 409 beyond
    organizations    1          0: tenant not entitled
    organization_names 0        org_name in tokens, names at /oauth/token
    custom_domains   0          1: POST /users needs auth0-custom-domain
    unknown_member   400        for POST members with an unknown user;
                                204: ignored
    rotation_window  0          seconds
    rotation_mode    both       in the window old and new secret are good;
                                old: only the old one is yet
    stale            undef      {seconds => n} or {requests => n, steps =>
                                [..]}: lists lag behind; default steps are
                                client_list, member_list, organization_list
    rate             undef      { management => {burst => 10, refill => 2,
                                retry_after => 0}, token => {..},
                                jwks => {..}, name => {.., steps => [..]} };
                                refill is per second
    keepalive_requests 0, keepalive_timeout 75

=head1 Steps

token jwks openid; users_by_email user_create user_get user_update
user_organizations; organization_create organization_by_name
organization_list organization_get organization_update organization_delete;
member_add member_list member_remove; client_create client_list client_get
client_update client_rotate client_delete; grant_create grant_list grant_get
grant_update grant_delete grant_organizations; org_grant_list org_grant_add
org_grant_remove

=head1 Demo

seed => 'demo' gives: organization org_demoAcme00000001 (acme), user
auth0|alice (alice@acme.example, verified) in it; user auth0|newcomer
(new@acme.example, verified) in none; API https://api.acme.example/ with
scopes read:orders write:orders; management client
demoManagement000000000000000001 with secret
demoManagementSecret-0123456789abcdefghijklmnopqrstuvwxyz-ABCDEF and the
least scopes; SPA demoPortalSpa0000000000000000001; credential
demoCustomer00000000000000000001 with secret
demoCustomerSecret-0123456789abcdefghijklmnopqrstuvwxyz-ABCDEFGH for that
organization and both scopes.  C<demo> returns these as a hash reference:
org, user, newcomer, audience, client_id, client_secret, spa, customer_id,
customer_secret.

=head1 From other programs

t/bin/tenant runs the same process: options --domain --http-port
--https-port --admin-port --dir --seed --keys --key-type --outage --tls
--config JSON.  It prints one line of JSON (domain, http_port, https_port,
admin_port, ca_file, dir, pid, demo) when it is ready and serves until its
standard input closes or SIGTERM.  Every method above that asks the process
is POST http://127.0.0.1:admin_port/_admin/NAME with a JSON object of its named
arguments, and answers {"ok":true,"result":..} or {"ok":false,"error":".."};
positional arguments are named as follows: add_member org, user; remove
kind, id; rotate how; outage how; tls variant; fault rule.

=head1 admin($name, \%arguments)

Such a call, blocking; dies when it is refused.

=head1 stop

Ends the process and waits for it.  Also called when the object goes away.

=cut

my $LIB = abs_path(dirname(__FILE__) . '/..');
my $RUN = abs_path("$LIB/../bin/tenant");

use constant {
    READY_BOUND => 120,   # seconds until the child must be up
    STOP_BOUND  => 5,     # until it must be gone after TERM
    KEYS_EACH   => 100,   # kept keys set aside for each tenant of a process
};

my %started;              # by domain
sub _bound ($seconds) { return Auth0M2M::Test::Folder->bound($seconds) }

sub start ($class, %o) {
    my $self = bless { domain => $o{domain} // 'acme.test.auth0.com',
        owner => $$ }, $class;
    my @arguments = (
        '--domain', $self->{domain},
        '--key-base', KEYS_EACH * $started{ $self->{domain} }++,
        (map { /(\w+)/ && defined $o{$1} ? ('--' . tr/_/-/r, $o{$1}) : () }
            qw(dir http_port https_port admin_port seed keys key_type tls)),
        ($o{outage} ? '--outage' : ()),
        (map { ('--extra-key', $_) } @{ $o{extra_keys} // [] }),
        ($o{config} ? ('--config', encode_json($o{config})) : ()),
    );
    $self->_spawn(@arguments);
    return $self;
}

# The pipe to its standard input tells the child when we are gone.
sub _spawn ($self, @arguments) {
    pipe my $from_us, my $to_child   or croak "pipe: $!";
    pipe my $from_child, my $to_us or croak "pipe: $!";
    $self->{pid} = fork // croak "fork: $!";
    if (!$self->{pid}) {
        open STDIN,  '<&', $from_us;
        open STDOUT, '>&', $to_us;
        exec $^X, "-I$LIB", $RUN, @arguments
            or POSIX::_exit(127);
    }
    close $_ for $from_us, $to_us;
    $self->{pipe} = $to_child;
    my $line = _read_line($from_child);
    if (!defined $line) {
        $self->stop;
        croak 'the tenant did not come up';
    }
    $self->{ready} = decode_json($line);
    return;
}

sub _read_line ($handle) {
    my $until = Time::HiRes::time() + _bound(READY_BOUND);
    my $line  = '';
    while ($line !~ /\n/) {
        my $left = $until - Time::HiRes::time();
        return if $left <= 0;
        vec(my $set = '', fileno $handle, 1) = 1;
        next if select($set, undef, undef, $left) <= 0;
        sysread($handle, $line, 65536, length $line) or return;
    }
    return $line;
}

sub stop ($self) {
    my $pid = delete $self->{pid} or return;
    return if $$ != $self->{owner};
    local ($?, $!);
    close delete $self->{pipe};
    kill TERM => $pid;
    my $until = Time::HiRes::time() + _bound(STOP_BOUND);
    while (waitpid($pid, WNOHANG) == 0) {
        kill KILL => $pid if Time::HiRes::time() > $until;
        Time::HiRes::sleep(0.005);
    }
    return;
}

sub DESTROY ($self) { $self->stop }

# ---- where it is ------------------------------------------------------------

sub domain ($self)     { $self->{domain} }
sub issuer ($self)     { "https://$self->{domain}/" }
sub audience ($self)   { "https://$self->{domain}/api/v2/" }
sub dir ($self)        { $self->{ready}{dir} }
sub pid ($self)        { $self->{pid} }
sub http_port ($self)  { $self->{ready}{http_port} }
sub https_port ($self) { $self->{ready}{https_port} }
sub admin_port ($self) { $self->{ready}{admin_port} }
sub ca_file ($self)    { $self->{ready}{ca_file} }
sub http_url ($self)   { 'http://127.0.0.1:' . $self->http_port }
sub https_url ($self)  { 'https://127.0.0.1:' . $self->https_port }

# ---- what it does -----------------------------------------------------------

sub admin ($self, $name, $arguments = {}) {
    my $socket = delete $self->{socket} // _connect($self->admin_port);
    my (undef, $body) = _exchange($socket, '1.1', "/_admin/$name",
        encode_json($arguments));
    my $answer = eval { decode_json($body) };
    croak "tenant, $name: " . ($answer->{error} // 'no answer')
        if !$answer->{ok};
    $self->{socket} = $socket;
    return $answer->{result};
}

sub _connect ($port) {
    return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port)
        // croak "tenant, port $port: $@";
}

# One POST, in one write: two would wait for each other's acknowledgement.
# The answer must not be chunked, which HTTP 1.0 makes sure of.
sub _exchange ($socket, $version, $path, $body) {
    print {$socket} "POST $path HTTP/$version\r\nhost: tenant\r\n"
        . "content-type: application/json\r\n"
        . 'content-length: ' . length($body) . "\r\n\r\n$body";
    $socket->flush;
    my $status = (<$socket> // '') =~ /\AHTTP\S+ (\d+)/ ? $1 : 0;
    my $size   = 0;
    while (defined(my $line = <$socket>)) {
        $size = $1 if $line =~ /\Acontent-length: (\d+)/i;
        last if $line eq "\r\n";
    }
    my $got = read $socket, my ($answer), $size;
    return ($status, ($got // 0) == $size ? $answer : undef);
}

# Methods that hand their named arguments on, or name positional ones.
my %POSITIONAL = (
    add_member => [qw(org user)],
    remove     => [qw(kind id)],
    rotate     => ['how'],
    outage     => ['how'],
    tls        => ['variant'],
    fault      => ['rule'],
);
my %LISTS = map { $_ => 1 } qw(keys rotate faults journal);

for my $name (qw(add_user add_org add_member add_api add_client
    add_management_client add_grant add_credential remove leftovers dump reset
    set demo token id_token mint keys rotate jwks jwks_override revoke_tokens
    fault faults clear_faults journal count journal_reset wait_journal stats
    outage tls close_idle))
{
    my $positions = $POSITIONAL{$name};
    no strict 'refs';
    *$name = sub ($self, @given) {
        my %named;
        $positions ? @named{ @$positions[ 0 .. $#given ] } = @given
            : (%named = @given);
        $named{timeout} = _bound($named{timeout} // 5)
            if $name eq 'wait_journal';
        $_ = "$_" for grep { ref eq 'Regexp' } values %named,
            ref $named{rule} eq 'HASH' ? values %{ $named{rule} } : ();
        my $result = $self->admin($name, \%named);
        return $LISTS{$name} && wantarray ? @$result : $result;
    };
}

sub request_token ($self, %form) {
    my ($status, $body) = _exchange(_connect($self->http_port), '1.0',
        '/oauth/token',
        encode_json({ grant_type => 'client_credentials', %form }));
    return ($status, eval { decode_json($body) });
}

# All values of a header of a journal entry.
sub entry_header ($self, $entry, $name) {
    return map { $_->[1] } grep { lc $_->[0] eq lc $name }
        @{ $entry->{headers} };
}

1;
