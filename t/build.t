#!/usr/bin/perl

# What was built: the module shows nginx three symbols and no more, the list
# of sources is the list of files, and the packaged nginx loads it.

use strict;
use warnings;

use File::Basename qw(basename);
use Test::More;

use lib 't/lib';
use Auth0M2M::Test;

my $module = $ENV{TEST_NGINX_MODULE}
    || 'build/ngx_http_auth0_m2m_module.so';

sub output {
    my ($exit, $text) = Auth0M2M::Test::Curl::run([@_]);
    is($exit, 0, $_[0]) or diag($text);
    return $text;
}

sub listed {
    open my $fh, '<', 'config' or die "config: $!\n";
    my %found = map { $_ => 1 }
        map {m{\$ngx_addon_dir/(src/\S+\.[ch])}g} <$fh>;
    return sort keys %found;
}

subtest('config lists every source and header' => sub {
    is_deeply([listed()], [sort glob 'src/*.[ch] src/core/*.[ch]'],
        'the same files');
});

subtest('symbols' => sub {
    plan(skip_all => 'the module is linked into nginx')
        if $module eq 'static';

    my @symbols = sort map { (split)[2] } split /\n/,
        output('nm', '-D', '--defined-only', $module);
    is_deeply(\@symbols, [qw(ngx_module_names ngx_module_order ngx_modules)],
        'exported: what nginx looks up, nothing else');
    unlike(output('readelf', '-d', $module), qr/\b(?:TEXTREL|RPATH|RUNPATH)\b/,
        'no text relocations, no run path');
    unlike(output('readelf', '-lW', $module), qr/GNU_STACK.* RWE /,
        'no executable stack');
});

subtest('loads' => sub {
    my ($exit, $text) = Auth0M2M::Test->conf_test(server => '',
        main => 'worker_rlimit_nofile 4096;');    # a user's may be 1024
    is($exit, 0, 'nginx -t') or diag($text);
    unlike($text, qr/\[warn\]/, 'without a warning');
});

subtest('installs' => sub {
    plan(skip_all => 'the module is linked into nginx')
        if $module eq 'static';

    my $n = Auth0M2M::Test->new(server => '', start => 0, module => 0);
    local $ENV{DESTDIR} = $n->dir;
    my $text = output('t/bin/install-module', $module);
    my ($file) = glob $n->path('usr/lib/nginx/modules/*.so');

    ok($file && -s $file == -s $module, 'the file is there');
    like($text, qr/^add .* load_module modules\/\Q@{[basename($module)]}\E;/m,
        'and how to load it');
});

done_testing;
