package Auth0M2M::Tenant::Schema;

# The part of JSON Schema that Auth0's payloads use, with the messages of
# z-schema, which Auth0 quotes in its 400s.

use v5.36;

use Exporter   'import';
use Mojo::JSON ();

our @EXPORT_OK = qw(check errors_text string bool array object enum);

# ---- writing schemas --------------------------------------------------------

sub string ($description, %more) {
    return { type => ['string'], description => $description, %more };
}

sub bool ($description, %more) {
    return { type => ['boolean'], description => $description, %more };
}

sub array ($description, $items, %more) {
    return { type => ['array'], description => $description,
        items => $items, %more };
}

sub enum ($description, @values) {
    return string($description, enum => \@values);
}

# additional: a schema for other members, 0 to refuse them; default any.
sub object ($description, $properties, %more) {
    return { type => ['object'], description => $description,
        properties => $properties, %more };
}

# ---- checking ---------------------------------------------------------------

my %FORMAT = (
    'organization-name' => qr/\A[a-z0-9][a-z0-9_-]{0,49}\z/,
    'organization-id'   => qr/\Aorg_[A-Za-z0-9]{1,46}\z/,
    'client-grant-id'   => qr/\Acgr_[A-Za-z0-9]{1,46}\z/,
    'user-id-with-max-length' => qr/\A(?=.{3,255}\z)[^|\s]+\|\S+\z/,
    'email'      => qr/\A[^\s@<>]{1,64}@[^\s@<>.]+(?:\.[^\s@<>.]+)+\z/,
    'strict-uri' => qr/\Ahttps?:\/\/[^\s\/]+\S*\z/,
);

sub type_of ($value) {
    return 'null'    if !defined $value;
    return 'array'   if ref $value eq 'ARRAY';
    return 'object'  if ref $value eq 'HASH';
    return 'boolean' if ref $value;
    my $text = Mojo::JSON::encode_json($value);
    return 'string' if $text =~ /\A"/;
    return $text =~ /\A-?\d+\z/ ? 'integer' : 'number';
}

my %CHECK = (
    string  => \&_string,
    array   => \&_array,
    object  => \&_object,
    integer => \&_integer,
);

# A list of [message, path, description].
sub check ($schema, $value, @path) {
    my $type  = type_of($value);
    my $types = $schema->{type} // [$type];
    my $fits  = grep { $_ eq $type || $_ eq 'number' && $type eq 'integer' }
        @$types;
    return _error($schema, \@path, 'Expected type '
            . join(',', @$types) . " but found type $type")
        if !$fits;
    my @errors = $CHECK{$type} ? $CHECK{$type}->($schema, $value, @path) : ();
    if ($schema->{enum} && defined $value
        && !grep { $_ eq $value } @{ $schema->{enum} })
    {
        push @errors, _error($schema, \@path, "No enum match for: $value");
    }
    return @errors;
}

sub _error ($schema, $path, $message) {
    return [ $message, join('.', @$path), $schema->{description} ];
}

sub _string ($schema, $value, @path) {
    my @messages;
    my $n = length $value;
    push @messages, "String is too short ($n chars), minimum "
        . $schema->{minLength}
        if $n < ($schema->{minLength} // 0);
    push @messages, "String is too long ($n chars), maximum "
        . $schema->{maxLength}
        if defined $schema->{maxLength} && $n > $schema->{maxLength};
    push @messages,
        "String does not match pattern $schema->{pattern}: $value"
        if defined $schema->{pattern} && $value !~ /$schema->{pattern}/;
    push @messages, "Object didn't pass validation for format "
        . "$schema->{format}: $value"
        if $schema->{format} && $value !~ $FORMAT{ $schema->{format} };
    return map { _error($schema, \@path, $_) } @messages;
}

sub _integer ($schema, $value, @path) {
    my @messages;
    push @messages,
        "Value $value is less than minimum $schema->{minimum}"
        if defined $schema->{minimum} && $value < $schema->{minimum};
    push @messages,
        "Value $value is greater than maximum $schema->{maximum}"
        if defined $schema->{maximum} && $value > $schema->{maximum};
    return map { _error($schema, \@path, $_) } @messages;
}

sub _array ($schema, $value, @path) {
    my @messages;
    my $n = @$value;
    push @messages, "Array is too short ($n), minimum $schema->{minItems}"
        if $n < ($schema->{minItems} // 0);
    push @messages, "Array is too long ($n), maximum $schema->{maxItems}"
        if defined $schema->{maxItems} && $n > $schema->{maxItems};
    push @messages, _duplicates($value) if $schema->{uniqueItems};
    return (
        (map { _error($schema, \@path, $_) } @messages),
        map { check($schema->{items}, $value->[$_], @path, $_) } 0 .. $n - 1,
    );
}

sub _duplicates ($value) {
    my %at;
    for my $i (0 .. $#$value) {
        my $text = Mojo::JSON::encode_json($value->[$i]);
        return "Array items are not unique (indexes $at{$text} and $i)"
            if defined $at{$text};
        $at{$text} = $i;
    }
    return;
}

sub _object ($schema, $value, @path) {
    my $known = $schema->{properties} // {};
    my @names = sort keys %$value;
    my @other = grep { !$known->{$_} } @names;
    my @messages;
    push @messages, map {"Missing required property: $_"}
        grep { !exists $value->{$_} } @{ $schema->{required} // [] };
    push @messages, 'Too few properties defined (' . @names
        . "), minimum $schema->{minProperties}"
        if @names < ($schema->{minProperties} // 0);
    push @messages, 'Too many properties defined (' . @names
        . "), maximum $schema->{maxProperties}"
        if defined $schema->{maxProperties}
        && @names > $schema->{maxProperties};
    my $rest = $schema->{additional};
    push @messages, 'Additional properties not allowed: ' . join ',', @other
        if @other && defined $rest && !ref $rest;
    return (
        (map { _error($schema, \@path, $_) } @messages),
        (map { check($known->{$_}, $value->{$_}, @path, $_) }
            grep { $known->{$_} } @names),
        ref $rest
        ? (map { check($rest, $value->{$_}, @path, $_) } @other)
        : (),
    );
}

# As Auth0 strings them together; $what is Payload, Path or Query.
sub errors_text ($what, @errors) {
    return join(' (also) ', map { _error_text($what, @$_) } @errors) . '.';
}

sub _error_text ($what, $message, $path, $description = undef) {
    my $text = "$what validation error: '$message'";
    return $text if $path eq '';
    $text .= " on property $path";
    $description =~ s/\.\z// if defined $description;
    return length($description // '') ? "$text ($description)" : $text;
}

1;
