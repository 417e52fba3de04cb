#!/usr/bin/perl

# conf-examples/moesif/: the rule for the folder, and the shipper's part as an
# addition to Debian's own configuration.

use v5.36;

use File::Temp;
use FindBin;
use Test::More;

my $examples = "$FindBin::Bin/../conf-examples/moesif";
my $dir      = File::Temp->newdir('moesif-XXXXXXXX', TMPDIR => 1);

sub slurp ($file) {
    open my $fh, '<', $file or die "$file: $!\n";
    local $/;
    return <$fh>;
}

sub spew ($file, $text) {
    open my $fh, '>', $file or die "$file: $!\n";
    print {$fh} $text;
    close $fh or die "$file: $!\n";
    return;
}

sub is_fine ($command, $name) {
    my $output = qx($command 2>&1);
    is($?, 0, $name) or diag $output;
    return;
}

subtest 'the folder is made, and a week later emptied' => sub {
    plan skip_all => 'only root can give a folder to www-data' if $> != 0;
    plan skip_all => 'systemd-tmpfiles is missing'
        if !-x '/usr/bin/systemd-tmpfiles';

    my $rule = slurp("$examples/tmpfiles.conf");
    like($rule, qr{^d /var/log/nginx/moesif 0750 www-data adm m:7d$}m,
        'the rule');
    spew("$dir/rule.conf", $rule =~ s{/var/log/nginx/}{$dir/}r);

    is_fine("systemd-tmpfiles --create $dir/rule.conf", 'creates');
    my ($mode, $owner) = (stat "$dir/moesif")[ 2, 4 ];
    is($mode & 0777, 0750, 'for nobody else');
    is(getpwuid $owner, 'www-data', 'nginx writes there');

    for my $days (6, 8) {
        spew("$dir/moesif/ev-$days.jsonl", "{}\n");
        utime((time - $days * 86_400) x 2, "$dir/moesif/ev-$days.jsonl");
    }

    is_fine("systemd-tmpfiles --clean $dir/rule.conf", 'cleans');
    ok(!-e "$dir/moesif/ev-8.jsonl", 'a file of last week');
    ok(-e "$dir/moesif/ev-6.jsonl", 'and not one of this week');
};

subtest 'beside a configuration that does something else' => sub {
    plan skip_all => 'syslog-ng is missing' if !-x '/usr/sbin/syslog-ng';

    my ($version, $rest) = split /\n/, slurp("$examples/syslog-ng.conf"), 2;
    my $include = '/etc/syslog-ng/moesif-application-id';

    like($version, qr/^\@version: 3\.38$/, 'the first line is the version');
    $rest =~ s/\Q$include\E/$examples\/moesif-application-id/
        or fail('includes the application id');

    mkdir "$dir/conf.d" or die "conf.d: $!\n";
    spew("$dir/conf.d/moesif.conf", $rest);
    spew("$dir/syslog-ng.conf", <<"CONF");
\@version: 3.38
\@include "scl.conf"
source s_internal { internal(); };
destination d_own { file("$dir/own"); };
log { source(s_internal); destination(d_own); };
\@include "$dir/conf.d/*.conf"
CONF
    is_fine("syslog-ng --syntax-only --no-caps --cfgfile=$dir/syslog-ng.conf"
            . " --persist-file=$dir/persist", 'is accepted');
};

subtest 'the table of the README' => sub {
    my $readme = slurp("$examples/README.md");
    my %named = map { $_ => 1 } $readme =~ /^\| `([^`]+)` \|/mg;
    my @files = map {s{.*/}{}r} grep { !/README/ } glob "$examples/*";

    is_deeply([ sort keys %named ], [ sort @files ], 'names every file');
};

done_testing;
