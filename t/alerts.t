#!/usr/bin/perl

# conf-examples/prometheus-alerts.yml: each alert fires for what it is for and
# says so, and is silent otherwise.  `promtool test rules` is the judge; a
# series here is what Prometheus would have scraped once a minute.

use v5.36;

use File::Temp;
use FindBin;
use JSON::PP ();
use Test::More;

my $json  = JSON::PP->new->utf8->canonical;
my $rules = "$FindBin::Bin/../conf-examples/prometheus-alerts.yml";
my $dir   = File::Temp->newdir;

my @labels = (instance => 'gw1:9145', job => 'auth0-m2m');
my %gw     = @labels;
my %set    = (@labels, domain => 'acme.us.auth0.com');
my %alone  = (instance => $gw{instance});    # what `sum by` keeps

# Minutes after which to look; series (values in promtool's short form); the
# labels and the summary of what fires, or nothing.

my %cases = (
    Auth0M2MKeysNotRefreshed => [
        [ 40, { key_set('age_seconds') => '0+60x60',
            key_set('failures') => '1+1x60' }, \%set,
            'The keys of acme.us.auth0.com are 40m 0s old and cannot be refreshed' ],
        [ 40, { key_set('age_seconds') => '0+60x60',
            key_set('failures') => '0x60' } ],
        [ 30, { key_set('age_seconds') => '0+60x60',
            key_set('failures') => '1+1x60' } ],
    ],
    Auth0M2MKeysStale => [
        [ 370, { key_set('age_seconds') => '0+60x400' }, \%set,
            'The keys of acme.us.auth0.com are 6h 10m 0s old' ],
        [ 355, { key_set('age_seconds') => '0+60x400' } ],
    ],
    Auth0M2MKeysUnusable => [
        [ 5, { key_set('usable') => '0x10' }, \%set,
            'There are no keys of acme.us.auth0.com: its callers get 503' ],
        [ 5, { key_set('usable') => '1x10' } ],
        [ 5, { key_set('usable') => '1 1 1 1 1 0' } ],
    ],
    Auth0M2MRefusalsRising => [
        [ 1500, { tokens('ok') => '0+100x1500',
            tokens('expired') => '0x1440 10+50x60' }, \%alone,
            '33.33% of the tokens are refused, more than twice the share of the last day' ],
        [ 1500, { tokens('ok') => '0+100x1500',
            tokens('expired') => '0+50x1500' } ],
        [ 1500, { tokens('ok') => '0+100x1500',
            tokens('missing') => '0x1440 10+500x60' } ],
        [ 1500, { tokens('ok') => '0+100x1500',
            tokens('expired') => '0x1440 1+5x60' } ],
    ],
    Auth0M2MInternalErrors => [
        [ 15, { tokens('internal_error') => '0x9 1x10' },
            { %gw, result => 'internal_error' },
            'Requests are answered 500: the gateway lacks memory' ],
        [ 15, { tokens('internal_error') => '7x20' } ],
    ],
    Auth0M2MManagementTokenRefused => [
        [ 25, { total('management_tokens', 'failed') => '0+1x30',
            total('management_tokens', 'ok') => '1x30' },
            { %gw, result => 'failed' },
            'The tenant gives no Management token; nobody can create credentials' ],
        [ 25, { total('management_tokens', 'failed') => '0+1x30',
            total('management_tokens', 'ok') => '0+1x30' } ],
    ],
    Auth0M2MProvisioningThrottled => [
        [ 40, { step('user_get', 'throttled') => '0+1x60',
            step('client_create', 'throttled') => '0+1x60' }, \%alone,
            "The tenant's rate limit holds up provisioning" ],
        [ 40, { step('user_get', 'throttled') => '0x30 5x30' } ],
    ],
    Auth0M2MProvisioningUncertain => [
        [ 30, { step('client_create', 'unknown') => '0+1x60' }, \%alone,
            'Calls of the Management API end without an answer' ],
        [ 30, { step('client_create', 'definite') => '0+1x60' } ],
    ],
    Auth0M2MOrphansPending => [
        [ 40, { series('orphans_pending') => '2x60' }, \%gw,
            '2 unusable credentials wait for being deleted at the tenant' ],
        [ 40, { series('orphans_pending') => '2x25 0x60' } ],
    ],
    Auth0M2MOrphansGivenUp => [
        [ 30, { series('orphans_given_up_total') => '0x20 1x20' }, \%gw,
            'An unusable credential was left at the tenant' ],
        [ 30, { series('orphans_given_up_total') => '4x40' } ],
    ],
    Auth0M2MZoneTooSmall => [
        [ 180, { series('token_cache_evictions_total') => '0+10x200',
            series('token_cache_capacity') => '1500x200' }, \%gw,
            'Within an hour 600 tokens in use were forgotten, and verified again' ],
        [ 180, { series('token_cache_evictions_total') => '0+5x200',
            series('token_cache_capacity') => '1500x200' } ],
    ],
);

sub series ($name, %more) {
    my %all = (%gw, %more);
    return "auth0_m2m_$name\{"
        . join(',', map {qq($_="$all{$_}")} sort keys %all) . '}';
}

sub key_set ($name) { return series("key_set_$name", %set) }

sub total ($name, $result) { return series("${name}_total", result => $result) }

sub tokens ($result) { return total('tokens', $result) }

sub step ($step, $result) {
    return series('provision_steps_total', step => $step, result => $result);
}


# The alerts of the file, by name.

sub alerts () {
    my $code = 'import json, sys, yaml;'
        . ' json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)';
    open my $fh, '-|', 'python3', '-c', $code, $rules or die "python3: $!\n";
    my $all = $json->decode(do { local $/; readline $fh });
    return map { $_->{alert} => $_ } map { @{ $_->{rules} } } @{ $all->{groups} };
}

# Exit status and words of promtool on one case.

sub judge ($alert, $minutes, $series, $labels, $summary) {
    my @expected = $labels ? { exp_labels => { %{ $alert->{labels} }, %$labels },
        exp_annotations => { %{ $alert->{annotations} },
            summary => $summary } } : ();
    my %test = (
        rule_files => [$rules],
        tests      => [ {
            interval     => '1m',
            input_series => [ map { { series => $_, values => $series->{$_} } }
                sort keys %$series ],
            alert_rule_test => [ { eval_time => "${minutes}m",
                alertname => $alert->{alert}, exp_alerts => \@expected } ],
        } ],
    );

    open my $out, '>', "$dir/test.yml" or die "$dir/test.yml: $!\n";
    print {$out} $json->encode(\%test);
    close $out or die "$dir/test.yml: $!\n";

    my $said = `promtool test rules $dir/test.yml 2>&1`;
    return ($?, $said);
}


like(`promtool check rules $rules 2>&1`, qr/SUCCESS: \d+ rules found/,
    'promtool finds nothing wrong');

my %alerts = alerts();
is_deeply([ sort keys %cases ], [ sort keys %alerts ], 'every alert is tested');

for my $name (sort keys %cases) {
    my $number = 0;

    for my $case (@{ $cases{$name} }) {
        my ($minutes, $series, $labels, $summary) = @$case;
        my ($exit, $said)
            = judge($alerts{$name}, $minutes, $series, $labels, $summary);
        is($exit, 0, join ' ', $name, $labels ? 'fires:' : 'is silent:',
            'case', ++$number) or diag $said;
    }
}

my ($exit) = judge($alerts{Auth0M2MKeysStale},
    @{ $cases{Auth0M2MKeysStale}[0] }[ 0, 1 ], undef, undef);
isnt($exit, 0, 'silence that is not there would be noticed');

done_testing;
