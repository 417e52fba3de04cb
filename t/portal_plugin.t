#!/usr/bin/perl

# conf-examples/portal-plugin/: the developer portal's plugin, under Node.js

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/node";

use NodeTest;
use Test::More;

node_ok('conf-examples/portal-plugin/plugin.test.js');

done_testing;
