/*
 * Preloaded into nginx: the n-th allocation fails.  TORTURE_CONTROL names a
 * file of struct control, shared with the test:
 *
 *   countdown  n > 0: the n-th allocation from now on fails; 0: none
 *   lasting    not 0: all after it fail as well, until countdown is written
 *   calls      allocations since the test wrote 0
 *   failed     those that failed
 *   live       blocks allocated and not freed
 */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>


struct control {
    int64_t  countdown;
    int64_t  lasting;
    int64_t  calls;
    int64_t  failed;
    int64_t  live;
};


static struct control  none;
static struct control  *control = &none;

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *p);


__attribute__((constructor)) static void
torture_map(void)
{
    int          fd;
    void        *p;
    const char  *name;

    name = getenv("TORTURE_CONTROL");
    if (name == NULL) {
        return;
    }

    fd = open(name, O_RDWR | O_CLOEXEC);
    if (fd == -1) {
        return;
    }

    p = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED,
             fd, 0);
    close(fd);

    if (p != MAP_FAILED) {
        control = p;
    }
}


static int
torture_fails(void)
{
    control->calls++;

    if (control->countdown == 0) {
        return 0;
    }

    if (control->countdown > 1) {
        control->countdown--;
        return 0;
    }

    if (!control->lasting) {
        control->countdown = 0;
    }

    control->failed++;
    errno = ENOMEM;

    return 1;
}


static void *
torture_born(void *p)
{
    control->live += (p != NULL);
    return p;
}


void *
malloc(size_t size)
{
    return torture_fails() ? NULL : torture_born(__libc_malloc(size));
}


void *
calloc(size_t n, size_t size)
{
    return torture_fails() ? NULL : torture_born(__libc_calloc(n, size));
}


void *
realloc(void *old, size_t size)
{
    void  *p;

    if (torture_fails()) {
        return NULL;
    }

    p = __libc_realloc(old, size);

    if (old == NULL) {
        return torture_born(p);
    }

    control->live -= (p == NULL && size == 0);

    return p;
}


int
posix_memalign(void **p, size_t alignment, size_t size)
{
    if (torture_fails()) {
        return ENOMEM;
    }

    *p = torture_born(__libc_memalign(alignment, size));

    return (*p == NULL) ? ENOMEM : 0;
}


void
free(void *p)
{
    control->live -= (p != NULL);
    __libc_free(p);
}
