
/* The table of metrics, the numbers of counters, the values. */

#include <stdio.h>
#include <string.h>

#include "a0_metrics_int.h"
#include "a0_provision_int.h"


_Static_assert((unsigned) A0_STEP_N <= A0_METRIC_STEPS_MAX, "steps");


static a0_str_t
a0_metric_text(const char *text)
{
    a0_str_t  str;

    str.data = (const unsigned char *) text;
    str.len = strlen(text);

    return str;
}


/* Two refusals share their token: they are counted as the first of them. */

unsigned
a0_metric_token(a0_err_t err)
{
    if (err == A0_ERR_REQUIREMENT_403) {
        err = A0_ERR_REQUIREMENT_401;
    }

    return A0_METRIC_TOKENS
           + ((unsigned) err < A0_ERR_N ? (unsigned) err : A0_ERR_INTERNAL);
}


static a0_str_t
a0_metric_token_text(unsigned i)
{
    if (a0_metric_token((a0_err_t) i) != A0_METRIC_TOKENS + i) {
        return a0_metric_text("");
    }

    return a0_err_info((a0_err_t) i)->token;
}


unsigned
a0_metric_fetch(int ok)
{
    return A0_METRIC_FETCHES + (ok ? 0 : 1);
}


unsigned
a0_metric_mgmt(int ok)
{
    return A0_METRIC_MGMT_TOKENS + (ok ? 0 : 1);
}


static a0_str_t
a0_metric_ok_text(unsigned i)
{
    return a0_metric_text(i == 0 ? "ok" : "failed");
}


/* Several steps may make the same call: the first of that name counts.  The
 * number of A0_STEP_NONE is that of waiting for a Management token. */

static unsigned
a0_metric_step_find(const char *name)
{
    unsigned  i;

    for (i = A0_STEP_NONE + 1; i < A0_STEP_N; i++) {
        if (strcmp(a0_step(i)->name, name) == 0) {
            return i;
        }
    }

    return A0_STEP_NONE;
}


unsigned
a0_metric_step(const char *step, a0_outcome_e outcome)
{
    unsigned  i;

    i = ((unsigned) outcome < A0_METRIC_OUTCOMES) ? (unsigned) outcome
                                                  : A0_OUTCOME_UNKNOWN;

    return A0_METRIC_STEPS
           + a0_metric_step_find(step) * A0_METRIC_OUTCOMES + i;
}


static a0_str_t
a0_metric_step_text(unsigned i)
{
    if (i == A0_STEP_NONE) {
        return a0_metric_text("token");
    }

    return a0_metric_text(a0_metric_step_find(a0_step(i)->name) == i
                          ? a0_step(i)->name : "");
}


static a0_str_t
a0_metric_outcome_text(unsigned i)
{
    return a0_metric_text(a0_outcome_text((a0_outcome_e) i));
}


static const a0_metric_label_t  a0_label_token =
    { "result", A0_ERR_N, a0_metric_token_text };

static const a0_metric_label_t  a0_label_ok =
    { "result", 2, a0_metric_ok_text };

static const a0_metric_label_t  a0_label_step =
    { "step", A0_STEP_N, a0_metric_step_text };

static const a0_metric_label_t  a0_label_outcome =
    { "result", A0_METRIC_OUTCOMES, a0_metric_outcome_text };


const a0_metric_t  a0_metric_table[] = {

    { "tokens", "Requests by the verdict on their token.",
      A0_FROM_COUNTERS, A0_METRIC_TOKENS, { &a0_label_token } },

    { "verifications", "Signatures verified.",
      A0_FROM_COUNTERS, A0_METRIC_VERIFICATIONS, { NULL } },

    { "token_cache_hits", "Tokens found in the token cache.",
      A0_FROM_COUNTERS, A0_METRIC_CACHE_HITS, { NULL } },

    { "token_cache_misses", "Tokens not found in the token cache.",
      A0_FROM_COUNTERS, A0_METRIC_CACHE_MISSES, { NULL } },

    { "token_cache_evictions",
      "Live tokens that gave way to others in the token cache.",
      A0_FROM_COUNTERS, A0_METRIC_CACHE_EVICTIONS, { NULL } },

    { "token_cache_entries", "Tokens in the token cache.",
      A0_FROM_GAUGES, A0_GAUGE_CACHE_ENTRIES, { NULL } },

    { "token_cache_capacity", "Tokens that the token cache has room for.",
      A0_FROM_GAUGES, A0_GAUGE_CACHE_CAPACITY, { NULL } },

    { "key_set_fetches", "Fetches of key sets.",
      A0_FROM_COUNTERS, A0_METRIC_FETCHES, { &a0_label_ok } },

    { "key_set_keys", "Keys in force.",
      A0_FROM_KEY_SETS, A0_FIELD_KEYS, { NULL } },

    { "key_set_age_seconds",
      "Time since the key set was fetched; absent for keys from a file.",
      A0_FROM_KEY_SETS, A0_FIELD_AGE, { NULL } },

    { "key_set_generation", "Another number whenever the keys changed.",
      A0_FROM_KEY_SETS, A0_FIELD_GENERATION, { NULL } },

    { "key_set_failures", "Fetches that failed since the last good one.",
      A0_FROM_KEY_SETS, A0_FIELD_FAILURES, { NULL } },

    { "key_set_next_refresh_seconds", "Time until the next fetch is due.",
      A0_FROM_KEY_SETS, A0_FIELD_NEXT, { NULL } },

    { "key_set_usable", "1 while the keys may serve, else 0.",
      A0_FROM_KEY_SETS, A0_FIELD_USABLE, { NULL } },

    { "management_tokens", "Requests for a Management API token.",
      A0_FROM_COUNTERS, A0_METRIC_MGMT_TOKENS, { &a0_label_ok } },

    { "provision_steps", "Steps of provisioning by outcome.",
      A0_FROM_COUNTERS, A0_METRIC_STEPS,
      { &a0_label_step, &a0_label_outcome } },

    { "provision_leases", "Users whose provisioning runs now.",
      A0_FROM_GAUGES, A0_GAUGE_LEASES, { NULL } },

    { "orphans_pending", "Credentials that should have been cleaned up by now.",
      A0_FROM_GAUGES, A0_GAUGE_ORPHANS_PENDING, { NULL } },

    { "orphans_given_up",
      "Credentials left at the tenant for somebody to clean up by hand.",
      A0_FROM_COUNTERS, A0_METRIC_ORPHANS_GIVEN_UP, { NULL } },

    { "revoked_clients", "Clients whose tokens are refused.",
      A0_FROM_GAUGES, A0_GAUGE_REVOKED_CLIENTS, { NULL } },

    { "zone_size_bytes", "Size of the shared memory zone.",
      A0_FROM_GAUGES, A0_GAUGE_ZONE_SIZE, { NULL } },

    { "zone_used_bytes", "Shared memory in use.",
      A0_FROM_GAUGES, A0_GAUGE_ZONE_USED, { NULL } }
};

const size_t  a0_metric_rows =
    sizeof(a0_metric_table) / sizeof(a0_metric_table[0]);


static void
a0_metric_out_ms(a0_json_out_t *out, uint64_t ms)
{
    char  digits[sizeof("18446744073709551.615")];

    snprintf(digits, sizeof(digits), "%llu.%03u",
             (unsigned long long) ms / 1000, (unsigned) (ms % 1000));
    a0_json_out_lit(out, digits);
}


uint64_t
a0_metric_value(const a0_metric_render_t *r, unsigned i)
{
    i += r->row->first;

    return r->row->from == A0_FROM_COUNTERS ? r->metrics->counters[i]
                                            : r->metrics->gauges[i];
}


int
a0_metric_has(const a0_metric_t *row, const a0_metric_key_set_t *set)
{
    return row->first != A0_FIELD_AGE
           || (set->meta->has_keys && !set->meta->is_static);
}


void
a0_metric_out_field(a0_metric_render_t *r, const a0_metric_key_set_t *set)
{
    uint64_t               now;
    const a0_jwks_meta_t  *meta;

    now = r->metrics->now;
    meta = set->meta;

    switch (r->row->first) {

    case A0_FIELD_AGE:
        a0_metric_out_ms(r->out,
                         now > meta->fetched ? now - meta->fetched : 0);
        return;

    case A0_FIELD_NEXT:
        a0_metric_out_ms(r->out, meta->next > now ? meta->next - now : 0);
        return;

    case A0_FIELD_USABLE:
        a0_json_out_int(r->out, a0_jwks_plan_usable(meta, set->times, now));
        return;

    case A0_FIELD_FAILURES:
        a0_json_out_int(r->out, meta->failures);
        return;

    case A0_FIELD_GENERATION:
        a0_json_out_int(r->out, (int64_t) set->generation);
        return;

    default: /* A0_FIELD_KEYS */
        a0_json_out_int(r->out, (int64_t) set->keys);
    }
}


int64_t
a0_metric_ordinal(const a0_metrics_t *m, size_t i)
{
    size_t   j;
    int64_t  n;

    n = 1;

    for (j = 0; j < i; j++) {
        n += m->key_sets[j].domain.len == m->key_sets[i].domain.len
             && memcmp(m->key_sets[j].domain.data, m->key_sets[i].domain.data,
                       m->key_sets[i].domain.len) == 0;
    }

    return n;
}


a0_err_t
a0_metric_end(const a0_json_out_t *out, size_t *len)
{
    if (out->overflow) {
        return A0_ERR_NO_SPACE;
    }

    *len = a0_json_out_text(out).len;

    return A0_OK;
}
