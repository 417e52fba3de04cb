package Auth0M2M::Tenant::Store;

# What the tenant holds: users, orgs, members, apis, clients, grants,
# org_grants.  Members and org_grants are keyed "org/id".

use v5.36;

use Crypt::PRNG qw(random_string random_string_from random_bytes_hex);
use POSIX       qw(strftime);
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

our @KINDS = qw(users orgs members apis clients grants org_grants);

# Management tokens' scopes that the sagas need, and no more.
our @LEAST_SCOPES = qw(
    read:users update:users_app_metadata
    read:organizations create:organizations create:organization_members
    read:clients create:clients delete:clients update:client_keys
    read:client_grants create:client_grants delete:client_grants
    read:organization_client_grants create:organization_client_grants
    delete:organization_client_grants
);

sub new ($class, %o) {
    my $self = bless { config => $o{config}, sequence => 0 }, $class;
    $self->{$_} = {} for @KINDS;
    return $self;
}

sub clear ($self) {
    $self->{$_} = {} for @KINDS;
    delete @$self{qw(dead lists)};
    return;
}

# While true, what is put counts as seed, not as made through the API.
sub seeding ($self, $on) { $self->{seeding} = $on; return }

sub _moment ($self) {
    return { time => clock_gettime(CLOCK_MONOTONIC),
        lists => { %{ $self->{lists} // {} } } };
}

sub put ($self, $kind, $key, $data) {
    my $old = $self->{$kind}{$key};
    $self->{$kind}{$key} = {
        data     => $data,
        key      => $key,
        sequence => $old ? $old->{sequence} : ++$self->{sequence},
        born     => $old ? $old->{born} : $self->_moment,
        seeded   => $old ? $old->{seeded} : $self->{seeding},
    };
    return $data;
}

sub get ($self, $kind, $key) {
    my $record = $self->{$kind}{ $key // '' } // return;
    return $record->{data};
}

sub drop ($self, $kind, $key) {
    my $record = delete $self->{$kind}{ $key // '' } or return 0;
    if ($self->{config}{stale}) {
        $record->{died} = $self->_moment;
        push @{ $self->{dead}{$kind} }, $record;
    }
    return 1;
}

sub _sorted (@records) {
    return sort { $a->{sequence} <=> $b->{sequence} } @records;
}

sub records ($self, $kind) { _sorted(values %{ $self->{$kind} }) }
sub all ($self, $kind) { map { $_->{data} } $self->records($kind) }
sub count ($self, $kind) { scalar keys %{ $self->{$kind} } }

# ---- lists that lag behind --------------------------------------------------

my @LAGGING = qw(client_list member_list organization_list);

# The records of a kind as the list named $step shows them now.
sub visible ($self, $kind, $step) {
    my $stale = $self->_stale_for($step) or return $self->records($kind);
    my $seen  = sub ($moment) {
        return $moment->{time} + $stale->{seconds}
            <= clock_gettime(CLOCK_MONOTONIC)
            if defined $stale->{seconds};
        return ($self->{lists}{$step} // 0)
            >= ($moment->{lists}{$step} // 0) + $stale->{requests};
    };
    my @shown = grep { $seen->($_->{born}) } values %{ $self->{$kind} };
    push @shown, grep { $seen->($_->{born}) && !$seen->($_->{died}) }
        @{ $self->{dead}{$kind} // [] };
    return _sorted(@shown);
}

sub _stale_for ($self, $step) {
    my $stale = $self->{config}{stale} or return;
    return if !grep { $_ eq $step } @{ $stale->{steps} // \@LAGGING };
    return $stale;
}

# One more answer of that list was given.
sub listed ($self, $step) { $self->{lists}{$step}++; return }

# ---- values -----------------------------------------------------------------

my $ALNUM = join '', 'A' .. 'Z', 'a' .. 'z', 0 .. 9;

sub alnum ($length) { random_string_from($ALNUM, $length) }
sub new_secret ()   { random_string_from("${ALNUM}_-", 64) }
sub new_user_id ()  { random_bytes_hex(12) }

sub timestamp ($time = time) {
    return strftime('%Y-%m-%dT%H:%M:%S', gmtime $time) . '.000Z';
}

# ---- queries used in several places -----------------------------------------

sub grant_for ($self, $client_id, $audience) {
    my ($grant) = grep {
        ($_->{client_id} // '') eq $client_id
            && $_->{audience} eq $audience
            && ($_->{subject_type} // 'client') eq 'client'
    } $self->all('grants');
    return $grant;
}

sub org_named ($self, $name) {
    my ($org) = grep { $_->{name} eq $name } $self->all('orgs');
    return $org;
}

# Keys of one kind that begin with "org/" or end with "/id".
sub pairs_of ($self, $kind, %o) {
    return grep {
        my ($org, $id) = split m{/}, $_->{key}, 2;
        (!defined $o{org} || $org eq $o{org})
            && (!defined $o{id} || $id eq $o{id})
    } $self->records($kind);
}

sub drop_pairs ($self, $kind, %o) {
    $self->drop($kind, $_->{key}) for $self->pairs_of($kind, %o);
    return;
}

sub drop_grant ($self, $id) {
    $self->drop_pairs('org_grants', id => $id);
    return $self->drop('grants', $id);
}

sub drop_client ($self, $id, $cascade) {
    return 0 if !$self->drop('clients', $id);
    if ($cascade) {
        $self->drop_grant($_->{id})
            for grep { ($_->{client_id} // '') eq $id } $self->all('grants');
    }
    return 1;
}

sub drop_org ($self, $id) {
    $self->drop_pairs($_, org => $id) for qw(members org_grants);
    return $self->drop('orgs', $id);
}

sub drop_user ($self, $id) {
    $self->drop_pairs('members', id => $id);
    return $self->drop('users', $id);
}

# ---- for the tests ----------------------------------------------------------

sub leftovers ($self) {
    my %name = (clients => 'clients', grants => 'client_grants',
        org_grants => 'organization_grants');
    return { map {
        my $kind = $_;
        $name{$kind} => [ map { $_->{key} }
            grep { !$_->{seeded} } $self->records($kind) ]
    } keys %name };
}

sub dump ($self) {
    my %all = map { $_ => [ $self->all($_) ] }
        qw(users orgs apis clients grants);
    for my $kind (qw(members org_grants)) {
        $all{$kind} =
            [ map { [ split m{/}, $_->{key}, 2 ] } $self->records($kind) ];
    }
    return \%all;
}

1;
