package NodeTest;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use Fcntl qw(:flock);
use File::Basename qw(dirname);
use File::Copy qw(copy);
use File::Path qw(make_path);
use File::Spec;
use Test::More ();

our @EXPORT = qw(chromium modules node_ok node_says);

=encoding utf8

=head1 NAME

NodeTest - runs tests written for node:test under prove

=head1 SYNOPSIS

    use lib 't/node';
    use NodeTest;

    node_ok('conf-examples/portal-plugin/plugin.test.js');
    done_testing;

=head1 DESCRIPTION

    node_ok($file, %env)    one test: runs `node --test` on a file (path from
                            the project's root) with these additions to the
                            environment, shows its tests as a subtest, and
                            says node's summary
    node_says($script, %env)
                            what an ES module prints; dies when it fails
    chromium                path of the browser, from CHROMIUM or Debian
    modules($folder)        installs what the folder's package-lock.json
                            names into BUILD/node/NAME; returns that folder

Missing programs are installed by t/bin/deps, group `browser`.  The whole
test is skipped, with the reason, when they or a package are not to be had.

=cut

my $ROOT = abs_path(dirname(__FILE__) . '/../..');

sub program {
    my ($works, $what) = @_;

    my $found = $works->();
    return $found if $found;

    system("$ROOT/t/bin/deps browser >&2");
    return $works->()
        // Test::More::plan(skip_all => "$what cannot be installed");
}

sub which {
    my ($name) = @_;

    my ($found) = grep { -x } map { "$_/$name" } File::Spec->path;
    return $found;
}

sub node {
    return program(
        sub {
            my $node = which('node') // return;
            my ($major) = `$node --version` =~ /^v(\d+)/;
            return $major >= 18 ? $node : undef;
        },
        'Node.js 18 or later'
    );
}

sub chromium {
    return program(sub { $ENV{CHROMIUM} // which('chromium') }, 'Chromium');
}

sub modules {
    my ($folder) = @_;

    my $npm = program(sub { which('npm') }, 'npm');
    my $to = ($ENV{BUILD} // "$ROOT/build") . '/node/' . $folder =~ tr{/}{-}r;

    make_path($to);
    open my $lock, '>', "$to/.lock" or die "$to/.lock: $!\n";
    flock $lock, LOCK_EX or die "$to/.lock: $!\n";

    install($npm, "$ROOT/$folder", $to);
    return $to;
}

sub install {
    my ($npm, $from, $to) = @_;

    my $wanted = slurp("$from/package-lock.json");
    return if -e "$to/done" && slurp("$to/done") eq $wanted;

    for my $name (qw(package.json package-lock.json)) {
        copy("$from/$name", $to) or die "$from/$name: $!\n";
    }

    my $said = `cd '$to' && '$npm' ci --no-audit --no-fund --ignore-scripts \\
        --fetch-retries=1 --fetch-timeout=30000 2>&1`;

    if ($?) {
        Test::More::plan(skip_all => 'the package registry is out of reach')
            if $said =~ /\b(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET
                |ETIMEDOUT|ENETUNREACH|EHOSTUNREACH
                |SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_GET_ISSUER_CERT\w*)\b/x;
        die "npm ci in $from:\n$said";
    }

    open my $done, '>', "$to/done" or die "$to/done: $!\n";
    print {$done} $wanted;
    close $done or die "$to/done: $!\n";
    return;
}

sub slurp {
    my ($path) = @_;

    open my $in, '<', $path or die "$path: $!\n";
    local $/ = undef;
    return scalar <$in>;
}

# Node waits for ever for a timer that a failed script has left.

sub started {
    my ($env, @args) = @_;

    my $node = node();
    local @ENV{ keys %$env } = values %$env;

    open my $out, '-|', 'timeout', 600, $node, @args
        or die "node: $!\n";
    return $out;
}

sub node_ok {
    my ($file, %env) = @_;

    my $out   = started(\%env, '--test', '--test-reporter=tap', "$ROOT/$file");
    my $text  = '';
    my %count = (pass => 0, fail => 0);
    while (my $line = <$out>) {
        print {Test::More->builder->output} "    $line";
        $text .= $line;
        $count{$1} = $2 if $line =~ /^# (pass|fail|skipped) (\d+)$/;
    }
    my $closed = close $out;

    Test::More::diag("$file: ",
        join(', ', map { "$_ $count{$_}" } sort keys %count));
    my $good = Test::More::ok($closed && $count{pass} > 0, $file);
    Test::More::diag(join "\n", $text =~ /^( *not ok .*?^ *\.\.\.$)/msg)
        if !$good;
    return $good;
}

sub node_says {
    my ($script, %env) = @_;

    my $out  = started(\%env, '--input-type=module', '-e', $script);
    my $said = do { local $/ = undef; <$out> };
    close $out or die "node exited with $?\n";
    return $said;
}

1;
