package Auth0M2M::Reliability;

use v5.36;

use Exporter qw(import);

our @EXPORT_OK = qw(%long @rows);

=head1 NAME

Auth0M2M::Reliability - the rows of docs/RELIABILITY.md, and its long forms

=head1 VARIABLES

    @rows    { id, what, bar, tests => [names of t/*.t], note }.  Those tests
             tell figures of that id, or of ID-PART, by Auth0M2M::Figures.  A
             row without tests has the figures of long forms
    %long    name => { command, read, keep }.  The command's tests tell
             figures, all that count or those of id keep; or read($text) finds
             them in what it prints

=cut

sub row ($id, $what, $bar, @tests) {
    return { id => $id, what => $what, bar => $bar, tests => \@tests };
}

our @rows = (
    row('R1', 'each call of a saga spoiled in each way',
        'documented answer, nothing left over, no secret told, <= 10.5 s',
        qw(provision_faults_create provision_faults_keys
        provision_faults_user)),
    row('R2', 'each way in which a fetch of keys fails',
        'FA = FR = 0; old keys stay; none: 503', qw(jwks_replies)),
    row('R3', 'the n-th allocation fails', 'no crash, hang, leak, accept',
        'torture'),
    row('R4', 'reload each half second under load', '0 failed, FA = FR = 0',
        'soak_reload'),
    row('R5', 'reload during each step of a saga', 'it ends as it would have',
        'provision_reload'),
    row('R6', 'kill -9 of workers, also inside critical sections',
        'FA = FR = 0, no lock left', 'soak_kill'),
    row('R7', 'kill -9 during a saga, of a worker and of all processes',
        'no secret on disk; what is left is found and removed',
        'provision_killed'),
    row('R8', 'rotation under load', 'FA = FR = 0', 'soak_rotation'),
    row('R9', 'rotation during a flood of unknown kids',
        'known kids do not notice', 'soak_rotation'),
    row('R10', 'tenant away for long', 'old keys, then 503, then recovery',
        'soak_outage'),
    row('R11', 'many callers at a cold start, unknown kids',
        '1 fetch; 1 in a cooldown', qw(jwks_outage jwks_unknown_kid)),
    row('R12', 'callers leave during a fetch, or a saga',
        'others do not notice', qw(jwks_outage provision_leave)),
    row('R13', 'memory over good and bad tokens, and over reloads', 'flat',
        'soak_memory'),
    row('R14', 'fuzzing', 'no finding', qw(fuzz fuzz_nginx)),
    row('R15', 'verdicts beside three other libraries',
        'none accepted that two refuse', 'diff'),
    row('R16', 'named attacks on tokens and keys', 'FA = 0',
        qw(attacks jose claims)),
    row('R17', 'malformed tokens', 'no accept, no 5xx', 'malformed'),
    row('R18', 'tokens in random order', 'verdict as alone', 'soak_mix'),
    row('R19', 'several tokens, redirects, subrequests',
        'one source, no way around',
        qw(token_source phases redirects satisfy inherit)),
    row('R20', "OpenSSL's queue of errors", 'no TLS error', 'soak_mix'),
    row('R21', 'hostile claim values', 'nothing but text', 'soak_mix'),
    row('R22', "callers' headers and bodies towards the tenant",
        'none arrives', 'client_callers'),
    row('R23', 'what the time of a refusal tells',
        '|t| < 4.5 for secrets; equal calls for every 404',
        qw(timing provision_auth)),
    row('R24', 'secrets in logs, files, memory', '0 hits',
        'provision_secrets'),
    row('R25', 'a full zone', 'valid accepted, keyed requests 503',
        'soak_zone'),
    row('R26', 'clock jumps', 'exp by the wall clock, the rest monotonic',
        'soak_clock'),
    row('R27', 'slow tenant', 'ends by the deadline', 'soak_outage'),
    row('R28', 'slow callers', 'hold nothing', 'soak_zone'),
    row('R29', 'large and endless key sets', 'cut at the limit, old keys stay',
        'jwks_replies'),
    row('R30', 'compressed key sets', 'refused', 'jwks_replies'),
    row('R31', 'certificates of the tenant',
        'the wrong ones refused in every order', 'tls'),
    row('R32', 'plain text before TLS', 'refused', 'tls'),
    row('R33', 'changes and failures of DNS', 'new address used; keys stay',
        'dns'),
    row('R34', 'processor time of a forged token', '<= 2 x a valid one',
        'soak_mix'),
    row('R35', 'races for keys of one person', 'exactly the quota, exactly one',
        'provision_races'),
    row('R36', 'keys of others', 'no access', 'provision_auth'),
    row('R37', 'the wrong kind of token', 'refused', 'provision_auth'),
    row('R38', "the tenant's limits", '<= 1 % of calls get a 429',
        'provision_pace'),
    row('R39', 'revoked credentials', 'refused at once by all workers',
        'soak_revocation'),
    { %{ row('R40', 'soak: two tenants with the same kid under load',
        'FA = FR = 0', 'soak_revocation') },
        note => 'hours of all loads, `make soak SOAK_SECONDS=21600`: not run' },
    row('R41', 'static analysis, sanitizers, valgrind, coverage',
        'no finding; lines of src/core >= 95 %, of src >= 90 %'),
);

# prove's last lines: Files=2, Tests=9, ...; Result: PASS

sub of_prove ($part, $what) {
    return sub ($text) {
        my ($files, $tests) = $text =~ /^Files=(\d+), Tests=(\d+)/m
            or return;
        my @failed = $text =~ m{^(\S+)\s+\(Wstat: [1-9]}mg;
        return { id => "R41-$part", what => $what, bar => 'no finding',
            count => 0 + $tests, ok => @failed ? \0 : \1,
            result => "$tests test points of $files files passed"
                . (@failed ? ", but for @failed" : ', 0 findings') };
    };
}

sub of_lint ($text) {
    my ($good, $bad, @said) = (0, 0);

    while ($text =~ /^lint: (\w+) +(\d+) passed, +(\d+) failed/mg) {
        push @said, "$1 $2";
        $good += $2;
        $bad  += $3;
    }

    return if !@said;
    return { id => 'R41-lint', what => 'compilers\' warnings, analyzers, rules',
        bar => 'no finding', count => $good + $bad, ok => $bad ? \0 : \1,
        result => "$bad findings in " . ($good + $bad) . ' checks of files: '
            . join(', ', @said) };
}

our %long = (
    lint => { command => 'make lint', read => \&of_lint },
    san  => { command => 'make test SAN=1', read => of_prove('san',
        'all tests with AddressSanitizer, LeakSanitizer and UBSan') },
    valgrind => { command => 'make test VALGRIND=1', read => of_prove(
        'valgrind', 'tests of t/valgrind.list') },
    cover   => { command => 'make cover', keep => 'R41' },
    fuzz    => { command => 'make fuzz TIME=300' },
    diff    => { command => 'make diff N=100000' },
    memory  => { command => 'make soak TESTS=t/soak_memory.t' },
    torture => { command => 'make soak TESTS=t/torture.t' },
    reload  => { command => 'make soak SOAK_SECONDS=600 TESTS="t/soak_reload.t'
            . ' t/soak_kill.t"' },
    chaos   => { command => 'make soak SOAK_SECONDS=120 TESTS="t/soak_rotation.t'
            . ' t/soak_outage.t t/soak_mix.t t/soak_revocation.t"' },
);

1;
