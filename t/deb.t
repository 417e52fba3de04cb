#!/usr/bin/perl

# The Debian package: lintian finds nothing; it goes into a fresh Debian 12,
# nginx takes it and the examples, and it leaves nothing behind.

use v5.36;

use Cwd        qw(abs_path);
use File::Copy qw(copy);
use File::Temp ();
use Test::More;

my $name   = 'libnginx-mod-http-auth0-m2m';
my $module = '/usr/lib/nginx/modules/ngx_http_auth0_m2m_module.so';
my $link   = '/etc/nginx/modules-enabled/50-mod-http-auth0-m2m.conf';
my $docs   = "/usr/share/doc/$name";
my $root   = abs_path('build') . '/roots/bookworm-nginx.tar';

plan skip_all => 'needs root, or sudo without a password'
    if $> != 0 && system('sudo -n true 2>/dev/null') != 0;
plan skip_all => 'the package is built without instruments'
    if ($ENV{TEST_NGINX_MODULE} // '') eq 'static';

# What an installation needs, and no compiler.

my @needs = qw(ca-certificates libjansson4 libjwt0 nginx);

# Answers for each step, in the root; a line "== step" before each.

my $script = <<'SH';
files() {
    find / -xdev \( -path /proc -o -path /dev -o -path /tmp -o -path /project \
        -o -path /run -o -path /var/log -o -path /var/cache \) -prune -o -print |
        grep -v '^/var/lib/dpkg/' | sort
}
step() { name=$1; shift; echo "== $name"; "$@" 2>&1; echo "-- $?"; }

printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
export DEBIAN_FRONTEND=noninteractive

step before nginx -t
files > /tmp/before
step install dpkg -i /project/*.deb
step content dpkg -L PACKAGE
step depends dpkg-query -W -f='${Depends}\n' PACKAGE
step link readlink -e LINK
step loaded nginx -T
step enabled grep -rhs load_module /etc/nginx/modules-enabled

cp /project/site.conf /etc/nginx/conf.d/auth0-m2m.conf
step site nginx -t
rm /etc/nginx/conf.d/auth0-m2m.conf

step example nginx -t -c DOCS/examples/minimal.conf
step remove dpkg -r PACKAGE
step removed nginx -t
step again dpkg -i /project/*.deb
step again-link readlink -e LINK
step purge dpkg -P PACKAGE
step purged nginx -t
files > /tmp/after
step left diff /tmp/before /tmp/after
SH

$script =~ s/\bPACKAGE\b/$name/g;
$script =~ s/\bLINK\b/$link/g;
$script =~ s/\bDOCS\b/$docs/g;

my $site = <<'CONF';
auth0_m2m_domain  acme.us.auth0.com;
resolver          127.0.0.53;

server {
    listen 127.0.0.1:8081;

    location / {
        auth0_m2m           on;
        auth0_m2m_audience  https://api.acme.example/;
        add_header          X-Org-Id $jwt_org_id;
        root                /var/www/html;
    }
}
CONF

sub output (@command) {
    open my $fh, '-|', @command or die "$command[0]: $!\n";
    my $text = do { local $/; <$fh> } // '';
    close $fh;
    return ($? >> 8, $text);
}

sub write_file ($path, $text) {
    open my $fh, '>', $path or die "$path: $!\n";
    print {$fh} $text;
    close $fh or die "$path: $!\n";
    return;
}

# The package, the site and the script, as the root sees them.

sub project ($deb) {
    my $dir = File::Temp->newdir;
    copy($deb, "$dir") or die "$deb: $!\n";
    write_file("$dir/site.conf", $site);
    write_file("$dir/script", $script);
    return $dir;
}

sub steps ($text) {
    my %steps;

    while ($text =~ /^== (\S+)\n(.*?)^-- (\d+)$/msg) {
        $steps{$1} = { text => $2, exit => $3 };
    }

    return \%steps;
}

my ($built, $log) = output('make', '--no-print-directory', 'deb');
is($built, 0, 'make deb') or die $log;
my ($deb) = grep { !/dbgsym/ } glob "build/deb/${name}_*.deb";

subtest('lintian' => sub {
    my ($changes) = glob 'build/deb/*.changes';
    my $left = File::Temp->newdir;    # by lintian, a file
    local $ENV{TMPDIR} = "$left";
    my ($exit, $text) = output('lintian', '-I', '-E', '--pedantic',
        '--allow-root', '--fail-on', 'error,warning,info,pedantic,experimental',
        $changes);
    is($exit, 0, 'nothing found');
    is($text, '', 'nothing said');
});

my ($made) = output('t/bin/root', 'make', 'bookworm', $root, @needs);
is($made, 0, 'a fresh Debian 12 with nginx') or die "no root\n";

my $project = project($deb);
my ($ran, $text) = output('t/bin/root', 'run', $root, "$project", 'bash',
    'script');
is($ran, 0, 'the script ran') or diag($text);
my $steps = steps($text);

sub passes ($step, $what, @like) {
    my $s = $steps->{$step} // { exit => 'not run', text => $text };
    my $ok = is($s->{exit}, 0, "$step: $what");
    $ok = like($s->{text}, $_, "$step: $_") && $ok for @like;
    diag($s->{text}) if !$ok;
    return;
}

passes('before', 'nginx without the package');
passes('install', 'with what it depends on and no more');
passes('content', 'files', map { qr/^\Q$_\E$/m } $module,
    '/usr/share/nginx/modules-available/mod-http-auth0-m2m.conf',
    "$docs/copyright", "$docs/changelog.gz", "$docs/changelog.Debian.gz",
    "$docs/README.md.gz", "$docs/directives.md.gz",
    "$docs/examples/minimal.conf", "$docs/examples/moesif/nginx.conf");
passes('depends', 'on the ABI of nginx', qr/(?:^|, )nginx-abi-1\.22\.1-\d+/);
passes('link', 'enabled', qr{/usr/share/nginx/modules-available/});
passes('loaded', 'nginx takes it',
    qr{^load_module modules/ngx_http_auth0_m2m_module\.so;}m);
passes('site', 'directives and variables', qr/test is successful/);
passes('example', 'conf-examples/minimal.conf', qr/test is successful/);
passes('remove', 'goes');
passes('removed', 'nginx without it again', qr/test is successful/);
passes('again', 'comes back');
passes('again-link', 'enabled again');
passes('purge', 'goes for good');
passes('purged', 'nginx without it');
passes('left', 'nothing is left');

done_testing;
