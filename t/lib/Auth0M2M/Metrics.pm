package Auth0M2M::Metrics;

use v5.36;

use Exporter   qw(import);
use File::Temp;
use JSON::PP   qw(decode_json);
use List::Util qw(uniq);

our @EXPORT_OK = qw(prometheus json moved lint names);

=head1 NAME

Auth0M2M::Metrics - what auth0_m2m_status says, in one form

=head1 FUNCTIONS, to be imported by name

    prometheus($text)  { series => value }: `tokens_total{result="ok"}`, without
                       the prefix auth0_m2m_.  Dies where the text is not in
                       the form
    json($text)        the same hash, from the JSON
    moved(\%before, \%after)
                       { series => difference }, those that did not change left
                       out, and those that time alone changes
    lint($text)        what `promtool check metrics` has to say; nothing: good
    names(\%series)    names of the metrics, with the prefix, sorted

=cut

my @counters = qw(tokens verifications token_cache_hits token_cache_misses
    token_cache_evictions key_set_fetches management_tokens provision_steps
    orphans_given_up);
my %counter = map { $_ => 1 } @counters;

sub prometheus ($text) {
    my %series;

    for my $line (split /\n/, $text) {
        next if $line =~ /^# (?:HELP|TYPE) auth0_m2m_\w+ \S/;
        my ($name, $value) = $line
            =~ /^auth0_m2m_(\w+(?:\{[^{}]+\})?) (\d+(?:\.\d+)?)$/
            or die "not a sample: $line\n";
        die "twice: $name\n" if exists $series{$name};
        $series{$name} = 0 + $value;
    }

    return \%series;
}

sub json ($text) {
    my $all  = decode_json($text);
    my $sets = delete $all->{key_sets};
    my %series = key_sets(@$sets);

    for my $name (keys %$all) {
        my $full = $counter{$name} ? "${name}_total" : $name;
        my $value = $all->{$name};
        my @labels = $name eq 'provision_steps' ? qw(step result) : 'result';
        flatten(\%series, $full, $value, '', @labels);
    }

    return \%series;
}

sub flatten ($series, $name, $value, $done, @labels) {
    if (!ref $value) {
        $series->{ $name . ($done ? "{$done}" : '') } = $value;
        return;
    }

    my $label = shift @labels;
    for my $text (keys %$value) {
        my $next = ($done ? "$done," : '') . qq($label="$text");
        flatten($series, $name, $value->{$text}, $next, @labels);
    }

    return;
}

sub key_sets (@sets) {
    my %series;

    for my $set (@sets) {
        my %values = %$set;
        my $labels = 'domain="' . delete($values{domain}) . '"';
        my $number = delete $values{set};
        $labels .= qq(,set="$number") if defined $number;
        $series{"key_set_$_\{$labels}"} = $values{$_} for keys %values;
    }

    return %series;
}

sub moved ($before, $after) {
    my %moved;

    for my $name (uniq keys %$before, keys %$after) {
        next if $name =~ /_seconds\{/;
        my $by = ($after->{$name} // 0) - ($before->{$name} // 0);
        $moved{$name} = $by if $by;
    }

    return \%moved;
}

sub lint ($text) {
    my $out = File::Temp->new;
    open my $in, '|-', "promtool check metrics >$out 2>&1"
        or die "promtool: $!\n";
    print {$in} $text;
    close $in;
    my $exit = $? >> 8;
    my $said = do { local $/; readline $out } // '';
    return $said . ($exit ? "exit $exit" : '');
}

sub names ($series) {
    return uniq sort map { 'auth0_m2m_' . s/\{.*//r } keys %$series;
}

1;
