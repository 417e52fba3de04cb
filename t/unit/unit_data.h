/*
 * Cases kept as files: UNIT_DATA/<topic>/{valid,invalid}/<case>/ with the
 * files `input` and `expect`.  Part of unit.h.
 */

#ifndef UNIT_DATA_H
#define UNIT_DATA_H

#include <dirent.h>

/* where t/unit/data is; the build passes it */
#ifndef UNIT_DATA
#define UNIT_DATA "t/unit/data"
#endif


/* a file's bytes in a block of exactly their size: ASan sees the end */
__attribute__((unused)) static unsigned char *
unit_read(const char *path, size_t *len)
{
    FILE           *f;
    long            size;
    unsigned char  *p;

    f = fopen(path, "rb");
    if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0) {
        printf("Bail out! cannot read %s\n", path);
        exit(2);
    }

    rewind(f);
    p = malloc(size ? (size_t) size : 1);
    if (p == NULL || fread(p, 1, (size_t) size, f) != (size_t) size) {
        printf("Bail out! short read of %s\n", path);
        exit(2);
    }

    fclose(f);
    *len = (size_t) size;
    return p;
}


typedef void (*unit_data_fn)(const unsigned char *input, size_t len,
    const char *expect);


/*
 * For each directory UNIT_DATA/<dir>/<case>, sorted: a case of that name, and
 * fn with the bytes of `input` and the text of `expect` (its last newline
 * removed).  A directory without cases ends the program: nothing was tested.
 */
__attribute__((unused)) static void
unit_dir(const char *dir, unit_data_fn fn)
{
    int              i, n, found;
    char             path[4096], *expect;
    size_t           len, elen;
    unsigned char   *input, *want;
    struct dirent  **list;

    snprintf(path, sizeof(path), "%s/%s", UNIT_DATA, dir);
    n = scandir(path, &list, NULL, alphasort);

    for (i = 0, found = 0; i < n; i++) {
        if (list[i]->d_name[0] != '.') {
            unit_case("%s/%s", dir, list[i]->d_name);
            snprintf(path, sizeof(path), "%s/%s/%s/input", UNIT_DATA, dir,
                     list[i]->d_name);
            input = unit_read(path, &len);
            snprintf(path, sizeof(path), "%s/%s/%s/expect", UNIT_DATA, dir,
                     list[i]->d_name);
            want = unit_read(path, &elen);
            elen -= (elen && want[elen - 1] == '\n');
            expect = strndup((char *) want, elen);
            fn(input, len, expect);
            free(expect);
            free(want);
            free(input);
            found++;
        }

        free(list[i]);
    }

    if (found == 0) {
        printf("Bail out! no cases in %s/%s\n", UNIT_DATA, dir);
        exit(2);
    }

    free(list);
}

#endif /* UNIT_DATA_H */
