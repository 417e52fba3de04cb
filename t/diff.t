#!/usr/bin/perl

# Tokens and key sets made wrong in many ways: the core against PyJWT, jwcrypto
# and libjwt (t/diff).  `make diff` judges more of them.

use v5.36;

use JSON::PP qw(decode_json);
use Test::More;

use lib 't/lib';
use Auth0M2M::Figures qw(figure);
use Auth0M2M::Mint;

my $n    = $ENV{DIFF_N}    // 20_000;
my $seed = $ENV{DIFF_SEED} // 1;
my $bin  = ($ENV{BUILD} // 'build') . '/fuzz';

sub judged {
    local $ENV{PYTHONDONTWRITEBYTECODE} = 1;
    my $python = Auth0M2M::Mint->python;
    my $out = qx($python t/diff/diff.py $n $seed $bin/diff-core $bin/diff-libjwt);

    is($?, 0, 'all judged');
    return decode_json($out);
}

note("seed $seed");

my $d     = judged();
my $kinds = $d->{kinds};

cmp_ok($d->{count}, '>=', $n, "$d->{count} tokens");

# nobody is asleep

cmp_ok($d->{accepted}{$_}, '>', $n / 20, "$_ accepts $d->{accepted}{$_}")
    for qw(core pyjwt jwcrypto libjwt);
cmp_ok($d->{accepted}{$_}, '<', $n / 2, "$_ refuses others")
    for qw(core pyjwt jwcrypto libjwt);
cmp_ok($d->{accepted}{$_}, '>', $d->{accepted}{core},
    "$_ accepts more than the core") for qw(pyjwt jwcrypto libjwt);

is($d->{worst}, 0, 'nothing is accepted that two others refuse');

my @findings = grep { !$kinds->{$_}{allowed} } sort keys %$kinds;

is(scalar @findings, 0, 'no disagreement without a reason');
diag("$kinds->{$_}{count} x $_\n  $kinds->{$_}{token}\n  $kinds->{$_}{jwks}")
    for @findings;
note("$kinds->{$_}{count} x $_")
    for sort { $kinds->{$b}{count} <=> $kinds->{$a}{count} } keys %$kinds;

figure('R15',
    what   => 'wrong tokens and key sets, against PyJWT, jwcrypto and libjwt',
    bar    => '0 accepted that two others refuse, 0 unexplained disagreements',
    result => "$d->{worst} accepted that two others refuse, "
        . scalar(@findings) . ' unexplained',
    ok      => !$d->{worst} && !@findings,
    count   => $d->{count},
    seed    => $seed,
    command => "make diff N=$n",
);

done_testing;
