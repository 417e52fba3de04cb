package Auth0M2M::Collector::JSON;

# A decoder that accepts RFC 8259 to the letter and nothing more: UTF-8 without
# surrogates, no member twice, no half a surrogate pair, nothing after the end.
# What lenient decoders let through another one refuses, and a batch is lost.

use v5.36;
use builtin qw(false true);
no warnings 'experimental::builtin';

use Encode   ();
use Exporter 'import';

our @EXPORT_OK = qw(decode_strict decode_array);

use constant MAX_DEPTH => 32;

my %ESCAPE = ('"' => '"', '\\' => '\\', '/' => '/', b => "\b", f => "\f",
    n => "\n", r => "\r", t => "\t");

# The value of a JSON text given as bytes.  Dies with a sentence.
sub decode_strict ($bytes) {
    my $text = _text($bytes);
    my $value = _document(\$text, 0);
    return $value;
}

# [value, its bytes] for each element of the array that the bytes are.
sub decode_array ($bytes) {
    my $text = _text($bytes);
    my @elements;
    $text =~ /\G[ \t\r\n]*\[[ \t\r\n]*/gc or _refuse(\$text, 'no array');
    while ($text !~ /\G\][ \t\r\n]*/gc) {
        if (@elements) {
            $text =~ /\G,[ \t\r\n]*/gc or _refuse(\$text, 'no comma');
        }
        my $from  = pos $text;
        my $value = _value(\$text, 1);
        push @elements, [ $value, substr $text, $from, pos($text) - $from ];
        $text =~ /\G[ \t\r\n]*/gc;
    }
    _end(\$text);
    return @elements;
}

# Scanned as bytes, which is fast; strings become characters one by one.
sub _text ($bytes) {
    eval {
        Encode::decode('UTF-8', $bytes, Encode::FB_CROAK | Encode::LEAVE_SRC);
        1;
    } or die "not UTF-8\n";
    pos($bytes) = 0;
    return $bytes;
}

sub _document ($text, $depth) {
    $$text =~ /\G[ \t\r\n]*/gc;
    my $value = _value($text, $depth);
    $$text =~ /\G[ \t\r\n]*/gc;
    _end($text);
    return $value;
}

sub _end ($text) {
    return if pos($$text) == length $$text;
    _refuse($text, 'something after the end');
}

sub _refuse ($text, $why) {
    my $at = pos($$text) // 0;
    die sprintf "%s at byte %d of the JSON text\n", $why, $at;
}

sub _value ($text, $depth) {
    _refuse($text, 'too deep') if $depth > MAX_DEPTH;
    return _string($text)          if $$text =~ /\G"/gc;
    return _object($text, $depth)  if $$text =~ /\G\{[ \t\r\n]*/gc;
    return _array($text, $depth)   if $$text =~ /\G\[[ \t\r\n]*/gc;
    return 0 + $1
        if $$text =~ /\G(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?
                        (?:[eE][-+]?[0-9]+)?)/gcx;
    return $1 eq 'true' ? true : $1 eq 'false' ? false : undef
        if $$text =~ /\G(true|false|null)/gc;
    _refuse($text, 'no value');
}

sub _object ($text, $depth) {
    my %object;
    return \%object if $$text =~ /\G\}/gc;
    while (1) {
        $$text =~ /\G"/gc or _refuse($text, 'no member name');
        my $name = _string($text);
        _refuse($text, "member $name twice") if exists $object{$name};
        $$text =~ /\G[ \t\r\n]*:[ \t\r\n]*/gc or _refuse($text, 'no colon');
        $object{$name} = _value($text, $depth + 1);
        $$text =~ /\G[ \t\r\n]*([,}])[ \t\r\n]*/gc
            or _refuse($text, 'object without end');
        return \%object if $1 eq '}';
    }
}

sub _array ($text, $depth) {
    my @array;
    return \@array if $$text =~ /\G\]/gc;
    while (1) {
        push @array, _value($text, $depth + 1);
        $$text =~ /\G[ \t\r\n]*([,\]])[ \t\r\n]*/gc
            or _refuse($text, 'array without end');
        return \@array if $1 eq ']';
    }
}

# The opening quote has been taken.
sub _string ($text) {
    $$text =~ /\G([^"\\\x00-\x1f]*+(?:\\.[^"\\\x00-\x1f]*+)*+)"/gcs
        or _refuse($text, 'string with a control character or without end');
    my $string = $1;
    utf8::decode($string);
    return $string if index($string, '\\') < 0;
    $string =~ s{\\(?:
          u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})
        | u(?![dD][89a-fA-F])([0-9a-fA-F]{4})
        | (.)
        )}{ defined $1 ? _pair($1, $2)
          : defined $3 ? chr hex $3
          : $ESCAPE{$4} // _refuse($text, 'no such escape') }gexs;
    return $string;
}

sub _pair ($high, $low) {
    return chr(0x10000 + ((hex($high) - 0xD800) << 10) + hex($low) - 0xDC00);
}

1;
