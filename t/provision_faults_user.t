# The fault matrix of provision-user: each call spoiled in each way, once and
# for good.  The answer is the documented one, and the same request again
# completes what was begun: one organization, one membership, the metadata.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use Auth0M2M::FaultMatrix qw(cells run_cells);

# [once, for good]

my %read = (
    401       => [ 200, 502 ],
    403       => 502,
    404       => 404,
    409       => 502,
    429       => [ 200, 503 ],
    500       => [ 200, 502 ],
    timeout   => [ 200, 504 ],
    reset     => [ 200, 502 ],
    garbage   => [ 200, 502 ],
    oversized => [ 200, 502 ],
);

my %after = (
    'timeout-after' => 200,
    'reset-after'   => 200,
    '500-after'     => 200,
    garbage         => 200,
    truncated       => 200,
);

# idempotent calls are repeated; their replies' bodies do not matter

my %repeated = (
    %read,
    '500-after'     => [ 200, 502 ],
    'timeout-after' => [ 200, 504 ],
    'reset-after'   => [ 200, 502 ],
    garbage         => 200,
);

my @cells = (
    cells(user => 'token', {
        401       => 502,
        403       => 502,
        429       => 503,
        500       => [ 200, 502 ],
        timeout   => [ 200, 504 ],
        reset     => [ 200, 502 ],
        garbage   => [ 200, 502 ],
        oversized => [ 200, 502 ],
    }),
    cells(user => 'users_by_email', \%read),
    cells(user => 'user_organizations', \%read),
    cells(user => 'organization_create', {
        %read, %after,
        404         => 502,
        409         => [ 200, 502 ],
        '409-after' => 200,
        oversized   => 200,
    }),
    cells(user => 'member_add', { %repeated, oversized => 200 }),
    cells(user => 'user_update', \%repeated),
);

run_cells(\@cells, id => 'R1-user', what => 'of those that provision-user makes');
done_testing;
