/*
 * replay [-runs=N] [-seed=S] [-emit=FILE] FOLDER|FILE ...
 *
 * A target without libFuzzer: runs each file, then N inputs made from them by
 * a small generator that depends on the seed alone.  The input in hand is kept
 * in the file of -emit, which stays behind when the program dies.  Prints
 *
 *     files=F runs=N seed=S deep=D
 */

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

#define REPLAY_FILES  4096
#define REPLAY_MAX    65536    /* bytes of an input */

typedef struct {
    a0_str_t  inputs[REPLAY_FILES];
    size_t    n;
    uint64_t  state;
} replay_t;

unsigned long  fuzz_deep;

static const char  *replay_emit;

static const char *const  replay_words[] = {
    "\"", "\\", "{", "}", "[", "]", ":", ",", "null", "true", "0", "-1",
    "1e999", "\\u0000", "\\ud800", "\xc3", "\xed\xa0\x80", "\xe2\x80\xa8",
    "\xff", ".", "=", "A", "_", "%", "\n", "{\"a\":1}", "[]", "9007199254740993"
};


static uint32_t
replay_roll(replay_t *r, size_t below)
{
    r->state ^= r->state << 13;
    r->state ^= r->state >> 7;
    r->state ^= r->state << 17;

    return (uint32_t) ((r->state >> 11) % below);
}


static void
replay_run(const unsigned char *data, size_t len)
{
    FILE      *f;
    fuzz_t     in;
    a0_str_t   copy;

    if (replay_emit) {
        f = fopen(replay_emit, "wb");
        if (f == NULL || fwrite(data, 1, len, f) != len || fclose(f) != 0) {
            perror(replay_emit);
            exit(2);
        }
    }

    copy = fuzz_copy(data, len);
    in.pos = copy.data;
    in.end = copy.data + len;
    fuzz_one(&in);
    fuzz_free(copy);
}


static void
replay_file(replay_t *r, const char *path)
{
    FILE           *f;
    size_t          len;
    unsigned char  *buf;

    f = fopen(path, "rb");
    if (f == NULL || r->n == REPLAY_FILES) {
        fprintf(stderr, "%s: cannot be read, or too many\n", path);
        exit(2);
    }

    buf = fuzz_alloc(REPLAY_MAX);
    len = fread(buf, 1, REPLAY_MAX, f);
    fclose(f);
    r->inputs[r->n++] = fuzz_copy(buf, len);
    free(buf);
}


static void
replay_path(replay_t *r, const char *path)
{
    int              i, n;
    char             name[4096];
    struct stat      st;
    struct dirent  **list;

    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
        replay_file(r, path);
        return;
    }

    n = scandir(path, &list, NULL, alphasort);

    for (i = 0; i < n; i++) {
        if (list[i]->d_name[0] != '.') {
            snprintf(name, sizeof(name), "%s/%s", path, list[i]->d_name);
            replay_file(r, name);
        }

        free(list[i]);
    }

    free(list);
}


/* Replaces `cut` bytes at `at` by `put` ones. */

static size_t
replay_splice(unsigned char *buf, size_t len, size_t at, size_t cut,
    const unsigned char *put, size_t n)
{
    cut = cut < len - at ? cut : len - at;
    n = n < REPLAY_MAX - (len - cut) ? n : REPLAY_MAX - (len - cut);
    memmove(buf + at + n, buf + at + cut, len - at - cut);

    if (n) {
        memcpy(buf + at, put, n);
    }

    return len - cut + n;
}


static size_t
replay_mutate(replay_t *r, unsigned char *buf, size_t len)
{
    size_t       at, from;
    a0_str_t     other;
    const char  *word;

    at = replay_roll(r, len + 1);

    switch (replay_roll(r, 7)) {
    case 0:
        return replay_splice(buf, len, at, replay_roll(r, 16), NULL, 0);
    case 1:
        word = replay_words[replay_roll(r, sizeof(replay_words)
                                           / sizeof(replay_words[0]))];
        return replay_splice(buf, len, at, replay_roll(r, 4),
                             (const unsigned char *) word, strlen(word));
    case 2:
        other = r->inputs[replay_roll(r, r->n)];
        from = replay_roll(r, other.len + 1);
        return replay_splice(buf, len, at, replay_roll(r, 64),
                             other.data + from,
                             replay_roll(r, other.len - from + 1));
    case 3:
        return at;
    default:
        if (at < len) {
            buf[at] ^= (unsigned char) (1 << replay_roll(r, 8));
        }

        return len;
    }
}


static void
replay_random(replay_t *r, unsigned long runs)
{
    size_t          len, n;
    a0_str_t        base;
    unsigned char  *buf;

    buf = fuzz_alloc(REPLAY_MAX);

    while (runs--) {
        base = r->inputs[replay_roll(r, r->n)];
        len = base.len;

        if (len) {
            memcpy(buf, base.data, len);
        }

        for (n = 1 + replay_roll(r, 4); n; n--) {
            len = replay_mutate(r, buf, len);
        }

        replay_run(buf, len);
    }

    free(buf);
}


int
main(int argc, char **argv)
{
    int            i;
    size_t         k;
    replay_t       r;
    unsigned long  runs, seed;

    memset(&r, 0, sizeof(r));
    runs = 0;
    seed = 1;

    for (i = 1; i < argc; i++) {
        if (sscanf(argv[i], "-runs=%lu", &runs) == 1
            || sscanf(argv[i], "-seed=%lu", &seed) == 1)
        {
            continue;
        }

        if (strncmp(argv[i], "-emit=", 6) == 0) {
            replay_emit = argv[i] + 6;
            continue;
        }

        replay_path(&r, argv[i]);
    }

    if (r.n == 0) {
        fprintf(stderr, "no input\n");
        return 2;
    }

    for (k = 0; k < r.n; k++) {
        replay_run(r.inputs[k].data, r.inputs[k].len);
    }

    r.state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    replay_random(&r, runs);
    printf("files=%zu runs=%lu seed=%lu deep=%lu\n", r.n, runs, seed,
           fuzz_deep);

    for (k = 0; k < r.n; k++) {
        fuzz_free(r.inputs[k]);
    }

    if (replay_emit) {
        unlink(replay_emit);
    }

    return 0;
}
