#!/usr/bin/perl

# conf-examples/portal/: the credentials page, in Chromium

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/node";

use NodeTest;

run_node('t/browser/portal.test.mjs',
    BROWSER_MODULES => modules('t/browser'),
    CHROMIUM        => chromium());
