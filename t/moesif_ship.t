#!/usr/bin/perl

# No event is lost on the way: nginx, hourly files, syslog-ng, collector, with
# conf-examples/moesif/ as printed, while the collector is out, the shipper is
# killed and nginx's workers are killed.
#
# What must arrive: a request is logged before the next one of its connection
# is read, so each answer that was followed by another one on the same
# connection is an event that exists.  The last answer before a worker was
# killed may be or not be.

use v5.36;

use FindBin;
use POSIX qw(strftime);
use Test::More;
use Time::HiRes qw(time);

use lib "$FindBin::Bin/lib";
use Auth0M2M::Collector;
use Auth0M2M::Collector::JSON qw(decode_strict);
use Auth0M2M::MoesifExample;
use Auth0M2M::Shipper;
use Auth0M2M::Tenant;
use Auth0M2M::Test;
use Auth0M2M::Test::Client;

use constant {
    REQUESTS  => 6_000,
    PIPELINE  => 50,     # requests of one connection
    AT_ONCE   => 8,      # connections
    OLD_HOURS => 168,    # a week of files
};

if (my $missing = Auth0M2M::Shipper->missing) {
    plan skip_all => $missing;
}

my $tenant = Auth0M2M::Tenant->start(seed => 'demo');
my $n      = Auth0M2M::Test->new(
    Auth0M2M::MoesifExample::options(
        backend => '127.0.0.1:%%PORT_BACKEND%%',
        http    => <<'CONF'),
    # The backend sets the pace, so that there are always requests in hand.
    limit_req_zone  $server_port  zone=pace:32k  rate=250r/s;

    server {
        listen      127.0.0.1:%%PORT_BACKEND%%;
        root        %%DIR%%;
        access_log  off;

        location / {
            limit_req            zone=pace burst=100;
            limit_req_log_level  info;
            error_page           404 =200 @ok;
        }

        location @ok {
            return  200  "ok\n";
        }
    }
CONF
    tenant  => $tenant,
    workers => 2,
    start   => 0,
);
my $folder    = Auth0M2M::MoesifExample::prepare($n);
my $collector = Auth0M2M::Collector->start(tls => 1);
my $shipper   = Auth0M2M::Shipper->new(
    events    => $folder,
    collector => $collector,
);
$n->start;

# Who asks, and the company that must be named.

my $audience = 'https://api.acme.example/';
my %secret   = (cookie => 'cookieCanary0815', query => 'queryCanary4711');
my @callers  = (
    [ 'cus_DemoAcme01', token(org => 'org_demoAcme00000001') ],
    [ 'org_withoutCustomer1', token(org => 'org_withoutCustomer1') ],
    [ undef, token() ],
    [ undef, undef ],
    [ undef, token(org => 'org_demoAcme00000001', expires_in => -60) ],
);

sub token (%o) {
    return $tenant->token(audience => $audience, %o);
}

sub request ($path, $caller) {
    my ($company, $token) = @{ $callers[$caller] };
    my $authorization = $token ? "Authorization: Bearer $token\r\n" : '';

    return "GET $path?q=$secret{query} HTTP/1.1\r\nHost: api.acme.example\r\n"
        . "Cookie: s=$secret{cookie}\r\n$authorization\r\n";
}

# A week of earlier hours, one event in each, made from a real one.

is($n->request('GET', '/v1/first')->status, 401, 'a request without a token');
my $first = '';
my $hour  = strftime('%Y-%m-%dT%H', gmtime);

# the answer is sent before the log is written
$n->wait_for(sub { ($first) = Auth0M2M::MoesifExample::lines($folder) });

like($first, qr/^\{.*\}\n\z/, 'one line');
ok((grep {m{/ev-\Q$hour\E\.jsonl$}} glob "$folder/*")
    || $hour ne strftime('%Y-%m-%dT%H', gmtime),
    'in the file of this hour');

for my $i (1 .. OLD_HOURS) {
    my $slot = strftime('%Y-%m-%dT%H', gmtime(time - 3600 * ($i + 1)));
    my $line = $first =~ s/("transaction_id": ?")[^"]{12}/
        $1 . sprintf '%08x-%03x', $i, $i/er;

    spew("$folder/ev-$slot.jsonl", $line);
}

sub spew ($file, $text) {
    open my $out, '>', $file or die "$file: $!\n";
    print {$out} $text;
    close $out or die "$file: $!\n";
    return;
}

$shipper->start;
is($collector->wait_for(OLD_HOURS + 1, $n->bound(30)), OLD_HOURS + 1,
    'a week of files is found and shipped');

# The load, and what happens meanwhile: an action, and how it is known to have
# had its effect.  Requests go on all the time.

my %confirmed;    # path => caller
my %doubtful;
my $batches;
my @calamities = (
    [ sub { $collector->outage('refuse') },
        sub { $shipper->output =~ /Couldn\\?'t connect/ } ],
    [ \&kill_shipper, sub { $shipper->alive } ],
    [ sub { $n->kill_worker('KILL', $_) for $n->workers },
        sub { $n->workers == 2 && keys %doubtful } ],
    [ sub { $collector->outage('503') }, sub { answered_with(503) } ],
    [ sub { $collector->outage('hang') }, sub { answered_with(0) } ],
    [ \&kill_shipper, sub { $shipper->alive } ],
    [ sub { $batches = $collector->batches; $collector->outage('lost') },
        sub { $collector->batches > $batches } ],
    [ sub { $n->kill_worker('KILL') }, sub { $n->workers == 2 } ],
    [ sub { $collector->outage('') },
        sub { $collector->batches > $batches + 1 } ],
);

sub kill_shipper {
    $shipper->kill;
    $shipper->start;
    return;
}

sub answered_with ($status) {
    return grep { $_->[0] == $status } $collector->refused;
}

sub load {
    my ($serial, @open, $effect) = (0);
    my $end = time + $n->bound(60);

    while (keys %confirmed < REQUESTS || @calamities || $effect) {
        return 0 if time > $end;

        push @open, connection(++$serial) while @open < AT_ONCE;
        Auth0M2M::Test::Client->run([ map { $_->{client} } @open ], 0.05);

        for my $c (grep { $_->{client}->done } @open) {
            account($c);
            $c->{over} = 1;
        }

        @open = grep { !$_->{over} } @open;

        if ($effect && $effect->()) {
            undef $effect;

        } elsif (!$effect && @calamities) {
            (my $action, $effect) = @{ shift @calamities };
            $action->();
        }
    }

    Auth0M2M::Test::Client->run([ map { $_->{client} } @open ], 10);
    account($_) for @open;
    return 1;
}

sub connection ($serial) {
    my @requests = map {
        { path => "/v1/$serial/$_", caller => ($serial + $_) % @callers }
    } 1 .. PIPELINE;

    return {
        requests => \@requests,
        client   => Auth0M2M::Test::Client->new(
            port    => $n->port,
            bytes   => join('', map { request(@$_{qw(path caller)}) }
                    @requests),
            methods => [ ('GET') x PIPELINE ],
        ),
    };
}

sub account ($c) {
    my $got  = grep { $_->complete && $_->status } $c->{client}->responses;
    my $sure = $got == PIPELINE ? $got : $got ? $got - 1 : 0;

    $c->{client}->close;

    for my $i (0 .. PIPELINE - 1) {
        my $r = $c->{requests}[$i];
        ($i < $sure ? \%confirmed : \%doubtful)->{ $r->{path} }
            = $r->{caller};
    }

    return;
}

ok(load(), 'the load came to its end, and so did the calamities');

my @lines = Auth0M2M::MoesifExample::lines($folder);
chomp @lines;

is($collector->wait_for(scalar @lines, $n->bound(60)), scalar @lines,
    'every line of the files arrives: ' . @lines);

# What arrived.

my (%times, %at);
my @sent   = $collector->lines;
my @events = $collector->events;
my %lines  = map { $_ => 1 } @lines;

for my $i (0 .. $#events) {
    $times{ $sent[$i] }++;
    push @{ $at{ $events[$i]{request}{uri} =~ s{^https?://[^/]*}{}r } },
        $events[$i];
}

my %by_id;
$by_id{ $events[$_]{transaction_id} }{ $sent[$_] } = 1 for 0 .. $#events;

is((grep { !$lines{$_} } keys %times), 0, 'nothing arrives that is no line');
is((grep { !$times{$_} } keys %lines), 0, 'no line is lost');

my @lost  = grep { !$at{$_} } sort keys %confirmed;
my @alien = grep { m{^/v1/\d} && !exists $confirmed{$_}
        && !exists $doubtful{$_} } sort keys %at;

cmp_ok(scalar keys %confirmed, '>=', 5_000,
    'requests that were answered for sure: ' . keys %confirmed);
cmp_ok(scalar keys %doubtful, '>', 0,
    'workers died with requests in hand: ' . keys %doubtful);
is_deeply(\@lost, [], 'of these none is lost');
is_deeply(\@alien, [], 'no event without a request');

my $repeated = @sent - keys %times;

cmp_ok($repeated, '>', 0, "lost answers made duplicates: $repeated");
is((grep { keys %$_ > 1 } values %by_id), 0,
    'a duplicate is the same event with the same transaction_id');
is(scalar keys %by_id, scalar @lines, 'no two events share a transaction_id');

# Whose they are.

my @wrong = grep { !right_company($_, $confirmed{$_}) } sort keys %confirmed;
is_deeply(\@wrong, [],
    'the customer, else the organization; without a valid token no company');

sub right_company ($path, $caller) {
    my $expected = $callers[$caller][0];

    for my $event (@{ $at{$path} }) {
        return 0 if exists $event->{company_id} != defined $expected;
        return 0 if ($event->{company_id} // '') ne ($expected // '');
    }

    return 1;
}

my @secrets = (values %secret, map { split /\./ } grep {defined}
        map { $_->[1] } @callers);
my $pattern = join '|', map {quotemeta} grep { length > 40 || !/^eyJ/ }
    @secrets;

is((grep {/$pattern|Bearer|Cookie/i} @sent), 0,
    'no token, cookie or query in any event');

is_deeply([ grep { $_->[0] && $_->[0] != 503 } $collector->refused ], [],
    'no batch was refused but by the outage');
is_deeply([ $shipper->rejects ], [], 'nothing was rejected as unreadable');

# A line that is none is put aside and keeps nothing else.

my ($current) = reverse sort glob "$folder/ev-*.jsonl";
my $good      = $lines[-1] =~ s/("transaction_id": ?"[^"]{24})[^"]{12}/
    $1 . '0123456789ab'/er;

open my $out, '>>', $current or die "$current: $!\n";
print {$out} "$_\n" for '{"request":{"time":"20', "\xff", $good;
close $out or die "$current: $!\n";

is($collector->wait_for(@lines + 1, $n->bound(20)), @lines + 1,
    'a torn line does not hold up those after it');
ok($n->wait_for(sub { $shipper->rejects == 2 }, 10),
    'and is kept in the file of rejects');

# Replay: the hour under another name is sent again, as the same events.

my $seen = () = $collector->events;
my ($old) = sort glob "$folder/ev-*.jsonl";

spew($old =~ s/(?=\.jsonl)/-again/r, Auth0M2M::MoesifExample::slurp($old));
ok($n->wait_for(sub { (() = $collector->events) > $seen }, 20),
    'a copy of an hour is sent again');
is($collector->accepted, @lines + 1, 'and has no event that was not there');

# An application id that is refused holds the events, it does not lose them.

$shipper->identify('another-application');
$n->request('GET', '/v1/held');
ok($n->wait_for(sub { grep { $_->[0] == 401 } $collector->refused }, 20),
    'another application id is refused');
$shipper->identify($collector->application_id);
is($collector->wait_for(@lines + 2, $n->bound(30)), @lines + 2,
    'with the right one the event arrives');

$shipper->stop;
$n->stop;
undef $n;
done_testing;
