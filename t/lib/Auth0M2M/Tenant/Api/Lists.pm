package Auth0M2M::Tenant::Api::Lists;

# The forms in which lists come: bare array, page with totals, checkpoints.

use v5.36;

use Exporter     'import';
use MIME::Base64 qw(decode_base64url encode_base64url);
use Mojo::JSON   ();

use Auth0M2M::Tenant::Problem qw(problem);
use Auth0M2M::Tenant::Schema  qw(bool string);
use Auth0M2M::Tenant::Wire    qw(json_answer);

our @EXPORT_OK = qw(list_answer pick_fields PAGING CHECKPOINT FIELDS);

use constant PAGED_RECORDS => 1000;

sub _integer ($description, %more) {
    return { type => ['integer'], description => $description, %more };
}

# Query schemas of those forms.
use constant PAGING => (
    page => _integer('Page index of the results to return. First page is 0.',
        minimum => 0),
    per_page => _integer('Number of results per page.',
        minimum => 0, maximum => 100),
    include_totals => bool('Return results inside an object that contains '
            . 'the total result count (true) or as a direct array of results '
            . '(false, default).'),
);

use constant CHECKPOINT => (
    from => string('Optional Id from which to start selection.'),
    take => _integer('Number of results per page. Defaults to 50.',
        minimum => 1, maximum => 100),
);

use constant FIELDS => (
    fields => string('Comma-separated list of fields to include or exclude '
            . '(based on value provided for include_fields) in the result. '
            . 'Leave empty to retrieve all fields.'),
    include_fields => bool('Whether specified fields are to be included '
            . '(true) or excluded (false).'),
);

# records: of Store, in order.  Options: name (of the array), view =>
# sub ($record) giving what is shown, limit => default page size, checkpoint,
# descending, total => a wrong total to show.
sub list_answer ($app, $call, $records, %o) {
    my $query = $call->{query};
    $app->store->listed($call->{row}{name});
    return _checkpoint($app, $call, $records, %o)
        if $o{checkpoint} && (defined $query->{take} || $query->{from});
    my $limit = $query->{per_page} // $o{limit} // 50;
    my $start = ($query->{page} // 0) * $limit;
    die problem(400, 'You can only page through the first '
            . PAGED_RECORDS . ' records.', 'invalid_paging')
        if $start + $limit > PAGED_RECORDS;
    my @rest  = @$records;
    my @shown = splice @rest, $start < @rest ? $start : @rest, $limit;
    my @items = map { _view($call, $_, %o) } @shown;
    return json_answer(200, \@items) if !_true($query->{include_totals});
    return json_answer(200, {
        $o{name} => \@items,
        start    => $start,
        limit    => 0 + $limit,
        total    => $o{total} // scalar @$records,
    });
}

sub _true ($value) { defined $value && $value ? 1 : 0 }

sub _view ($call, $record, %o) {
    return pick_fields($call, $o{view}->($record));
}

# Never totals, whatever is asked for; `next` names the last one shown.
sub _checkpoint ($app, $call, $records, %o) {
    my $query = $call->{query};
    my $take  = $query->{take} // 50;
    my @rest  = @$records;
    if (length($query->{from} // '')) {
        my ($last) = decode_base64url($query->{from}) =~ /\A(\d+)\z/
            or die problem(400, 'Invalid checkpoint', 'invalid_query_string');
        @rest = grep { $o{descending} ? $_->{sequence} < $last
            : $_->{sequence} > $last } @rest;
    }
    my @shown = splice @rest, 0, $take;
    my $more  = @rest || @shown == $take && $app->config->{next_quirk};
    return json_answer(200, {
        $o{name} => [ map { _view($call, $_, %o) } @shown ],
        $more ? (next => encode_base64url($shown[-1]{sequence})) : (),
    });
}

sub pick_fields ($call, $data) {
    my $query = $call->{query};
    my %named = map { $_ => 1 } grep {length} split /,/,
        $query->{fields} // '';
    return $data if !%named;
    my $keep = !defined $query->{include_fields}
        || _true($query->{include_fields});
    return { map { $_ => $data->{$_} }
            grep { !!$named{$_} eq !!$keep } keys %$data };
}

1;
