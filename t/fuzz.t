#!/usr/bin/perl

# The fuzz targets without libFuzzer: their corpora, seeds by independent
# signers, and some thousand inputs made from both by a generator with a fixed
# seed, under AddressSanitizer and UBSan.  `make fuzz` runs them for long.

use v5.36;

use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use Test::More;

use lib 't/lib';
use Auth0M2M::Figures qw(figure);

my $seed = $ENV{FUZZ_SEED} // 1;
my $runs = $ENV{FUZZ_RUNS} // 0;
my $bin  = ($ENV{BUILD} // 'build') . '/fuzz';
my $dir  = tempdir(CLEANUP => 1);

# inputs made of each; some cost more than others

my %runs = (
    base64url => 40_000,
    event     => 3_000,
    json      => 20_000,
    jwks      => 1_000,
    jwt       => 20_000,
    metrics   => 1_000,
    pair      => 1_000,
    plan      => 5_000,
    policy    => 40_000,
    provision => 8_000,
    request   => 20_000,
    tcache    => 20_000,
);

sub targets {
    return sort map {m{fuzz_(\w+)\.c$}} glob 't/fuzz/fuzz_*.c';
}

sub run ($target) {
    my @inputs = grep {-d} "t/fuzz/corpus/$target", "$dir/$target";
    my $n      = $runs || $runs{$target} || 1_000;
    my @call   = ("$bin/$target", "-runs=$n", "-seed=$seed", @inputs);
    my $out    = qx(@call 2>&1);

    is($?, 0, "$target: nothing is found") or show($out, @call);
    my ($files, $deep) = $out =~ /files=(\d+) .* deep=(\d+)/;
    cmp_ok($deep // 0, '>', 0, "$target: gets to the end of its subject");
    return ($files // 0) + $n;
}

# Once more, keeping each input until the next: the last one did it.

sub show ($out, @call) {
    my $last = "$dir/last";
    qx(@call -emit=$last 2>&1);
    diag($out);

    open my $fh, '<:raw', $last or return;
    local $/;
    diag('the input in hex: ' . unpack 'H*', <$fh>);
    return;
}

my $all = 0;
my @targets = targets();

is(system('t/fuzz/seeds', $dir), 0, 'seeds');
cmp_ok(scalar @targets, '>', 9, 'targets');
$all += run($_) for @targets;

figure('R14',
    what   => 'inputs of the ' . @targets . ' fuzz targets, short form',
    bar    => '0 findings',
    result => Test::More->builder->is_passing ? '0 findings' : 'findings',
    ok     => Test::More->builder->is_passing,
    count  => $all,
    seed   => $seed,
);

done_testing;
