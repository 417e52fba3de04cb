package Auth0M2M::MoesifExample;

use v5.36;

use File::Basename qw(dirname);
use File::Spec;

=head1 NAME

Auth0M2M::MoesifExample - conf-examples/moesif/nginx.conf, made to run here

=head1 FUNCTIONS

    options(%o)   options for Auth0M2M::Test->new: the http block of the
                  example, with only these changed:

        listen 80                         127.0.0.1:%%PORT%%
        acme.us.auth0.com                 %%TENANT_DOMAIN%%, reached at
                                          %%TENANT_HTTP%%
        127.0.0.1:8080                    %%BACKEND%%, or `backend`
        /etc/nginx/moesif-companies.map   the one beside it, in %%DIR%%
        /var/log/nginx/...                %%DIR%%/...

    %o: http and server are added at the end of those blocks
    lines($folder)
                  all lines of the event files, in order of the names
    prepare($n)   makes the folder of the event files below that of an
                  Auth0M2M::Test (start => 0); its path

=cut

my $folder = File::Spec->rel2abs(dirname(__FILE__) . '/../../..')
    . '/conf-examples/moesif';

sub options (%o) {
    my ($http) = slurp("$folder/nginx.conf") =~ /^http \{\n(.*)^\}\n/ms
        or die "nginx.conf: no http block\n";
    my $backend = $o{backend} // '%%BACKEND%%';
    my @changes = (
        qr/listen\s+80;/                  => 'listen 127.0.0.1:%%PORT%%;',
        qr/acme\.us\.auth0\.com;/         => "%%TENANT_DOMAIN%%;\n"
            . 'auth0_m2m_upstream %%TENANT_HTTP%%;',
        qr/127\.0\.0\.1:8080/             => $backend,
        qr{/etc/nginx/(?=moesif-comp)}    => '%%DIR%%/',
        qr{/var/log/nginx/(?=access)}     => '%%DIR%%/',
        qr{/var/log/nginx/(?=moesif/)}    => '%%DIR%%/',
    );
    while (my ($from, $to) = splice @changes, 0, 2) {
        $http =~ s/$from/$to/ or die "nginx.conf: nothing like $from\n";
    }
    my ($server, $more) = map { $o{$_} // '' } qw(server http);
    $http =~ s/^    \}\n\z/$server\n    }\n$more\n/m
        or die "nginx.conf: no end of the server block\n";
    return (
        http  => $http,
        files => { 'moesif-companies.map' => slurp("$folder/companies.map") },
    );
}

sub prepare ($n) {
    my $path = $n->path('moesif');
    mkdir $path or die "$path: $!\n";
    return $path;
}

sub lines ($path) {
    return map { split /(?<=\n)/, slurp($_) } sort glob "$path/ev-*.jsonl";
}

sub slurp ($file) {
    open my $fh, '<', $file or die "$file: $!\n";
    local $/;
    return <$fh> // '';
}

1;
