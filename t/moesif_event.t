#!/usr/bin/perl

# $auth0_m2m_moesif_event: what is in it, and that nothing a client or a
# backend sends makes it anything but a valid event.

use v5.36;
use builtin qw(created_as_number);
no warnings 'experimental::builtin';

use FindBin;
use IO::Socket::INET;
use POSIX qw(strftime);
use Test::More;
use Time::HiRes qw(time);

use lib "$FindBin::Bin/lib";
use Auth0M2M::Collector;
use Auth0M2M::Collector::JSON qw(decode_strict);
use Auth0M2M::Collector::Schema qw(complaint seconds);
use Auth0M2M::MoesifExample;
use Auth0M2M::MoesifHostile;
use Auth0M2M::Shipper;
use Auth0M2M::Tenant;
use Auth0M2M::Test;
use Auth0M2M::Test::Client;

my %canary = map { $_ => "canary${_}0815" }
    qw(cookie query basic setcookie password fragment);
my $audience = 'https://api.acme.example/';
my $tenant   = Auth0M2M::Tenant->start(seed => 'demo');
my $silent   = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 64)
    or die "no socket: $@\n";

my $http = <<'CONF';
    log_format  moesif  escape=none  '$auth0_m2m_moesif_event';
    access_log  %%DIR%%/moesif/ev-$auth0_m2m_moesif_slot.jsonl  moesif;

    auth0_m2m_domain    %%TENANT_DOMAIN%%;
    auth0_m2m_upstream  %%TENANT_HTTP%%;
    auth0_m2m_audience  https://api.acme.example/;
    auth0_m2m_moesif    request_header=X-Thing response_header=X-Answer;

    client_header_timeout        300ms;
    client_body_timeout          300ms;
    large_client_header_buffers  4 32k;
    proxy_buffer_size            64k;
    proxy_buffers                8 64k;
    proxy_busy_buffers_size      128k;
    proxy_cache_path             %%DIR%%/cache keys_zone=cache:1m;

    upstream retried {
        server  127.0.0.1:%%PORT_NOBODY%%;
        server  127.0.0.1:%%PORT_NOBODY2%%;
        server  %%BACKEND%% backup;
    }

    server {
        listen       127.0.0.1:%%PORT%%;
        listen       127.0.0.1:%%PORT_H2%% http2;
        server_name  gateway.acme.example;
        root         %%DIR%%;

        location / {
            auth0_m2m   on;
            proxy_pass  http://%%BACKEND%%;
        }

        location /open/ { return 204; }
        location /file/ { }

        location /retried/ {
            auth0_m2m                     optional;
            proxy_next_upstream_tries     3;
            proxy_pass                    http://retried;
        }

        location /down/ { proxy_pass http://127.0.0.1:%%PORT_NOBODY%%; }

        location /silent/ {
            proxy_pass          http://%%SILENT%%;
            proxy_read_timeout  300ms;
        }

        location /left/ { proxy_pass http://%%SILENT%%; }

        location /cached/ {
            proxy_cache        cache;
            proxy_cache_valid  200 1m;
            proxy_pass         http://%%BACKEND%%;
        }

        location /named/ {
            auth0_m2m   optional;
            error_page  404 = @elsewhere;
        }

        location @elsewhere { proxy_pass http://%%BACKEND%%; }

        location /accel/ { internal; return 200 "accel\n"; }

        location /asked/ {
            auth_request  /asks/;
            proxy_pass    http://%%BACKEND%%;
        }

        location /asks/ { internal; return 204; }

        location /ids/ {
            auth0_m2m_moesif  company=$arg_company user=$arg_user query=on;
            return            204;
        }

        location /twice/ {
            access_log  %%DIR%%/moesif/ev-$auth0_m2m_moesif_slot.jsonl moesif;
            access_log  %%DIR%%/second.jsonl moesif;
            return      204;
        }
    }
CONF

my $n = Auth0M2M::Test->new(
    http    => $http,
    tenant  => $tenant,
    backend => \&backend,
    macros  => { SILENT => '127.0.0.1:' . $silent->sockport },
    start   => 0,
);
my $folder = Auth0M2M::MoesifExample::prepare($n);
$n->start;

sub backend ($request) {
    my %answers = (
        '/hostile-answer' => [ 200, [
            'Content-Type', "text/\xff\"\\\xc3",
            'X-Answer', "\x01\x02\t\xed\xa0\x80\"}", 'X-Answer', "\xe2\x80",
            'Set-Cookie', "s=$canary{setcookie}" ], 'x' ],
        '/huge-answer' => [ 200, [ 'X-Answer', "\x01\xff" x 8_000 ], '' ],
        '/status-999'  => "HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n",
        '/garbage'     => "\x00\xff garbage\r\n\r\n",
        '/accelerated' => [ 200, [ 'X-Accel-Redirect', '/accel/x' ], '' ],
    );
    my $path = $request->path =~ s/\?.*//r;

    return $answers{$path} // [ 200, [ 'X-Answer', 'yes' ], "backend\n" ];
}

# Asking.  The answer is sent before the event is written.

my %token = (
    good    => token(org => 'org_demoAcme00000001', client_id => 'client1'),
    no_org  => token(client_id => 'client2'),
    expired => token(org => 'org_demoAcme00000001', expires_in => -60),
);

sub token (%o) {
    return $tenant->token(audience => $audience, %o);
}

sub events_of ($count, $ask) {
    my @before = Auth0M2M::MoesifExample::lines($folder);
    my @now;

    $ask->();
    $n->wait_for(sub {
        @now = Auth0M2M::MoesifExample::lines($folder);
        @now >= @before + $count;
    }, 10);

    return @now[ scalar(@before) .. $#now ];
}

sub event ($path, @headers) {
    my @lines = events_of(1, sub { $n->get($path, @headers) });
    return decode_strict($lines[0] =~ s/\n\z//r);
}

# What is in it.

my $begin = time;
my $event = event("/v1/a%20b/%C3%A9?key=$canary{query}",
    Host => 'api.acme.example', 'User-Agent' => 'test/1',
    'X-Thing' => 'one', 'X-Thing' => 'two', 'X-Other' => 'other',
    Cookie => "s=$canary{cookie}", Authorization => "Bearer $token{good}");

is(complaint($event), undef, 'a valid event');
like($event->{request}{uri},
    qr{\Ahttp://api\.acme\.example(?::\d+)?/v1/a%20b/%C3%A9\z},
    'absolute URI without the query');
is($event->{request}{verb}, 'GET', 'method');
is($event->{request}{ip_address}, '127.0.0.1', 'address');
is($event->{response}{status}, 200, 'status');
is($event->{company_id}, 'org_demoAcme00000001', 'company');
is($event->{user_id}, 'client1', 'user');
is($event->{direction}, 'Incoming', 'direction');

my %headers = map { lc $_ => $event->{request}{headers}{$_} }
    keys %{ $event->{request}{headers} };

is_deeply(\%headers, {
    host         => 'api.acme.example',
    'user-agent' => 'test/1',
    'x-thing'    => 'one',
}, 'the headers that were named, and no other');

%headers = map { lc $_ => $event->{response}{headers}{$_} }
    keys %{ $event->{response}{headers} };
is_deeply(\%headers, {
    'content-type'   => 'text/plain',
    'content-length' => '8',
    'x-answer'       => 'yes',
}, 'of the answer as well');

cmp_ok(seconds($event->{request}{time}), '>=', int($begin * 1000) / 1000 - 1,
    'begins when it began');
cmp_ok(seconds($event->{response}{time}), '<=', time + 0.001,
    'ends when it ended');

$event = event('/silent/', Host => 'api.acme.example');
cmp_ok(seconds($event->{response}{time}) - seconds($event->{request}{time}),
    '>=', 0.29, 'a slow request: the begin is its own');

$event = event('/retried/x');
is($event->{response}{status}, 200, 'upstream retries');
is_number($event->{metadata}{$_}, "a number: $_")
    for qw(upstream_time request_time bytes_sent bytes_received);
like($event->{metadata}{gateway}, qr/./, 'name of the gateway');

event('/cached/x');
is(event('/cached/x')->{metadata}{cache_status}, 'HIT', 'cache status');
ok(!exists event('/open/')->{metadata}{$_}, "no upstream, no $_")
    for qw(upstream_time cache_status);

sub is_number ($value, $name) {
    return ok(created_as_number($value // ''), $name);
}

# Whose it is.

for (
    [ 'no token',         [] ],
    [ 'an expired token', [ Authorization => "Bearer $token{expired}" ] ],
    [ 'another scheme',   [ Authorization => "Basic $canary{basic}" ] ],
    [ 'a forged token',
        [ Authorization => 'Bearer ' . $token{good} =~ s/\..*?\./.e30./r ] ],
    )
{
    my ($name, $headers) = @$_;

    for my $path (qw(/v1/x /retried/x)) {
        my $e = event($path, @$headers);
        ok(!exists $e->{company_id} && !exists $e->{user_id},
            "$name: no company, no user ($path)");
    }
}

$event = event('/v1/x', Authorization => "Bearer $token{no_org}");
ok(!exists $event->{company_id}, 'a token without organization: no company');
is($event->{user_id}, 'client2', 'but a user');

$event = event('/ids/?company=cus%2F1&user=u1');
is($event->{company_id}, 'cus%2F1', 'company=');
is($event->{user_id}, 'u1', 'user=');
like($event->{request}{uri}, qr{/ids/\?company=cus%2F1&user=u1$}, 'query=on');

$event = event('/ids/');
ok(!exists $event->{company_id} && !exists $event->{user_id},
    'empty values are absent members');

# Twice in one request it is the same event.

my ($line) = events_of(1, sub { $n->get('/twice/') });
my $second = $n->path('second.jsonl');
$n->wait_for(sub { -s $second });
$second = Auth0M2M::MoesifExample::slurp($second);
is(decode_strict($second =~ s/\n\z//r)->{transaction_id},
    decode_strict($line =~ s/\n\z//r)->{transaction_id},
    'two logs, one transaction_id');

my @hours = map { strftime('%Y-%m-%dT%H', gmtime($_)) } $begin, time;
is((grep { !m{/ev-(?:$hours[0]|$hours[1])\.jsonl\z} } glob "$folder/*"), 0,
    'files are named by the UTC hour');

# Hostile requests: each leaves one event that fits the schema.

my $auth = "Authorization: Bearer $token{good}";

for (Auth0M2M::MoesifHostile::requests($token{good}, \%canary)) {
    my ($name, $bytes) = @$_;
    judged($name, 1, sub { $n->raw($bytes) });
}

sub judged ($name, $count, $ask) {
    my @lines = events_of($count, $ask);
    my @wrong = map { wrong($_) } @lines;

    push @wrong, @lines . " events instead of $count" if @lines != $count;
    is_deeply(\@wrong, [], $name) or diag map { substr $_, 0, 2000 } @lines;
    return map { decode_strict(s/\n\z//r) } @lines;
}

sub wrong ($line) {
    return 'no line end' if $line !~ s/\n\z//;
    my $e = eval { decode_strict($line) } or return $@;
    return complaint($e) // ();
}

# Requests given up.

sub gives_up ($bytes, $condition = sub {1}) {
    my $client = Auth0M2M::Test::Client->new(port => $n->port,
        bytes => $bytes, methods => []);

    $n->wait_for(sub { $client->step; $client->{out} eq '' });
    $n->wait_for($condition);
    $client->close(reset => 1);
    return;
}

judged('given up in the request line', 1, sub { gives_up("GET /v1/\xff") });
judged('given up in the headers', 1,
    sub { gives_up("GET /v1/x HTTP/1.1\r\nHost: a\r\nUser-Agent: \xff") });
judged('given up in the body', 1, sub {
    gives_up(Auth0M2M::MoesifHostile::head('POST /v1/x HTTP/1.1', 'Host: a',
        'Content-Length: 100', $auth) . 'x');
});

my ($left) = judged('given up while the backend works', 1, sub {
    gives_up(Auth0M2M::MoesifHostile::head('GET /left/x HTTP/1.1', 'Host: a'),
        sub { $silent->blocking(0); $silent->accept });
});
is($left->{response}{status}, 499, 'is a status of 499');

# HTTP/2, pipelining.

judged('HTTP/2', 1, sub {
    $n->h2('GET', "/v1/\xc3\xa9?$canary{query}", [
        'user-agent'  => "\xff\xfe\"",
        Authorization => "Bearer $token{good}",
    ]);
});
judged('three requests in one go', 3, sub {
    $n->pipeline(map { [ 'GET', "/v1/$_" ] } 1 .. 3);
});

# Nothing that gives access is in any event.

my @lines = Auth0M2M::MoesifExample::lines($folder);
my $pattern = join '|', map {quotemeta} values %canary,
    map { (split /\./)[ 1, 2 ] } values %token;

is((grep {/$pattern|Bearer|Basic/} @lines), 0,
    'no token, cookie, password or query in ' . @lines . ' events');

my %ids = map { decode_strict(s/\n\z//r)->{transaction_id} => 1 } @lines;
is(scalar keys %ids, scalar @lines, 'each has a transaction_id of its own');

is((grep { length > 8192 + 1 } @lines), 0, 'none is longer than documented');

# They arrive.

SKIP: {
    my $missing = Auth0M2M::Shipper->missing;
    skip $missing, 3 if $missing;

    my $collector = Auth0M2M::Collector->start;
    my $shipper   = Auth0M2M::Shipper->new(events => $folder,
        collector => $collector);

    $shipper->start;
    is($collector->wait_for(scalar @lines, $n->bound(20)), scalar @lines,
        'all arrive');
    is_deeply([ $collector->refused ], [], 'none is refused');
    is_deeply([ $shipper->rejects ], [], 'none is rejected');
}

# Configurations that would send what gives access.

for (
    [ 'request_header=Authorization',       'Authorization' ],
    [ 'request_header=cookie',              'cookie' ],
    [ 'request_header=Proxy-Authorization', 'Proxy-Authorization' ],
    [ 'response_header=SET-COOKIE',         'SET-COOKIE' ],
    [ 'query=perhaps',                      'query' ],
    [ 'body=on',                            'body' ],
    )
{
    my ($parameter, $word) = @$_;
    my ($exit, $output)
        = Auth0M2M::Test->conf_test(server => "auth0_m2m_moesif $parameter;");

    isnt($exit, 0, "$parameter fails nginx -t");
    like($output, qr/\[emerg\].*$word.* in .*:\d+/, 'and says why and where');
}

$n->stop;
undef $n;
done_testing;
