
/*
 * The token table between processes: readers against writers, writers that
 * die, writers that stall.  To stop a writer inside its critical section, its
 * claims lie across the border of a page that faults: the copy into the table
 * runs into it, and the handler dies or waits there.
 */

#define _DEFAULT_SOURCE

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit_tcache.h"


#define PAGE  ((size_t) sysconf(_SC_PAGESIZE))


static unsigned char  *trap;      /* the page that faults */
static int             signals[2], orders[2];
static unsigned        asked;     /* calls of living() */


static int
living(uint32_t pid)
{
    asked++;
    return kill((pid_t) pid, 0) == 0 || errno == EPERM;
}


static pid_t
fork_or_bail(void)
{
    pid_t  pid;

    fflush(stdout);
    pid = fork();

    if (pid == -1) {
        printf("Bail out! fork\n");
        exit(2);
    }

    return pid;
}


static void
reap(pid_t pid, int *status)
{
    while (waitpid(pid, status, 0) == -1 && errno == EINTR) {
    }
}


static void
die_here(int sig)
{
    (void) sig;
    kill(getpid(), SIGKILL);
}


/* Tells that it stands inside, waits for the word, goes on as if nothing. */

static void
stall_here(int sig)
{
    char  c;

    (void) sig;

    if (write(signals[1], "x", 1) != 1 || read(orders[0], &c, 1) != 1
        || mprotect(trap, PAGE, PROT_READ) != 0)
    {
        _exit(9);
    }
}


/* In a child: puts token n and faults in the middle of it. */

static void
put_and_fault(a0_tcache_t *t, uint64_t n, void (*handler)(int))
{
    claims_t            c;
    digest_t            d;
    unsigned char      *p;
    struct sigaction    sa;
    a0_tcache_origin_t  origin = { 1, 7, 0 };

    memset(&sa, 0, sizeof(sa));
    sa.sa_handler = handler;
    sigaction(SIGSEGV, &sa, NULL);
    sigaction(SIGBUS, &sa, NULL);

    p = mmap(NULL, PAGE * 2, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    d = digest_of(n);
    claims_of(&d, EXP, &c);
    trap = p + PAGE;
    p = trap - sizeof(a0_claims_t) - 8;
    memcpy(p, c.bytes, c.head.size);
    mprotect(trap, PAGE, PROT_NONE);

    a0_tcache_put(t, d.bytes, NOW, (a0_claims_t *) (void *) p, &origin,
                  (uint32_t) getpid(), living);
    _exit(0);
}


static a0_tcache_put_e
put_as_me(a0_tcache_t *t, uint64_t n)
{
    claims_t            c;
    digest_t            d;
    a0_tcache_origin_t  origin = { 1, 7, 0 };

    d = digest_of(n);
    claims_of(&d, EXP, &c);

    return a0_tcache_put(t, d.bytes, NOW, &c.head, &origin,
                         (uint32_t) getpid(), living);
}


static void
test_killed(void)
{
    int           status;
    pid_t         pid;
    uint64_t      i;
    a0_tcache_t  *t;

    unit_case("a writer killed inside: its set misses, then starts empty");
    t = table(1);

    for (i = 0; i < 4; i++) {
        CHECK_EQ_INT(put_as_me(t, i), A0_TCACHE_STORED);
    }

    CHECK_EQ_INT(asked, 0);
    pid = fork_or_bail();

    if (pid == 0) {
        put_and_fault(t, 4, die_here);
    }

    reap(pid, &status);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

    for (i = 0; i < 5; i++) {
        CHECK_EQ_INT(get(t, i), 0);
    }

    CHECK_EQ_INT(put_as_me(t, 100), A0_TCACHE_STORED);
    CHECK_EQ_INT(asked, 1);
    CHECK_EQ_INT(get(t, 100), 1);
    CHECK_EQ_INT(a0_tcache_entries(t, NOW), 1);

    for (i = 0; i < 5; i++) {
        CHECK_EQ_INT(get(t, i), 0);
    }

    unit_case("after that the set works as before");
    asked = 0;

    for (i = 0; i < 7; i++) {
        CHECK_EQ_INT(put_as_me(t, i), A0_TCACHE_STORED);
        CHECK_EQ_INT(get(t, i), 1);
    }

    CHECK_EQ_INT(get(t, 100), 1);
    CHECK_EQ_INT(asked, 0);
    drop(t);
}


static void
test_stalled(void)
{
    int            status;
    char           c;
    pid_t          pid;
    a0_tcache_t   *t;
    struct pollfd  pfd;

    unit_case("a writer stands inside: misses, and nobody robs it");
    t = table(1);
    asked = 0;
    CHECK_EQ_INT(put_as_me(t, 1), A0_TCACHE_STORED);
    CHECK(pipe(signals) == 0 && pipe(orders) == 0);
    pid = fork_or_bail();

    if (pid == 0) {
        put_and_fault(t, 2, stall_here);
    }

    pfd.fd = signals[0];
    pfd.events = POLLIN;
    CHECK(poll(&pfd, 1, 10000) == 1 && read(signals[0], &c, 1) == 1);

    CHECK_EQ_INT(get(t, 1), 0);
    CHECK_EQ_INT(get(t, 2), 0);
    CHECK_EQ_INT(put_as_me(t, 3), A0_TCACHE_SKIPPED);
    CHECK_EQ_INT(asked, 1);
    CHECK_EQ_INT(get(t, 3), 0);

    unit_case("it goes on: everything is there");
    CHECK(write(orders[1], "x", 1) == 1);
    reap(pid, &status);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK_EQ_INT(get(t, 1), 1);
    CHECK_EQ_INT(get(t, 2), 1);
    CHECK_EQ_INT(put_as_me(t, 3), A0_TCACHE_STORED);
    CHECK_EQ_INT(asked, 1);

    close(signals[0]);
    close(signals[1]);
    close(orders[0]);
    close(orders[1]);
    drop(t);
}


static void
test_own_id(void)
{
    int                 status;
    pid_t               pid;
    claims_t            c;
    digest_t            d;
    a0_tcache_t        *t;
    a0_tcache_origin_t  origin = { 1, 7, 0 };

    unit_case("a dead owner whose process id is now ours");
    t = table(1);
    asked = 0;
    CHECK_EQ_INT(put_as_me(t, 1), A0_TCACHE_STORED);
    pid = fork_or_bail();

    if (pid == 0) {
        put_and_fault(t, 2, die_here);
    }

    reap(pid, &status);
    d = digest_of(3);
    claims_of(&d, EXP, &c);
    CHECK_EQ_INT(a0_tcache_put(t, d.bytes, NOW, &c.head, &origin,
                               (uint32_t) pid, living), A0_TCACHE_STORED);
    CHECK_EQ_INT(asked, 0);
    CHECK_EQ_INT(get(t, 1), 0);
    CHECK_EQ_INT(get(t, 3), 1);
    drop(t);
}


/* Reads and writes 64 tokens; returns what went wrong. */

static unsigned
hammer(a0_tcache_t *t, uint64_t seed, unsigned rounds, unsigned *hits)
{
    int       hit;
    unsigned  i, wrong;
    uint64_t  n;

    wrong = 0;

    for (i = 0; i < rounds; i++) {
        seed = mix(seed);
        n = seed % 64;

        if (seed >> 60 == 0) {
            put_as_me(t, n);
            continue;
        }

        hit = get(t, n);
        wrong += (hit == -1);
        *hits += (hit == 1);
    }

    return wrong;
}


static void
test_hammer(void)
{
    int           i, status;
    pid_t         pids[3];
    unsigned      hits;
    a0_tcache_t  *t;

    unit_case("four processes at two sets: every hit has its own claims");
    t = table(2);

    for (i = 0; i < 3; i++) {
        pids[i] = fork_or_bail();

        if (pids[i] == 0) {
            hits = 0;
            _exit(hammer(t, (uint64_t) i, 100000, &hits) != 0);
        }
    }

    hits = 0;
    CHECK_EQ_INT(hammer(t, 99, 100000, &hits), 0);
    CHECK(hits > 1000);

    for (i = 0; i < 3; i++) {
        reap(pids[i], &status);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }

    drop(t);
}


/* Writers die wherever they are just then, 100 times. */

static void
test_killed_anywhere(void)
{
    int           i, status;
    pid_t         pid;
    unsigned      hits;
    uint64_t      n;
    a0_tcache_t  *t;

    unit_case("writers killed at any moment: right claims, and it works on");
    t = table(2);
    hits = 0;

    for (i = 0; i < 100; i++) {
        pid = fork_or_bail();

        while (pid == 0) {
            put_as_me(t, mix((uint64_t) ++i) % 64);
        }

        CHECK_EQ_INT(hammer(t, (uint64_t) i, 1000, &hits), 0);
        kill(pid, SIGKILL);
        reap(pid, &status);
        CHECK(WIFSIGNALED(status));
        CHECK_EQ_INT(hammer(t, (uint64_t) i, 100, &hits), 0);
    }

    CHECK(hits > 0);

    for (n = 0; n < 64; n++) {
        CHECK(put_as_me(t, n) != A0_TCACHE_SKIPPED);
        CHECK_EQ_INT(get(t, n), 1);
    }

    drop(t);
}


int
main(void)
{
    test_killed();
    test_stalled();
    test_own_id();
    test_hammer();
    test_killed_anywhere();

    return unit_done();
}
