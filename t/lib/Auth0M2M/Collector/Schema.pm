package Auth0M2M::Collector::Schema;

# What the collector's documentation asks of an event, one table.  Stricter in
# three places, because here it is this project that sends: no member beyond
# those, times in UTC with milliseconds, and identifiers that say something.

use v5.36;
use builtin qw(created_as_number);
no warnings 'experimental::builtin';

use Exporter 'import';
use Socket qw(AF_INET AF_INET6 inet_pton);
use Time::Local qw(timegm_modern);

our @EXPORT_OK = qw(complaint seconds);

use constant {
    MAX_EVENT => 1_000_000,      # bytes
    MAX_AGE   => 30 * 86_400,    # older events are refused
    MAX_AHEAD => 60,             # a clock may be ahead by this
};

# name => [type, required]
my %EVENT = (
    request        => [ \&_request, 1 ],
    response       => [ \&_response, 1 ],
    company_id     => [ \&_id ],
    user_id        => [ \&_id ],
    direction      => [ \&_direction, 1 ],
    transaction_id => [ \&_uuid, 1 ],
    metadata       => [ \&_metadata ],
);

my %REQUEST = (
    time              => [ \&_time, 1 ],
    uri               => [ \&_uri, 1 ],
    verb              => [ \&_verb, 1 ],
    headers           => [ \&_headers, 1 ],
    ip_address        => [ \&_ip ],
    transfer_encoding => [ \&_transfer_encoding ],
    api_version       => [ \&_id ],
);

my %RESPONSE = (
    time              => [ \&_time, 1 ],
    status            => [ \&_status, 1 ],
    headers           => [ \&_headers, 1 ],
    ip_address        => [ \&_ip ],
    transfer_encoding => [ \&_transfer_encoding ],
);

# What is wrong with a decoded event, undef when nothing is.
sub complaint ($event) {
    return _members($event, \%EVENT) // _order($event);
}

sub _members ($object, $table) {
    return 'is no object' if ref $object ne 'HASH';
    for my $name (sort keys %$object) {
        my $rule  = $table->{$name} // return "$name: not in the schema";
        my $wrong = $rule->[0]->($object->{$name}) // next;
        return "$name: $wrong";
    }
    for my $name (sort grep { $table->{$_}[1] } keys %$table) {
        return "$name: missing" if !exists $object->{$name};
    }
    return;
}

sub _request ($v)  { return _members($v, \%REQUEST) }
sub _response ($v) { return _members($v, \%RESPONSE) }

sub _is_text ($v) {
    return defined $v && !ref $v && !builtin::is_bool($v)
        && !created_as_number($v);
}

sub _text ($v, $pattern, $what) {
    return 'is no string' if !_is_text($v);
    return $v =~ $pattern ? undef : "is $what";
}

sub _id ($v) {
    return _text($v, qr/\A[^\x00-\x1f\x7f]+\z/,
        'empty or has control characters');
}

sub _uuid ($v) {
    return _text($v, qr/\A[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\z/,
        'no UUID of 36 characters');
}

sub _direction ($v) {
    return _text($v, qr/\A(?:Incoming|Outgoing)\z/, 'no direction');
}

sub _verb ($v) {
    return _text($v, qr/\A[!#\$%&'*+.^_`|~0-9A-Za-z-]+\z/, 'no method');
}

sub _transfer_encoding ($v) {
    return _text($v, qr/\A(?:json|base64)?\z/, 'no transfer encoding');
}

# RFC 3986, absolute, http or https, with a host.
my $pchar = qr/(?:[A-Za-z0-9._~!\$&'()*+,;=:\@-]|%[0-9A-Fa-f]{2})/;
my $host  = qr/(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9._~!\$&'()*+,;=-]
              |%[0-9A-Fa-f]{2})+)/x;

sub _uri ($v) {
    return _text($v, qr{\Ahttps?://$host(?::[0-9]{1,5})?
        (?:/(?:$pchar|/)*+)?(?:\?(?:$pchar|[/?])*+)?\z}x, 'no absolute URI');
}

sub _ip ($v) {
    return 'is no string' if !_is_text($v);
    return if inet_pton(AF_INET, $v) || inet_pton(AF_INET6, $v);
    return 'is no address';
}

sub _status ($v) {
    return 'is no integer' if !defined $v || !created_as_number($v)
        || $v != int $v;
    return $v >= 100 && $v <= 999 ? undef : 'is no status';
}

# A map of strings; a name cannot come twice, the decoder sees to it, but
# header names are the same in any case of letters.
sub _headers ($v) {
    return 'is no object' if ref $v ne 'HASH';
    my %seen;
    for my $name (sort keys %$v) {
        return "$name: no header name"
            if $name !~ /\A[!#\$%&'*+.^_`|~0-9A-Za-z-]+\z/;
        return "$name: twice" if $seen{ lc $name }++;
        return "$name: is no string" if !_is_text($v->{$name});
    }
    return;
}

sub _metadata ($v) {
    return ref $v eq 'HASH' ? undef : 'is no object';
}

sub _time ($v) {
    my $time = seconds($v) // return 'is no UTC time with milliseconds';
    return 'is too old'        if $time < time - MAX_AGE;
    return 'is in the future'  if $time > time + MAX_AHEAD;
    return;
}

# Since 1970, of a time in the form asked for; undef for another.
sub seconds ($v) {
    return if !_is_text($v);
    my ($y, $mon, $d, $h, $min, $s, $ms) = $v =~
        /\A(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{3})Z\z/a
        or return;
    my $time = eval { timegm_modern($s, $min, $h, $d, $mon - 1, $y) };
    return defined $time ? $time + $ms / 1000 : undef;
}

sub _order ($event) {
    my ($begin, $end)
        = map { seconds($event->{$_}{time}) } qw(request response);
    return $begin > $end ? 'response: before the request' : undef;
}

1;
