# The fault matrix of key creation: each call spoiled in each way, once and
# for good.  The answer is the documented one, and nothing is left behind.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use Auth0M2M::FaultMatrix qw(cells run_cells);

# [once, for good]

my %read = (
    401       => [ 200, 502 ],
    403       => 502,
    409       => 502,
    429       => [ 200, 503 ],
    500       => [ 200, 502 ],
    timeout   => [ 200, 504 ],
    reset     => [ 200, 502 ],
    garbage   => [ 200, 502 ],
    oversized => [ 200, 502 ],
    leaves    => [ 0 ],
);

# what was executed nevertheless is found, and the key is made

my %write = (
    %read,
    404             => 502,
    'timeout-after' => 200,
    'reset-after'   => 200,
    '500-after'     => 200,
    garbage         => 200,
    oversized       => 200,
    truncated       => 200,
);

my @cells = (
    cells(create => 'token', {
        401       => 502,
        403       => 502,
        404       => 502,
        409       => 502,
        429       => 503,
        500       => [ 200, 502 ],
        timeout   => [ 200, 504 ],
        reset     => [ 200, 502 ],
        garbage   => [ 200, 502 ],
        oversized => [ 200, 502 ],
        leaves    => [ 0 ],
    }),
    cells(create => 'user_get', { %read, 404 => 403 }),
    cells(create => 'user_organizations', { %read, 404 => 403 }),
    cells(create => 'org_grant_list', { %read, 404 => 409 }),
    cells(create => 'client_create', \%write),
    cells(create => 'grant_create', { %write, '409-after' => 200 }),
    cells(create => 'org_grant_add',
        { %write, 404 => 409, '409-after' => 200 }),
);

run_cells(\@cells, id => 'R1-create', what => 'faults of the calls that create-key makes');
done_testing;
