#!/usr/bin/perl

# What the documentation says is so: snippets parse, tables equal the sources,
# links lead somewhere.
#
# A snippet is taken as it is when it has `http {`, else put into http {} when
# it has `server {` or `map`, else into a server {}.  Around it stand a domain,
# an audience and a Management client, so that a single directive is complete;
# the addresses of examples are replaced by ones that are here.

use v5.36;

use File::Basename qw(dirname);
use FindBin;
use JSON::PP qw(decode_json);
use Test::More;

use lib "$FindBin::Bin/lib";
use Auth0M2M::Test;

chdir "$FindBin::Bin/.." or die "chdir: $!\n";

my @pages = ('README.md', glob('docs/*.md conf-examples/*.md'),
    glob('conf-examples/*/*.md'));

my %text = map { $_ => slurp($_) } @pages;

snippets();
links();
directives();
variables();
reasons();
log_lines();
metrics();
queries();
problems();
targets();

done_testing;


sub snippets {
    for my $page (@pages) {
        my $number = 0;

        while ($text{$page} =~ /^```nginx\n(.*?)^```/msg) {
            $number++;
            my ($exit, $said) = Auth0M2M::Test->conf_test(wrapped($1));
            is($exit, 0, "$page: snippet $number parses") or diag $said;
        }
    }
    return;
}

sub wrapped ($snippet) {
    $snippet =~ s/^load_module.*\n//mg;
    $snippet = $1 if $snippet =~ /^http \{\n(.*)^\}/ms;
    $snippet =~ s{http://backend\b}{http://127.0.0.1:8080}g;
    $snippet =~ s{(https://)egress\.internal}{${1}127.0.0.1}g;
    $snippet =~ s{(access_log\s+)/\S+}{$1/dev/null}g;
    $snippet =~ s{/etc/nginx/moesif-companies\.map}{/dev/null}g;

    my %env = map { ("PLUGIN_AUTH0_M2M_$_" => 'x') } qw(CLIENT_ID
        CLIENT_SECRET);
    my $around = join "\n    ", '', map { "$_;" } grep {
        my ($name) = /^(\S+)/;
        $snippet !~ /^\s{0,4}\Q$name\E\s/m;
    } 'resolver 127.0.0.1', 'auth0_m2m_domain acme.us.auth0.com',
        'auth0_m2m_audience https://api.acme.example/',
        'auth0_m2m_api_audience https://api.acme.example/',
        'auth0_m2m_api_scope read:orders';

    return (env => \%env, http => "$around\n$snippet\n", server => '')
        if $snippet =~ /^\s*(?:server \{|map |log_format)/m;
    return (env => \%env, http => "$around\n", server => $snippet);
}


sub links {
    for my $page (@pages) {
        my $missing = join ' ', grep { !leads($page, $_) }
            $text{$page} =~ /\]\(([^)\s]+)\)/g;
        is($missing, '', "$page: its links lead somewhere");
    }
    return;
}

sub leads ($page, $link) {
    return 1 if $link =~ /^(?:https?|mailto):/;
    my ($file, $anchor) = split /#/, $link, 2;
    my $path = length $file ? dirname($page) . "/$file" : $page;
    return 0 if !-e $path;
    return 1 if !defined $anchor;

    my %anchors = map { lc(s/[`\$]//gr =~ s/[^\w\s-]//gr =~ s/ /-/gr) => 1 }
        slurp($path) =~ /^#+ (.+)$/mg;
    return $anchors{$anchor};
}


# The command table beside docs/directives.md: names and contexts.

sub directives {
    my $source = slurp('src/ngx_http_auth0_m2m_conf_commands.c');
    my (%source, %docs);
    my %contexts = (
        'NGX_HTTP_AUTH0_M2M_ANY' => ['http', 'server', 'location'],
        'NGX_HTTP_MAIN_CONF'     => ['http'],
        'NGX_HTTP_LOC_CONF'      => ['location'],
        'NGX_HTTP_LMT_CONF'      => ['limit_except'],
    );

    while ($source =~ /ngx_string\("(auth0_m2m\w*)"\),\s*([\w|]+),/g) {
        $source{$1} = join ', ', map { @{ $contexts{$_} // [] } }
            split /\|/, $2;
    }

    while ($text{'docs/directives.md'}
        =~ /^## (auth0_m2m\w*)\n\n```\nSyntax:\s+(\w+).*?Context:\s+(.*?)\n/msg)
    {
        is($2, $1, "$1: the syntax names it");
        $docs{$1} = $3;
    }

    is_deeply(\%docs, \%source, 'docs/directives.md has the command table');
    return;
}


sub variables {
    my $source = slurp('src/ngx_http_auth0_m2m_variables.c');
    my @source = sort map { s/jwt_claim_\K$/NAME/r }
        $source =~ /\{ ngx_string\("(\w+)"\), NULL/g;
    my ($table) = $text{'docs/variables.md'} =~ /(.*?)^## /ms;
    my @docs = sort $table =~ /^\| `\$(\w+)`/mg;

    is_deeply(\@docs, \@source, 'docs/variables.md has every variable');
    return;
}


# Reasons of refusals; two are never those of a request.

sub reasons {
    my ($map) = slurp('src/core/a0.h') =~ /define A0_ERR_MAP\(X\)(.*?)\n\n/s;
    my %source;

    while ($map =~ /X\(\w+, "(\w+)", (\d+)/g) {
        my ($token, $status) = ($1, $2);
        next if $token =~ /^(?:bad_key_set|no_space)$/;
        $source{$token}{ $token eq 'ok' ? '-' : $status } = 1;
    }

    my %docs;
    my ($table) = $text{'docs/variables.md'}
        =~ /^## `\$auth0_m2m_status`\n(.*?)^## /ms;
    while ($table =~ /^\| `(\w+)` \| ([^|]+) \|/mg) {
        my $token = $1;
        $docs{$token}{$_} = 1 for split / or /, $2;
    }

    is_deeply(\%docs, \%source, 'docs/variables.md has every reason');
    return;
}


# Lines of the error log: each that operations.md explains is written by the
# sources, and each that they write while running is explained.  Parts that
# differ are <...> there and conversions here.

sub log_lines {
    my ($table) = $text{'docs/operations.md'}
        =~ /^## Log lines and what to do\n(.*?)^## /ms;
    my @docs = map { /`([^`]+)`/g } $table =~ /^\| (`.*?) \| /mg;
    my %docs = map { $_ => plain(s/<\w+>/\0/gr) } grep {/ /} @docs;
    my @source = map { written($_) } glob 'src/*.c';
    my %source = map { $_->{line} => 1 } @source;
    cmp_ok(@source, '>=', 20, 'lines of the sources');

    my @unknown = grep { !$source{ $docs{$_} } } sort keys %docs;
    is(join("\n", @unknown), '', 'docs/operations.md: each is written');

    my %known = map { $_ => 1 } values %docs;
    my @missing = map { $_->{line} =~ tr/\0/*/r }
        grep { $_->{running} && !$known{ $_->{line} } } @source;
    is(join("\n", @missing), '', 'and each line is explained');
    return;
}

# What a file writes.  nginx -t and the start are told apart by level and file.

sub written ($file) {
    my $text = slurp($file);
    my @lines;

    while ($text =~ /ngx_log_error\((\w+),[^;"]*?((?:\s*"(?:[^"\\]|\\.)*")+)/gs) {
        my ($level, $strings) = ($1, $2);
        my $format = join '', $strings =~ /"((?:[^"\\]|\\.)*)"/g;
        push @lines, {
            line => plain($format =~ s/%(?:\*s|[a-zA-Z]{1,2}\b|[Vs])/\0/gr),
            running => $level ne 'NGX_LOG_EMERG' && $file !~ /_conf/,
        };
    }
    return @lines;
}

sub plain ($line) { return $line =~ s/\\"/"/gr =~ s/^auth0_m2m: //r }


sub metrics {
    my $table = slurp('src/core/a0_metrics.c');
    my @missing = grep { $text{'docs/operations.md'} !~ /\b\Q$_\E/ }
        $table =~ /^    \{ "(\w+)",/mg;

    is("@missing", '', 'docs/operations.md has every metric');
    return;
}


# What dashboard and alerts ask for exists, with the suffixes of the text
# format.

sub queries {
    ok(eval { decode_json(slurp('conf-examples/grafana.json')) },
        'conf-examples/grafana.json is JSON');

    my %known = map { ("auth0_m2m_$_" => 1, "auth0_m2m_${_}_total" => 1,
        "auth0_m2m_${_}_bytes" => 1) }
        slurp('src/core/a0_metrics.c') =~ /^    \{ "(\w+)",/mg;

    # remedies name directives
    my %directive = map { $_ => 1 }
        $text{'docs/directives.md'} =~ /^## (auth0_m2m\w*)$/mg;

    for my $file (map {"conf-examples/$_"}
        qw(grafana.json prometheus-alerts.yml))
    {
        my @asked = slurp($file) =~ /\b(auth0_m2m_\w+)/g;
        my @missing = grep { !$known{$_} && !$directive{$_} } @asked;
        cmp_ok(@asked, '>=', 10, "$file asks for metrics");
        is("@missing", '', 'all of which there are');
    }
    return;
}


sub problems {
    my ($map) = slurp('src/core/a0_provision_answer.h')
        =~ /define A0_PROBLEM_MAP\(X\)(.*?)\n\n/s;
    my ($docs) = $text{'docs/provisioning.md'} =~ /^## Errors\n(.*?)^## /ms;
    my %status;

    while ($docs =~ /^\| ([\d, ]+) \| (.*?) \|/mg) {
        my ($statuses, $types) = ($1, $2);
        $status{$_} = $statuses for $types =~ /`([\w-]+)`/g;
    }

    while ($map =~ /X\(\w+, "([\w-]+)", (\d+)/g) {
        my ($type, $code) = ($1, $2);
        next if $code == 499;    # nobody is there to read it
        like($status{$type} // '', qr/\b$code\b/,
            "docs/provisioning.md: $type is $code");
    }
    return;
}


sub targets {
    my $help = `make -s help`;
    my %known = map { $_ => 1 } slurp('Makefile') =~ /^([\w-]+):/mg;
    my %said;

    for my $page ('README.md', glob 'docs/*.md') {
        $said{$_} = $page
            for $text{$page} =~ /(?:^|`)make (\w[\w-]*)/mg;
    }

    for my $target (sort keys %said) {
        ok($known{$target}, "make $target of $said{$target} exists");
        like($help, qr/^\Q$target\E\s/m, "make help has $target");
    }
    return;
}


sub slurp ($file) {
    open my $fh, '<', $file or die "$file: $!\n";
    local $/;
    return <$fh> // '';
}
