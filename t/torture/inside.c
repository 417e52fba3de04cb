/*
 * inside PID FUNCTION LOCK STEPS SECONDS: kills process PID inside a function.
 * Addresses are those of FUNCTION and of ngx_shmtx_trylock() in that process,
 * in hex.  Waits until it enters FUNCTION, lets it do STEPS instructions more,
 * counted anew when it gets the lock, and kills it there; STEPS below 0 are
 * counted from the moment that it has given the lock back.  Prints
 * "killed STEPS HELD", HELD 1 when it was the owner of the lock that it had
 * asked for; or "late" when it did not come within SECONDS, or had left.
 */

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>


static pid_t  pid;


static void
late(int sig)
{
    (void) sig;
}


/* The next stop by SIGTRAP; other signals are handed on.  0: none came. */

static int
trapped(int how)
{
    int  status, sig;

    sig = 0;

    for ( ;; ) {
        if (ptrace(how, pid, NULL, (void *) (intptr_t) sig) == -1) {
            return 0;
        }

        if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) {
            return 0;
        }

        sig = WSTOPSIG(status);

        if (sig == SIGTRAP) {
            return 1;
        }
    }
}


static uintptr_t
peek(uintptr_t address)
{
    return (uintptr_t) ptrace(PTRACE_PEEKDATA, pid, (void *) address, NULL);
}


static void
poke(uintptr_t address, uintptr_t word)
{
    (void) ptrace(PTRACE_POKEDATA, pid, (void *) address, (void *) word);
}


static int
leave(uintptr_t function, uintptr_t code)
{
    int  status;

    /* an alarm found it running: stop it, to take the breakpoint out */

    if (kill(pid, SIGSTOP) == 0 && waitpid(pid, &status, 0) == pid
        && WIFSTOPPED(status))
    {
        struct user_regs_struct  regs;

        poke(function, code);

        if (WSTOPSIG(status) == SIGTRAP
            && ptrace(PTRACE_GETREGS, pid, NULL, &regs) == 0
            && regs.rip == function + 1)
        {
            regs.rip = function;
            (void) ptrace(PTRACE_SETREGS, pid, NULL, &regs);
        }

        (void) ptrace(PTRACE_DETACH, pid, NULL, NULL);
        (void) kill(pid, SIGCONT);
    }

    puts("late");

    return 0;
}


/* Where the process is with its lock. */

typedef enum { BEFORE, ASKED, OWNER, AFTER } stage_e;


static stage_e
stage(stage_e at, uintptr_t lock, uintptr_t *word)
{
    struct user_regs_struct  regs;

    switch (at) {

    case BEFORE:
        (void) ptrace(PTRACE_GETREGS, pid, NULL, &regs);

        if (regs.rip != lock) {
            return BEFORE;
        }

        *word = peek(regs.rdi);     /* ngx_shmtx_t begins with it */
        return ASKED;

    case ASKED:
        return ((pid_t) peek(*word) == pid) ? OWNER : ASKED;

    case OWNER:
        return ((pid_t) peek(*word) == pid) ? OWNER : AFTER;

    default:
        return AFTER;
    }
}


/* So many single steps, counted from the moment that the process owns the lock
 * if it takes it, or below 0 has given it back; *word becomes the lock's
 * address. */

static long
walk(long steps, uintptr_t lock, uintptr_t *word)
{
    long     i, bound;
    stage_e  at, next, from;

    at = BEFORE;
    from = (steps < 0) ? AFTER : BEFORE;
    steps = labs(steps);
    bound = 100000;
    *word = 0;

    for (i = 0; i < steps && bound > 0 && trapped(PTRACE_SINGLESTEP); bound--) {
        next = stage(at, lock, word);
        i = (at == ASKED || next == ASKED || at < from) ? 0 : i + 1;
        at = next;
    }

    return i;
}


int
main(int argc, char **argv)
{
    int                      status, held;
    long                     i, steps;
    uintptr_t                function, lock, code, word;
    struct sigaction         sa = { .sa_handler = late };
    struct user_regs_struct  regs;

    if (argc != 6) {
        return 2;
    }

    pid = (pid_t) atol(argv[1]);
    function = strtoull(argv[2], NULL, 16);
    lock = strtoull(argv[3], NULL, 16);
    steps = atol(argv[4]);

    if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) == -1
        || waitpid(pid, &status, 0) != pid)
    {
        perror("ptrace");
        return 1;
    }

    code = peek(function);
    poke(function, (code & ~(uintptr_t) 0xff) | 0xcc);

    (void) sigaction(SIGALRM, &sa, NULL);
    (void) alarm((unsigned) atoi(argv[5]));

    if (!trapped(PTRACE_CONT)) {
        return leave(function, code);
    }

    (void) alarm(0);

    poke(function, code);
    (void) ptrace(PTRACE_GETREGS, pid, NULL, &regs);
    regs.rip = function;
    (void) ptrace(PTRACE_SETREGS, pid, NULL, &regs);

    i = walk(steps, lock, &word);
    held = word && (pid_t) peek(word) == pid;

    (void) kill(pid, SIGKILL);
    printf("killed %ld %d\n", i, held);

    return 0;
}
