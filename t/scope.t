#!/usr/bin/perl

# auth0_m2m_scope and auth0_m2m_permission.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Auth0M2M::Guard;

my %rules = (
    one      => 'NAME a;',
    all      => 'NAME a b;',
    any      => 'NAME any a b;',
    groups   => 'NAME any a b; NAME c;',
    anys     => 'NAME any a b; NAME any c d;',
    url      => 'NAME https://x/read;',
    case     => 'NAME Read;',
    named    => 'NAME b any;',          # `any` is a keyword in front only
);

my $server = '';

for my $rule (sort keys %rules) {
    for my $kind (qw(scope permission)) {
        $server .= "location /$kind/$rule/ { auth0_m2m on; "
            . ($rules{$rule} =~ s/NAME/auth0_m2m_$kind/gr)
            . " %%PASS%% }\n";
    }
}

my $n = Auth0M2M::Guard->new(server => "$server" . <<'CONF');
    location /both/ {
        auth0_m2m            on;
        auth0_m2m_scope      s;
        auth0_m2m_permission p;
        %%PASS%%
    }
    location /twice/ {
        auth0_m2m       on;
        auth0_m2m_scope a b;
        auth0_m2m_scope any b c;
        %%PASS%%
    }
CONF

# rule, what the token has, is it enough

my @cases = (
    ['one', 'a', 1],        ['one', 'b a', 1],      ['one', 'a b', 1],
    ['one', 'b a c', 1],    ['one', ' a ', 1],      ['one', 'b   a', 1],
    ['one', 'b', 0],        ['one', '', 0],         ['one', 'ab', 0],
    ['one', 'ba', 0],       ['one', 'A', 0],        ['one', 'a:b', 0],
    ['one', 'aa aaa', 0],   ['one', 'b,a', 0],      ['one', undef, 0],
    ['one', "b\ta", 0],     ['one', ' ', 0],        ['one', 'aab baa', 0],
    ['all', 'a b', 1],      ['all', 'b a', 1],      ['all', 'c b x a', 1],
    ['all', 'a', 0],        ['all', 'b', 0],        ['all', 'a a', 0],
    ['all', 'ab', 0],
    ['any', 'a', 1],        ['any', 'b', 1],        ['any', 'a b', 1],
    ['any', 'c', 0],        ['any', 'any', 0],      ['any', 'ab', 0],
    ['groups', 'a c', 1],   ['groups', 'c b', 1],   ['groups', 'a', 0],
    ['groups', 'c', 0],     ['groups', 'a b', 0],
    ['anys', 'a c', 1],     ['anys', 'b d', 1],     ['anys', 'd a', 1],
    ['anys', 'a b', 0],     ['anys', 'c d', 0],     ['anys', 'd', 0],
    ['url', 'https://x/read', 1], ['url', 'https://x/rea', 0],
    ['url', 'https://x/read2', 0], ['url', 'xhttps://x/read', 0],
    ['case', 'Read', 1],    ['case', 'read', 0],    ['case', 'READ', 0],
    ['named', 'b any', 1],  ['named', 'b', 0],      ['named', 'any', 0],
);

my %asked = (
    one => 'a', all => 'a b', any => 'a b', groups => 'a b c',
    anys => 'a b c d', url => 'https://x/read', case => 'Read',
    named => 'b any',
);

for (@cases) {
    my ($rule, $has, $enough) = @$_;
    my $text = defined $has ? "'$has'" : 'nothing';

    if ($enough) {
        $n->accepts("A14 scope $rule: $text", "/scope/$rule/",
            { org_id => 'org_a', scope => $has });
    }
    else {
        $n->refuses("A13 scope $rule: $text", "/scope/$rule/",
            { scope => $has }, 'insufficient_scope',
            scope => $asked{$rule});
    }

    # the same as an array: blanks separate nothing there

    next if $has && $has =~ /^ | $|  /;
    my @list = grep {length} split / /, $has // '';
    my %claims = (scope => 'a b c d Read any https://x/read s p',
        permissions => defined $has ? \@list : undef);

    if ($enough) {
        $n->accepts("permission $rule: $text", "/permission/$rule/", \%claims);
    }
    else {
        $n->refuses("permission $rule: $text", "/permission/$rule/", \%claims,
            'insufficient_permission', scope => $asked{$rule});
    }
}

# E16: the one is not the other

$n->refuses('E16 permissions are no scopes', '/scope/one/',
    { scope => 'x', permissions => ['a'] }, 'insufficient_scope',
    scope => 'a');
$n->refuses('scopes are no permissions', '/permission/one/',
    { scope => 'a' }, 'insufficient_permission', scope => 'a');
$n->refuses('a permission with a blank is one', '/permission/all/',
    { permissions => ['a b'] }, 'insufficient_permission', scope => 'a b');

$n->accepts('both', '/both/', { scope => 's', permissions => ['p'] });
$n->refuses('both: no permission', '/both/', { scope => 's p' },
    'insufficient_permission', scope => 'p');
$n->refuses('both: no scope', '/both/',
    { scope => 'x', permissions => [qw(s p)] }, 'insufficient_scope',
    scope => 's');
$n->refuses('E15 scope of the wrong type', '/scope/one/',
    { scope => ['a'] }, 'invalid_claim');
$n->refuses('what is asked for twice is named twice', '/twice/',
    { scope => 'a' }, 'insufficient_scope', scope => 'a b b c');

# 401 comes before 403

$n->refuses('an expired token without the scope', '/scope/one/',
    { exp => time - 60, scope => 'x' }, 'expired');

$n->stop;
done_testing;
