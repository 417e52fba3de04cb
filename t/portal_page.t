#!/usr/bin/perl

# conf-examples/portal/: the credentials page, in Chromium

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/node";

use NodeTest;
use Test::More;

my %browser = (
    BROWSER_MODULES => modules('t/browser'),
    CHROMIUM        => chromium(),
);

node_ok('t/browser/portal.test.mjs', %browser);

done_testing;
