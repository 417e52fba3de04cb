# The fault matrix of keys that exist: rotation, revocation; and of taking
# back what a failed creation has made.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use Auth0M2M::FaultMatrix qw(cells run_cells);

# [once, for good]

my %read = (
    401     => [ 200, 502 ],
    403     => 502,
    409     => 502,
    429     => [ 200, 503 ],
    500     => [ 200, 502 ],
    timeout => [ 200, 504 ],
    reset   => [ 200, 502 ],
    garbage => [ 200, 502 ],
);

my %write = (
    %read,
    404             => 502,
    'timeout-after' => 200,
    'reset-after'   => 200,
    '500-after'     => 200,
    garbage         => 200,
);

# what cannot be deleted at once is deleted by the janitor, 20 s later

my %revoke = (
    401       => [204],
    429       => [204],
    500       => [204],
    timeout   => [204],
    reset     => [204],
    '500-after'     => [204],
    '404-after'     => [204],
    'reset-after'   => [204],
    'timeout-after' => [204],
    garbage   => [204],
);

# key creation that fails at its second call; the deletion is spoiled too

sub undo {
    my ($fault, %o) = @_;
    my %rule = (kind => $fault, count => 'always', $fault =~ /^\d+$/
        ? (kind => 'status', status => $fault) : ());

    return { op => 'create', step => 'client_delete', fault => $fault,
        times => 'once', status => 502, also => [ { step => 'grant_create',
            kind => 'status', status => 403, count => 'always' } ], %o };
}

my @cells = (
    cells(rotate => 'user_get', { %read, 404 => 403 }),
    cells(rotate => 'client_get', { %read, 404 => 404 }),
    cells(rotate => 'user_organizations', { %read, 404 => 403 }),
    cells(rotate => 'org_grant_list', { %read, 404 => 409 }),
    cells(rotate => 'grant_list', { %read, 404 => 404 }),
    cells(rotate => 'client_create', \%write),
    cells(rotate => 'grant_create', \%write),
    cells(rotate => 'org_grant_add', { %write, 404 => 409 }),

    cells(in_place => 'client_rotate', { %read, 404 => 404,
        'reset-after' => [ 200, 502 ], 'timeout-after' => [ 200, 504 ] }),

    cells(revoke => 'client_delete', \%revoke),
    cells(revoke => 'client_delete', { 403 => [502], 409 => [502] },
        recovers => 1, slow => 22),
    cells(revoke => 'client_delete', { 500 => [ undef, 502 ] },
        recovers => 1, slow => 24),

    (map { undo($_) } qw(401 429 500 timeout reset garbage 404-after
        500-after reset-after timeout-after)),
    (map { undo($_, slow => 22, recovers => 1) } qw(403 409)),
);

run_cells(\@cells, id => 'R1-keys', what => 'of those that list, rotate and revoke make');
done_testing;
