package Auth0M2M::Tenant::Limits;

# Token buckets and the headers that tell of them.

use v5.36;

use POSIX       qw(ceil);
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

# What a tenant without limits of its own shows: always nearly full.
my %USUAL = (management => [ 50, 49 ], token => [ 100, 99 ],
    jwks => [ 20, 19 ]);

sub new ($class, %o) { bless { config => $o{config}, level => {} }, $class }

sub reset ($self) { $self->{level} = {}; return }

# Takes one from every bucket the request falls into.  Returns the headers
# and whether the request is refused; a refused one takes nothing.
sub take ($self, $group, $step) {
    my $rate    = $self->{config}{rate} // {};
    my @buckets = map { $self->_filled($_, $rate->{$_}) }
        grep { _applies($_, $rate->{$_}, $group, $step) } sort keys %$rate;
    return { headers => _headers(@{ $USUAL{$group} }, 1) } if !@buckets;
    my ($tight) = sort { $a->{level} <=> $b->{level} } @buckets;
    my $refused = $tight->{level} < 1;
    if (!$refused) {
        $_->{level}-- for @buckets;
    }
    my $wait = _seconds_to_next($tight);
    my @headers = @{ _headers($tight->{rule}{burst},
        $refused ? 0 : int $tight->{level}, $wait) };
    push @headers, [ 'retry-after', $wait ]
        if $refused && $tight->{rule}{retry_after};
    return { headers => \@headers, refused => $refused };
}

sub _applies ($name, $rule, $group, $step) {
    return 0 if !$rule;
    return scalar grep { $_ eq $step } @{ $rule->{steps} } if $rule->{steps};
    return $name eq $group;
}

sub _filled ($self, $name, $rule) {
    my $now    = clock_gettime(CLOCK_MONOTONIC);
    my $bucket = $self->{level}{$name} //=
        { level => $rule->{burst}, at => $now };
    my $level = $bucket->{level} + ($now - $bucket->{at}) * $rule->{refill};
    $bucket->{level} = $level > $rule->{burst} ? $rule->{burst} : $level;
    @$bucket{qw(at rule)} = ($now, $rule);
    return $bucket;
}

sub _seconds_to_next ($bucket) {
    my $missing = 1 - ($bucket->{level} - int $bucket->{level});
    $missing = 1 - $bucket->{level} if $bucket->{level} < 1;
    my $refill = $bucket->{rule}{refill} || return 3600;
    my $wait   = ceil($missing / $refill);
    return $wait < 1 ? 1 : $wait;
}

sub _headers ($limit, $remaining, $wait) {
    return [
        [ 'x-ratelimit-limit',     $limit ],
        [ 'x-ratelimit-remaining', $remaining ],
        [ 'x-ratelimit-reset',     time + $wait ],
    ];
}

1;
