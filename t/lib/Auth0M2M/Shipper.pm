package Auth0M2M::Shipper;

use v5.36;

use File::Basename qw(dirname);
use File::Spec;
use File::Temp;
use POSIX ();
use Time::HiRes qw(sleep time);

=head1 NAME

Auth0M2M::Shipper - syslog-ng with the project's own example configuration

=head1 SYNOPSIS

    my $s = Auth0M2M::Shipper->new(events => $folder, collector => $c);
    $s->start;
    $s->kill;               # SIGKILL
    $s->start;              # goes on where it was
    $s->stop;

Runs F<conf-examples/moesif/syslog-ng.conf> in the foreground, in a folder of
its own.  Needs neither root nor a service manager.  What differs from the
file as printed:

    /var/log/nginx/moesif                the folder given as `events`
    /var/log/nginx/moesif-rejects.log    a file in the temporary folder
    /etc/syslog-ng/moesif-application-id the same
    https://api.moesif.net/v1/events/batch
                                         the collector's url
    /etc/ssl/certs                       the collector's ca_dir

Each must be there, or new dies.

=head1 METHODS

    new(events => .., collector => .., application_id => ..)
                 application_id: default the collector's
    start        returns when syslog-ng serves its control socket
    kill, stop   by SIGKILL, by SIGTERM; wait for the end
    alive, pid
    identify($id)
                 another application id, then HUP
    rejects      lines of the rejects file
    output       what syslog-ng has said
    statistics   syslog-ng-ctl's: a hash of 'name;type' => number
    missing      (class method) why it cannot run here, or nothing

=cut

my $root    = File::Spec->rel2abs(dirname(__FILE__) . '/../../..');
my $example = "$root/conf-examples/moesif/syslog-ng.conf";
my $binary  = '/usr/sbin/syslog-ng';

sub missing ($class) {
    return "$binary is missing (Debian: syslog-ng-core)" if !-x $binary;
    return 'syslog-ng-mod-http is missing'
        if !glob '/usr/lib/syslog-ng/*/libhttp.so';
    return;
}

sub new ($class, %o) {
    my $dir  = File::Temp->newdir('shipper-XXXXXXXX', TMPDIR => 1);
    my $self = bless { %o, dir => $dir, owner => $$ }, $class;
    my $id   = $o{application_id} // $o{collector}->application_id;
    $self->_identity($id);
    $self->_write('syslog-ng.conf', $self->_configuration);
    return $self;
}

sub _configuration ($self) {
    my $text = _slurp($example);
    my @substitutions = (
        '/var/log/nginx/moesif-rejects.log' => "$self->{dir}/rejects",
        '/var/log/nginx/moesif'             => $self->{events},
        '/etc/syslog-ng/moesif-application-id' => "$self->{dir}/id",
        'https://api.moesif.net/v1/events/batch' => $self->{collector}->url,
        '/etc/ssl/certs' => $self->{collector}->ca_dir,
    );
    while (my ($from, $to) = splice @substitutions, 0, 2) {
        $text =~ s/"\Q$from\E"/"$to"/ or die "$example: no \"$from\"\n";
    }
    return $text;
}

sub _identity ($self, $id) {
    my $text = _slurp(dirname($example) . '/moesif-application-id');
    $text =~ s/your-application-id/$id/ or die "no place for the id\n";
    return $self->_write('id', $text);
}

sub identify ($self, $id) {
    $self->_identity($id);
    return kill 'HUP', $self->pid;
}

sub _write ($self, $name, $text) {
    open my $fh, '>', "$self->{dir}/$name" or die "$name: $!\n";
    chmod 0600, $fh;
    print {$fh} $text;
    close $fh or die "$name: $!\n";
    return;
}

sub _slurp ($file) {
    open my $fh, '<', $file or return '';
    local $/;
    return <$fh> // '';
}

sub pid ($self)     { $self->{pid} }
sub output ($self)  { _slurp("$self->{dir}/output") }
sub rejects ($self) { split /\n/, _slurp("$self->{dir}/rejects") }

sub start ($self) {
    my $dir = $self->{dir};
    unlink "$dir/control";
    $self->{pid} = fork // die "fork: $!\n";
    if ($self->{pid} == 0) {
        open STDIN,  '<',  '/dev/null'   or POSIX::_exit(127);
        open STDOUT, '>>', "$dir/output" or POSIX::_exit(127);
        open STDERR, '>>', "$dir/output" or POSIX::_exit(127);
        exec qw(setpriv --pdeathsig KILL --), $binary, '--foreground',
            '--no-caps', '--stderr', "--cfgfile=$dir/syslog-ng.conf",
            "--persist-file=$dir/persist", "--pidfile=$dir/pid",
            "--control=$dir/control"
            or POSIX::_exit(127);
    }
    _poll(20, sub { !$self->alive || -S "$dir/control" });
    $self->alive or die "syslog-ng did not start:\n" . $self->output;
    return;
}

sub alive ($self) {
    my $pid = $self->{pid} or return 0;
    local $?;
    return 1 if waitpid($pid, POSIX::WNOHANG()) == 0;
    delete $self->{pid};
    return 0;
}

sub _poll ($seconds, $condition) {
    my $end = time + $seconds;
    while (!$condition->()) {
        return 0 if time > $end;
        sleep 0.02;
    }
    return 1;
}

sub _end ($self, $signal) {
    return if !$self->alive || $self->{owner} != $$;
    kill $signal, $self->pid;
    return _poll(15, sub { !$self->alive });
}

sub kill ($self) { return $self->_end('KILL') }
sub stop ($self) { return $self->_end('TERM') || $self->_end('KILL') }

sub DESTROY ($self) { $self->stop; return }

sub statistics ($self) {
    my $dir = $self->{dir};
    my %statistics;
    for my $line (qx(syslog-ng-ctl stats --control='$dir/control' 2>&1)) {
        chomp $line;
        my ($source, undef, undef, undef, $type, $number) = split /;/, $line;
        $statistics{"$source;$type"} += $number
            if ($number // '') =~ /^\d+$/;
    }
    return %statistics;
}

1;
