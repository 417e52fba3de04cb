package Auth0M2M::Tenant::Faults;

# Rules that spoil answers, and the ways to spoil them.

use v5.36;

use Auth0M2M::Tenant::Journal qw(filter);
use Auth0M2M::Tenant::Problem qw(usual_problem);
use Auth0M2M::Tenant::Wire
    qw(body_bytes chunk head_bytes json_answer json_bytes);

# kind => [ default effect, code($rule, $connection, $answer) ].  The code
# returns the status it sent, if any.
my %KIND = (
    status            => [ before => \&_status ],
    redirect          => [ before => \&_redirect ],
    html              => [ before => \&_html ],
    hang              => [ before => \&_hang ],
    reset             => [ before => \&_reset ],
    close             => [ before => \&_close ],
    raw               => [ before => \&_raw ],
    truncated         => [ after  => \&_truncated ],
    chunked_truncated => [ after  => \&_chunked_truncated ],
    stall             => [ after  => \&_stall ],
    garbage           => [ after  => \&_garbage ],
    empty             => [ after  => \&_empty ],
    oversized         => [ after  => \&_oversized ],
    content_type      => [ after  => \&_content_type ],
    delay             => [ after  => \&_delay ],
    drip              => [ after  => \&_drip ],
    gzip              => [ after  => \&_gzip ],
    many_1xx          => [ after  => \&_many_1xx ],
    endless           => [ after  => \&_endless ],
);

sub new ($class, %o) {
    return bless { journal => $o{journal}, rules => [], hanging => {} },
        $class;
}

sub add ($self, $rule) {
    my $kind = $KIND{ $rule->{kind} // '' }
        or die 'fault: no kind ' . ($rule->{kind} // '(none)') . "\n";
    my $effect = $rule->{effect} // $kind->[0];
    $effect =~ /\A(?:before|after)\z/ or die "fault: no effect $effect\n";
    push @{ $self->{rules} }, {
        id     => ++$self->{last_id},
        rule   => $rule,
        fits   => filter({ map { $_ => $rule->{$_} }
                    qw(step method path scheme) }),
        effect => $effect,
        seen   => 0,
        hits   => 0,
    };
    return $self->{last_id};
}

sub list ($self) {
    return [ map { { %$_{qw(id hits rule)} } } @{ $self->{rules} } ];
}

sub clear ($self) {
    $self->{rules} = [];
    $_->close for grep { $_->busy } values %{ $self->{hanging} };
    $self->{hanging} = {};
    return;
}

# The rule that fires for this entry, counted.
sub take ($self, $entry) {
    for my $r (@{ $self->{rules} }) {
        my $count = $r->{rule}{count} // 1;
        next if !$r->{fits}->($entry);
        next if $r->{seen}++ < ($r->{rule}{skip} // 0);
        next if $count ne 'always' && $r->{hits} >= $count;
        $r->{hits}++;
        return $r;
    }
    return;
}

# $answer is undef where the request was not executed.
sub spoil ($self, $r, $connection, $entry, $answer, $row) {
    my $rule = $r->{rule};
    my $usual = defined $rule->{status} && $rule->{status} >= 400
        ? usual_problem($rule->{status}, $entry->{step}, $row->{scopes} // [])
        : json_answer(200, {});
    my $base = { %{ $answer // json_answer(200, {}) } };
    $base->{framing} = $rule->{framing} if $rule->{framing};
    my $status = $KIND{ $rule->{kind} }[1]->(
        $rule, $connection, $base,
        usual => $usual,
        later => sub ($status) { $self->{journal}->done($entry, $status) },
    );
    $self->_remember($connection) if !$connection->gone;
    $self->{journal}->done($entry, $status)
        if $rule->{kind} !~ /\A(?:delay|drip)\z/;
    return;
}

# Those that may wait for ever.
sub _remember ($self, $connection) {
    delete @{ $self->{hanging} }{ grep { $self->{hanging}{$_}->gone }
            keys %{ $self->{hanging} } };
    $self->{hanging}{ $connection->id } = $connection;
    return;
}

# ---- the ways ---------------------------------------------------------------

# Lays the rule's status, headers and body over an answer.
sub override ($rule, $answer) {
    my %laid = %$answer;
    $laid{status} = $rule->{status} if defined $rule->{status};
    my %new = %{ $rule->{headers} // {} };
    my %replaced = map { lc $_ => 1 } keys %new;
    $laid{headers} = [
        (grep { !$replaced{ lc $_->[0] } } @{ $answer->{headers} }),
        map { [ $_, $new{$_} ] } grep { defined $new{$_} } sort keys %new,
    ];
    return \%laid if !defined $rule->{body};
    delete $laid{json};
    ref $rule->{body}
        ? ($laid{json} = $rule->{body})
        : ($laid{body} = $rule->{body});
    return \%laid;
}

sub _send ($connection, $answer) {
    $connection->send($answer);
    return $answer->{status};
}

sub _status ($rule, $connection, $answer, %more) {
    my $usual = $more{usual};
    if (($rule->{status} // 0) == 429) {
        push @{ $usual->{headers} }, [ 'x-ratelimit-limit', 50 ],
            [ 'x-ratelimit-remaining', 0 ], [ 'x-ratelimit-reset', time + 1 ];
    }
    $usual->{framing} = $answer->{framing} if $answer->{framing};
    return _send($connection, override($rule, $usual));
}

sub _redirect ($rule, $connection, $answer, %) {
    return _send($connection, { status => $rule->{status} // 302,
        headers => [ [ 'location',
            $rule->{location} // 'https://elsewhere.test/' ] ],
        body => 'Found. Redirecting' });
}

sub _html ($rule, $connection, $answer, %) {
    return _send($connection, { status => $rule->{status} // 200,
        headers => [ [ 'content-type', 'text/html; charset=utf-8' ] ],
        body => "<!DOCTYPE html><html><head><title>Sorry</title></head>"
            . "<body><h1>Something went wrong</h1></body></html>\n" });
}

sub _hang ($rule, $connection, $answer, %) {
    $connection->after($rule->{for}, sub { $connection->close })
        if $rule->{for};
    return;
}

sub _whole ($connection, $answer) {
    my $framed = $connection->frame_for($answer);
    return ($framed, head_bytes($framed) . body_bytes($framed));
}

sub _first ($rule, $connection, $answer) {
    my $n = $rule->{bytes} or return (undef, '');
    my ($framed, $bytes) = _whole($connection, $answer);
    return ($n >= 12 ? $framed->{status} : undef, substr $bytes, 0, $n);
}

sub _reset ($rule, $connection, $answer, %) {
    my ($status, $bytes) = _first($rule, $connection, $answer);
    $connection->reset($bytes);
    return $status;
}

sub _close ($rule, $connection, $answer, %) {
    my ($status, $bytes) = _first($rule, $connection, $answer);
    $connection->send_bytes($bytes, 1);
    return $status;
}

sub _raw ($rule, $connection, $answer, %) {
    $connection->send_bytes($rule->{body} // '', 1);
    return;
}

# The answer with a length, its bytes cut in half (at least one is missing).
sub _half ($connection, $answer) {
    my $framed = $connection->frame_for({ %$answer, framing => 'length' });
    my $body   = $framed->{body};
    if ($body eq '') {
        $framed->{headers} = [
            (grep { $_->[0] ne 'content-length' } @{ $framed->{headers} }),
            [ 'content-length', 2 ],
        ];
    }
    return ($framed, head_bytes($framed)
            . substr $body, 0, int(length($body) / 2));
}

sub _truncated ($rule, $connection, $answer, %) {
    my ($framed, $bytes) = _half($connection, $answer);
    $connection->send_bytes($bytes, 1);
    return $framed->{status};
}

sub _stall ($rule, $connection, $answer, %) {
    my ($framed, $bytes) = _half($connection, $answer);
    $connection->write($bytes);
    return $framed->{status};
}

sub _chunked_truncated ($rule, $connection, $answer, %) {
    my $framed = $connection->frame_for({ %$answer, framing => 'chunked' });
    my $body   = $framed->{body} eq '' ? '{}' : $framed->{body};
    my $cut    = substr chunk($body), 0, -(2 + int(length($body) / 2));
    $connection->send_bytes(head_bytes($framed) . $cut, 1);
    return $framed->{status};
}

sub _garbage ($rule, $connection, $answer, %) {
    my %bad = (%$answer, body => $rule->{body} // '{"id": oops, not JSON');
    return _send($connection, \%bad);
}

sub _empty ($rule, $connection, $answer, %) {
    return _send($connection, { %$answer, body => '', framing => 'length' });
}

sub _oversized ($rule, $connection, $answer, %) {
    my $size = $rule->{size} // 1024 * 1024;
    my $json = $answer->{json};
    my $pad  = 'x' x $size;
    my %big  = (%$answer, json => ref $json eq 'ARRAY'
        ? [ @$json, { padding => $pad } ]
        : { %{ $json // {} }, padding => $pad });
    return _send($connection, \%big);
}

sub _content_type ($rule, $connection, $answer, %) {
    my %headers = ('content-type' => $rule->{type} // 'text/plain');
    return _send($connection, override({ headers => \%headers }, $answer));
}

sub _gzip ($rule, $connection, $answer, %) {
    return _send($connection, { %$answer, force_gzip => 1 });
}

sub _delay ($rule, $connection, $answer, %more) {
    $connection->after(($rule->{ms} // 500) / 1000, sub {
        $more{later}->(_send($connection, $answer));
    });
    return;
}

sub _drip ($rule, $connection, $answer, %more) {
    my ($framed, $bytes) = _whole($connection, $answer);
    my $rate = $rule->{rate} // 10;
    my $step = $rate > 50 ? int $rate / 50 : 1;
    $connection->every($step / $rate, sub {
        my $part = substr $bytes, 0, $step, '';
        return $connection->write($part) if $bytes ne '';
        $connection->stop_timers;
        $more{later}->($framed->{status});
        $connection->send_bytes($part, $framed->{close});
    });
    return;
}

sub _many_1xx ($rule, $connection, $answer, %) {
    my $hint = "HTTP/1.1 103 Early Hints\r\nlink: </x>; rel=preload\r\n\r\n";
    $connection->write($hint x ($rule->{n} // 100));
    return _send($connection, $answer);
}

sub _endless ($rule, $connection, $answer, %) {
    my $framed = $connection->frame_for({ %$answer, body => '',
        framing => 'chunked' });
    my $rate = $rule->{rate} // 1024 * 1024;
    $connection->write(head_bytes($framed) . chunk('{"endless":"'));
    $connection->every(0.02, sub {
        $connection->write(chunk('x' x (1 + int $rate / 50)))
            if $connection->{stream} && $connection->{stream}->can_write;
    });
    return $framed->{status};
}

1;
