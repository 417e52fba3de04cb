/*
 * Metrics of any counters and key sets: JSON that can be read, and lines of
 * the Prometheus text format; both fit where a0_metrics.h says they do.
 */

#include "a0_json.h"
#include "a0_metrics.h"
#include "fuzz.h"
#include "lenient.h"

#define SETS  6

static volatile uint64_t  counters[A0_METRIC_N];

typedef struct {
    a0_metric_key_set_t  sets[SETS];
    a0_jwks_meta_t       metas[SETS];
    a0_jwks_times_t      times[SETS];
    a0_metrics_t         m;
} filled_t;


static uint64_t
number(fuzz_t *in)
{
    return fuzz_int(in, 1 + fuzz_byte(in) % 8);
}


static void
fill(fuzz_t *in, filled_t *f)
{
    size_t  i;

    memset(f, 0, sizeof(*f));
    f->m.counters = counters;
    f->m.key_sets = f->sets;
    f->m.nkey_sets = fuzz_byte(in) % (SETS + 1);

    for (i = 0; i < f->m.nkey_sets; i++) {
        f->metas[i].fetched = number(in);
        f->metas[i].next = number(in);
        f->metas[i].failures = (uint32_t) number(in);
        f->metas[i].has_keys = fuzz_byte(in) & 1;
        f->metas[i].is_static = fuzz_byte(in) & 1;
        f->metas[i].tried = fuzz_byte(in) & 1;
        f->times[i].valid = number(in);
        f->times[i].stale = number(in);
        f->sets[i].keys = number(in);
        f->sets[i].generation = number(in);
        f->sets[i].meta = &f->metas[i];
        f->sets[i].times = &f->times[i];
        f->sets[i].domain = fuzz_line(in);

        if (f->sets[i].domain.len > 255) {
            f->sets[i].domain.len = 255;
        }
    }

    f->m.now = number(in);

    for (i = 0; i < A0_GAUGE_N; i++) {
        f->m.gauges[i] = number(in);
    }

    for (i = 0; i < A0_METRIC_N; i++) {
        counters[i] = fuzz_left(in) ? number(in) : UINT64_MAX;
    }
}


/* name{label="text",...} number  or  # comment */

static void
line(const unsigned char *p, size_t len)
{
    a0_str_t    s;
    const char  prefix[] = "auth0_m2m_";

    s.data = p;
    s.len = len;
    FUZZ_ASSERT(fuzz_within(s, 0x20, 0x7e) && len > 0);

    if (p[0] == '#') {
        FUZZ_ASSERT(len > 7 && (!memcmp(p, "# HELP ", 7)
                                || !memcmp(p, "# TYPE ", 7)));
        return;
    }

    FUZZ_ASSERT(len > sizeof(prefix) && !memcmp(p, prefix, sizeof(prefix) - 1));

    while (len && ((p[len - 1] >= '0' && p[len - 1] <= '9')
                   || memchr("+-.e", p[len - 1], 4)))
    {
        len--;
    }

    FUZZ_ASSERT(len && len < s.len && p[len - 1] == ' ');
}


static void
prometheus(const a0_metrics_t *m, unsigned char *buf, size_t cap)
{
    size_t                len;
    unsigned char        *end;
    const unsigned char  *p;

    FUZZ_ASSERT(a0_metrics_prometheus(m, buf, cap, &len) == A0_OK);
    FUZZ_ASSERT(len <= cap && buf[len - 1] == '\n');

    for (p = buf; p < buf + len; p = end + 1) {
        end = memchr(p, '\n', (size_t) (buf + len - p));
        line(p, (size_t) (end - p));
    }

    FUZZ_ASSERT(a0_metrics_prometheus(m, buf, len - 1, &len)
                == A0_ERR_NO_SPACE);
}


void
fuzz_one(fuzz_t *in)
{
    size_t          cap, i, len;
    a0_str_t        text;
    filled_t        f;
    a0_json_t      *json;
    unsigned char  *buf;

    fill(in, &f);
    cap = a0_metrics_size(f.m.nkey_sets);
    buf = fuzz_alloc(cap);

    FUZZ_ASSERT(a0_metrics_json(&f.m, buf, cap, &len) == A0_OK && len <= cap);
    text.data = buf;
    text.len = len;
    json = lenient_json(text);
    FUZZ_ASSERT(json != NULL);
    FUZZ_ASSERT(a0_json_size(a0_json_get(json, "key_sets")) == f.m.nkey_sets);
    a0_json_free(json);
    FUZZ_ASSERT(a0_metrics_json(&f.m, buf, len - 1, &len) == A0_ERR_NO_SPACE);
    prometheus(&f.m, buf, cap);
    fuzz_deep++;

    for (i = 0; i < f.m.nkey_sets; i++) {
        fuzz_free(f.sets[i].domain);
    }

    free(buf);
}
