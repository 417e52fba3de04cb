#!/usr/bin/perl

# conf-examples/aws-lambda-authorizer/: the Lambda, under Node.js

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/node";

use NodeTest;

run_node('conf-examples/aws-lambda-authorizer/index.test.mjs');
