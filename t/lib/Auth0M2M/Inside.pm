package Auth0M2M::Inside;

use v5.36;
no warnings 'portable';     # addresses have 64 bits

use Cwd qw(abs_path);
use File::Basename qw(dirname);

=head1 NAME

Auth0M2M::Inside - kills a process inside a function of the module

=head1 METHODS

    new($dir)    builds t/torture/inside.c into that folder.  undef when it
                 cannot: another processor, or nginx without symbols; why()
                 has the reason
    kill($pid, $function, $steps, $seconds)
                 (number of instructions done, 1 if it held the zone's lock),
                 or nothing when it did not enter the function in time; steps
                 below 0 are those after it gave the lock back
    asleep($pid) whether the process sleeps until another one wakes it

=cut

my $source = abs_path(dirname(__FILE__) . '/../../torture/inside.c');
my $why;

sub why { return $why }

sub new ($class, $dir) {
    my $nginx  = abs_path($ENV{TEST_NGINX_BINARY} || '/usr/sbin/nginx');
    my $module = $ENV{TEST_NGINX_MODULE} || '';
    my $self   = bless { program => "$dir/inside", nginx => $nginx,
        module => $module eq 'static' ? $nginx
            : abs_path($module || dirname($source) . '/../../build/'
            . 'ngx_http_auth0_m2m_module.so') }, $class;

    $why = `uname -m` !~ /x86_64/ ? 'not an x86-64 processor'
        : $ENV{TEST_NGINX_VALGRIND} ? 'valgrind is in between'
        : system(qw(cc -O2 -Wall -Wextra -o), $self->{program}, $source)
        ? 'cannot be built'
        : !$self->_symbol($nginx, 'ngx_shmtx_trylock') ? 'no symbols' : undef;

    return $why ? undef : $self;
}

sub _symbol ($self, $file, $name) {
    my $table = $self->{symbols}{$file} //= do {
        my %all = map { /^([0-9a-f]+) \w (\w+)$/ ? ($2 => hex $1) : () }
            map { `nm $_ '$file' 2>/dev/null` } '-D', '';
        \%all;
    };
    return $table->{$name};
}

# Where that file's addresses begin in the process.

sub _base ($self, $pid, $file) {
    open my $fh, '<', "/proc/$pid/maps" or return;
    my ($base) = map { /^([0-9a-f]+)-.* 00000000 .* \Q$file\E$/ ? hex $1 : () }
        <$fh>;
    return $base;
}

sub kill ($self, $pid, $function, $steps, $seconds) {
    my ($module, $nginx) = @$self{qw(module nginx)};
    my $at = $self->_symbol($module, $function)
        // die "no function $function in $module\n";
    my @bases = map { $self->_base($pid, $_) // return } $module, $nginx;
    my $lock = $bases[1] + $self->_symbol($nginx, 'ngx_shmtx_trylock');

    my $said = sprintf '%s %d %x %x %d %d', $self->{program}, $pid,
        $bases[0] + $at, $lock, $steps, $seconds;
    $said = `$said`;
    return $said =~ /^killed (\d+) (\d)/ ? ($1, $2) : ();
}

# In futex(), as this processor numbers it.

sub asleep ($self, $pid) {
    open my $fh, '<', "/proc/$pid/syscall" or return;
    return (<$fh> // '') =~ /^202 /;
}

1;
