#!/usr/bin/perl

# Each refusal of nginx -t names the directive, its file and its very line,
# and what to do.  One line of a configuration at a time.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Auth0M2M::Guard;

my $base = <<'CONF';
auth0_m2m_domain   acme.us.auth0.com;
auth0_m2m_upstream http://127.0.0.1:1;
auth0_m2m_audience https://api/;
CONF

my $provision = <<'CONF';
auth0_m2m_client_id     app;
auth0_m2m_client_secret env:SECRET;
auth0_m2m_api_audience  https://api/;
auth0_m2m_api_scope     read:a;
CONF

sub emerg {
    my ($http, %o) = @_;
    my ($exit, $output) = Auth0M2M::Test->conf_test(
        files => { open => ['x', 0644] },
        env   => { SECRET => 'x', %{ $o{env} // {} } },
        http  => "$http\nserver { listen 127.0.0.1:%%PORT%%; }",
    );
    my ($emerg) = $output =~ /\[emerg\] (?:\d+#\d+: )?(.*)/;

    return $exit ? $emerg : undef;
}

# The line where the text that is given as http begins.

my ($first) = emerg("bogus;\n") =~ /nginx\.conf:(\d+)$/;

# told(directive, text, what to do, %o): text is one line in a location, or at
# the level of http; before: what stands above it; name: not what it begins
# with.

sub told {
    my ($text, $remedy, %o) = @_;
    my $above = $o{before} // $base;

    $above .= "server {\nlisten 127.0.0.1:%%PORT_X%%;\nlocation /a {\n"
        . ($o{access} // "auth0_m2m on;\n") if !$o{http};

    my $said = emerg($above . $text . "\n" . ($o{http} ? '' : "}\n}\n")
        . ($o{after} // ''), %o);
    my ($name) = $o{name} // $text =~ /^(\w+)/;
    my $line   = $first + $above =~ tr/\n//;

    ok(defined $said, "$text: refused") or return;
    like($said, qr/"$name"/,                 "$text: the directive");
    like($said, $remedy,                     "$text: what to do");
    like($said, qr{ in /\S*/nginx\.conf:$line$}, "$text: the place");
    return;
}

# lists of names

my $name_says  = qr/invalid name .*printable ASCII without spaces.*variables/;
my $twice_says = qr/duplicate name .*write it once/;

for my $d (qw(audience client scope permission api_scope)) {
    told("auth0_m2m_$d $_;", $name_says)
        for '""', '"a b"', q('a"b'), 'a\\\\b', '$arg_a', '$a', "\xc3\xa4";
    told("auth0_m2m_$d a b a;", $twice_says);
}

told("auth0_m2m_$_ any a a;", $twice_says) for qw(scope permission);
told('auth0_m2m_organization org_a org_a;', $twice_says);
told('auth0_m2m_organization "";', $name_says);
told('auth0_m2m_allow_origin https://a https://a;', $twice_says);

# words of a closed list

told("auth0_m2m_token_type $_;", qr/it must be any or at\+jwt/)
    for 'jwt', 'AT+JWT', '""', '$a';
told("auth0_m2m_status $_;", qr/it must be json or prometheus/)
    for 'xml', 'JSON', '""';
told("auth0_m2m_provision $_;", qr/it must be create_key, keys or user/)
    for 'key', '""';
told('auth0_m2m_provision_options x=1;', qr/known are max_keys=0\.\.100/);

# auth0_m2m itself

my %bare = (access => '');

told("auth0_m2m on $_;", qr/use printable ASCII without variables/, %bare)
    for 'realm=', 'realm=$host', '"realm=a $host"', "realm=\xc3\xa4",
    "\"realm=a\x01\"";
told("auth0_m2m on $_;", qr/only realm=string and token=\$variable/, %bare)
    for 'token=$', '"token=$a b"', 'token=$a$b', 'token=$a.b', 'token=a';

# where the tenant is

told("auth0_m2m_domain $_;", qr/write the host name alone, such as/)
    for 'a.example.', '.a.example', 'a..example', '-a.example', 'a-.example',
    'a.example-', '$host', '*.example', 'x' x 64 . '.example';

my %no_upstream = (before => $base =~ s/auth0_m2m_upstream.*\n//r);

told("auth0_m2m_upstream $_;", qr{it must be https://host\[:port\]},
    %no_upstream) for '""', 'https://$host', 'https://u@127.0.0.1',
    'https://127.0.0.1#a', 'ftp://127.0.0.1', 'ftp://127.0.0.1 b.example';
told("auth0_m2m_upstream $_;", qr{write https://host\[:port\] alone},
    %no_upstream) for 'https://127.0.0.1/path', 'https://127.0.0.1:0';
told('auth0_m2m_upstream https://127.0.0.1 a.example.;',
    qr/write the host name alone/, %no_upstream);
told('auth0_m2m_upstream http://no-such-host.invalid;',
    qr/write its loopback address/, %no_upstream);
told('auth0_m2m_upstream https://no-such-host.invalid;',
    qr/add "resolver"/, %no_upstream);

# events for Moesif

told("auth0_m2m_moesif $_;", qr/must be company=value,.*query=off/)
    for 'query', 'company=', '=', 'body=on';
told("auth0_m2m_moesif $_=\$arg_a $_=\$arg_b;", qr/duplicate, write it once/)
    for 'company', 'user';
told('auth0_m2m_moesif query=off query=on;', qr/duplicate, write it once/);
told('auth0_m2m_moesif query=yes;', qr/must be on or off/);
told("auth0_m2m_moesif @{[ map {\"request_header=X-$_\"} 1 .. 17 ]};",
    qr/one header too many, 16 are allowed/);
told('auth0_m2m_moesif query=on;', qr/is duplicate/,
    access => "auth0_m2m_moesif query=on;\n");

# secrets

my $secret = 'auth0_m2m_client_secret';

told("$secret env:NOT_SET;",  qr/"NOT_SET" .*is not set or empty/);
told("$secret file:none;",    qr/secret file .*cannot be opened/);
told("$secret file:open;",    qr/chmod 600/);
told("$secret file:;",        qr/is not a file/);
told("$secret file:%%DIR%%;", qr/is not a file/);
told("$_ env:NOT_SET;",       qr/"NOT_SET" .*is not set or empty/)
    for 'auth0_m2m_client_id', 'auth0_m2m_client_assertion_key';

my %key = (before => ($base =~ s{https://api/}{portal}r) . $provision
    =~ s/client_secret.*/client_assertion_key env:SECRET;/r);

told('auth0_m2m_provision keys;', qr/RSA of 2048 to 8192 bits or P-256/, %key);
told('auth0_m2m_provision keys;', qr/must be printable ASCII/,
    before => $base . $provision =~ s{https://api/}{"$_"}r)
    for 'https://a b/', '$arg_a';

# Nothing takes the place of a handler: the access rules would go with it.

for my $other ('proxy_pass http://127.0.0.1:1;', 'empty_gif;') {
    for my $own ('auth0_m2m_authorizer;', 'auth0_m2m_status;',
        'auth0_m2m_provision keys;')
    {
        my %o = (before => $base . $provision, name => $own =~ /^(\w+)/);

        told("$own $other", qr/give it a location of its own/, %o);
        told("$other $own", qr/give it a location of its own/, %o);
    }
}

told('auth0_m2m_status; auth0_m2m_authorizer;',
    qr/give it a location of its own/, name => 'auth0_m2m_authorizer');

# the zone

told('auth0_m2m_zone zone=a:255k;', qr/give it at least 256k/, http => 1);

my @many = map {"t$_.example"} 1 .. 50;

told('auth0_m2m_zone zone=a:256k;', qr/50 are configured, give .* more/,
    http => 1, after => "auth0_m2m on;\n",
    before => $base =~ s/acme\.us\.auth0\.com/@many/r);

# the environment

for my $prefix ('PLUGIN_AUTH0_M2M', 'AUTH0_M2M') {
    my %o = (access => '', before => $base =~ s/auth0_m2m_audience.*\n//r);

    told('auth0_m2m on;', qr/"\Q$_\E" in .*AUDIENCE.* printable ASCII/, %o,
        env => { "${prefix}_API_AUDIENCE" => $_ }) for 'a b', '$a', 'a"b';
}

done_testing;
