
/* The metrics' two texts say the same, each series once, every bound holds. */

#include "a0_json.h"
#include "a0_metrics.h"
#include "a0_provision_int.h"
#include "unit.h"


#define T0  1000000000


static uint64_t         counters[A0_METRIC_N];
static a0_jwks_times_t  times = { 600000, 86400000, 30000, 5000 };

static a0_jwks_meta_t   fresh = {
    .fetched = T0 - 12345, .next = T0 + 487655, .has_keys = 1, .tried = 1
};
static a0_jwks_meta_t   from_file = { .has_keys = 1, .is_static = 1 };
static a0_jwks_meta_t   cold = {
    .next = T0 + 999, .failures = 3, .tried = 1
};

static a0_metric_key_set_t  sets[] = {
    { a0_string("acme.us.auth0.com"), 3, 7, &fresh, &times },
    { a0_string("acme.us.auth0.com"), 2, 1, &from_file, &times },
    { a0_string("a\\b\"c\n\x7f\xff.example"), 0, 0, &cold, &times }
};

static a0_metrics_t  metrics = {
    .counters = counters,
    .gauges = { 101, 102, 103, 104, 105, 106, 107 },
    .key_sets = sets,
    .nkey_sets = 3,
    .now = T0
};


typedef a0_err_t (*render_pt)(const a0_metrics_t *metrics,
    unsigned char *buf, size_t cap, size_t *len);


/* The text with a NUL, in a block of its size. */

static char *
render(render_pt fn, const a0_metrics_t *m)
{
    size_t          len;
    unsigned char  *buf;

    buf = malloc(a0_metrics_size(m->nkey_sets) + 1);
    len = 0;
    CHECK_EQ_INT(fn(m, buf, a0_metrics_size(m->nkey_sets), &len), A0_OK);
    buf[len] = '\0';

    return (char *) buf;
}


/* The value of the one line "series value", or NULL. */

static const char *
sample(const char *text, const char *series)
{
    size_t             n;
    const char        *p, *found;
    static char        value[64];

    found = NULL;
    n = strlen(series);

    for (p = text; p != NULL && *p; p = strchr(p, '\n'), p += (p != NULL)) {
        if (strncmp(p, series, n) == 0 && p[n] == ' ') {
            CHECK(found == NULL);
            found = p + n + 1;
        }
    }

    if (found != NULL) {
        snprintf(value, sizeof(value), "%.*s", (int) strcspn(found, "\n"),
                 found);
    }

    return found ? value : NULL;
}


static void
check_sample(const char *text, const char *series, const char *want)
{
    const char  *got;

    got = sample(text, series);

    if (got == NULL || strcmp(got, want) != 0) {
        unit_fail(__FILE__, __LINE__, "%s is %s, want %s", series,
                  got ? got : "absent", want);
    }
}


static void
test_numbers(void)
{
    char      *text, series[256], want[32];
    unsigned   i;

    unit_case("each verdict has its series");

    for (i = 0; i < A0_METRIC_N; i++) {
        counters[i] = 0;
    }

    for (i = 0; i < A0_ERR_N; i++) {
        counters[a0_metric_token((a0_err_t) i)] += i + 1;
    }

    text = render(a0_metrics_prometheus, &metrics);

    for (i = 0; i < A0_ERR_N; i++) {
        if (i == A0_ERR_REQUIREMENT_401 || i == A0_ERR_REQUIREMENT_403) {
            continue;
        }

        snprintf(series, sizeof(series),
                 "auth0_m2m_tokens_total{result=\"%s\"}",
                 (const char *) a0_err_info((a0_err_t) i)->token.data);
        snprintf(want, sizeof(want), "%u", i + 1);
        check_sample(text, series, want);
    }

    unit_case("verdicts that share a token share a series");
    snprintf(want, sizeof(want), "%u",
             A0_ERR_REQUIREMENT_401 + A0_ERR_REQUIREMENT_403 + 2);
    check_sample(text,
                 "auth0_m2m_tokens_total{result=\"requirement_not_met\"}",
                 want);
    free(text);

    unit_case("a verdict that does not exist is an internal error");
    CHECK_EQ_INT(a0_metric_token((a0_err_t) 9999),
                 a0_metric_token(A0_ERR_INTERNAL));
}


static void
test_steps(void)
{
    char      *text, series[256];
    unsigned   i, o;

    unit_case("each step and outcome has its series");

    for (i = A0_STEP_NONE + 1; i < A0_STEP_N; i++) {
        for (o = 0; o < A0_METRIC_OUTCOMES; o++) {
            memset(counters, 0, sizeof(counters));
            counters[a0_metric_step(a0_step(i)->name, (a0_outcome_e) o)] = 5;
            text = render(a0_metrics_prometheus, &metrics);
            snprintf(series, sizeof(series), "auth0_m2m_provision_steps_total"
                     "{step=\"%s\",result=\"%s\"}", a0_step(i)->name,
                     a0_outcome_text((a0_outcome_e) o));
            check_sample(text, series, "5");
            free(text);
        }
    }

    unit_case("what is no call is the token's, odd outcomes are unknown");
    CHECK_EQ_INT(a0_metric_step("nothing", A0_OUTCOME_DONE),
                 A0_METRIC_STEPS);
    CHECK_EQ_INT(a0_metric_step("", (a0_outcome_e) 99),
                 A0_METRIC_STEPS + A0_OUTCOME_UNKNOWN);
    CHECK(a0_metric_step(a0_step(A0_STEP_N - 1)->name, A0_OUTCOME_UNKNOWN)
          < A0_METRIC_ORPHANS_GIVEN_UP);
}


static const struct {
    const char  *series, *value;
} golden[] = {
    { "verifications_total", "1001" },
    { "token_cache_hits_total", "1002" },
    { "token_cache_misses_total", "1003" },
    { "token_cache_evictions_total", "1004" },
    { "key_set_fetches_total{result=\"ok\"}", "1005" },
    { "key_set_fetches_total{result=\"failed\"}", "1006" },
    { "management_tokens_total{result=\"ok\"}", "1007" },
    { "management_tokens_total{result=\"failed\"}", "1008" },
    { "orphans_given_up_total", "1009" },
    { "token_cache_entries", "101" },
    { "token_cache_capacity", "102" },
    { "provision_leases", "103" },
    { "orphans_pending", "104" },
    { "revoked_clients", "105" },
    { "zone_size_bytes", "106" },
    { "zone_used_bytes", "107" },
    { "key_set_keys{domain=\"acme.us.auth0.com\"}", "3" },
    { "key_set_age_seconds{domain=\"acme.us.auth0.com\"}", "12.345" },
    { "key_set_generation{domain=\"acme.us.auth0.com\"}", "7" },
    { "key_set_failures{domain=\"acme.us.auth0.com\"}", "0" },
    { "key_set_next_refresh_seconds{domain=\"acme.us.auth0.com\"}",
      "487.655" },
    { "key_set_usable{domain=\"acme.us.auth0.com\"}", "1" },
    { "key_set_keys{domain=\"acme.us.auth0.com\",set=\"2\"}", "2" },
    { "key_set_usable{domain=\"acme.us.auth0.com\",set=\"2\"}", "1" },
    { "key_set_failures{domain=\"a\\\\b\\\"c???.example\"}", "3" },
    { "key_set_next_refresh_seconds{domain=\"a\\\\b\\\"c???.example\"}",
      "0.999" },
    { "key_set_usable{domain=\"a\\\\b\\\"c???.example\"}", "0" }
};


static void
count_all(void)
{
    memset(counters, 0, sizeof(counters));
    counters[A0_METRIC_VERIFICATIONS] = 1001;
    counters[A0_METRIC_CACHE_HITS] = 1002;
    counters[A0_METRIC_CACHE_MISSES] = 1003;
    counters[A0_METRIC_CACHE_EVICTIONS] = 1004;
    counters[a0_metric_fetch(1)] = 1005;
    counters[a0_metric_fetch(0)] = 1006;
    counters[a0_metric_mgmt(1)] = 1007;
    counters[a0_metric_mgmt(0)] = 1008;
    counters[A0_METRIC_ORPHANS_GIVEN_UP] = 1009;
}


static void
test_prometheus(void)
{
    char    *text, series[256];
    size_t   i;

    count_all();
    text = render(a0_metrics_prometheus, &metrics);

    for (i = 0; i < sizeof(golden) / sizeof(golden[0]); i++) {
        unit_case("prometheus: %s", golden[i].series);
        snprintf(series, sizeof(series), "auth0_m2m_%s", golden[i].series);
        check_sample(text, series, golden[i].value);
    }

    unit_case("prometheus: keys from a file and keys never had have no age");
    CHECK(strstr(text, "age_seconds{domain=\"acme.us.auth0.com\",set")
          == NULL);
    CHECK(strstr(text, "age_seconds{domain=\"a\\") == NULL);
    free(text);
}


/* Every line is a comment of its family, or a sample of it; every series is
 * there once; counters end in _total, gauges do not. */

static void
test_prometheus_form(void)
{
    int    counter;
    char  *text, *line, *next, name[128], *value;

    unit_case("prometheus: form of every line");
    text = render(a0_metrics_prometheus, &metrics);
    counter = 0;
    name[0] = '\0';

    for (line = text; *line; line = next) {
        next = strchr(line, '\n');
        CHECK(next != NULL);
        *next++ = '\0';

        if (strncmp(line, "# HELP auth0_m2m_", 17) == 0) {
            snprintf(name, sizeof(name), "%.*s",
                     (int) strcspn(line + 7, " "), line + 7);
            CHECK(line[7 + strlen(name)] == ' ' && next[-2] == '.');
            CHECK(strncmp(next, "# TYPE ", 7) == 0);
            continue;
        }

        if (strncmp(line, "# TYPE ", 7) == 0) {
            counter = (strstr(line, " counter") != NULL);
            CHECK(strncmp(line + 7, name, strlen(name)) == 0);
            CHECK(counter == (strstr(name, "_total") != NULL));
            continue;
        }

        value = strrchr(line, ' ');
        CHECK(value != NULL && strspn(value + 1, "0123456789.")
                               == strlen(value + 1));
        CHECK(strncmp(line, name, strlen(name)) == 0);
        CHECK(strchr("{ ", line[strlen(name)]) != NULL);
        *value = '\0';
        CHECK(*next == '\0' || strncmp(next, line, strlen(line)) != 0
              || next[strlen(line)] != ' ');
    }

    free(text);
}


static const a0_json_t *
member(const a0_json_t *json, const char *a, const char *b, const char *c)
{
    json = a0_json_get(json, a);
    json = b ? a0_json_get(json, b) : json;

    return c ? a0_json_get(json, c) : json;
}


static double
number(const a0_json_t *json)
{
    double  value;

    value = -1;
    CHECK(a0_json_number(json, &value));

    return value;
}


static void
test_json(void)
{
    char             *text;
    a0_str_t          str;
    a0_json_t        *json;
    const a0_json_t  *set;

    unit_case("json: one value on one line");
    count_all();
    counters[a0_metric_token(A0_ERR_EXPIRED)] = 4;
    counters[a0_metric_step("client_create", A0_OUTCOME_THROTTLED)] = 6;
    text = render(a0_metrics_json, &metrics);
    str.data = (unsigned char *) text;
    str.len = strlen(text);
    CHECK(strcspn(text, "\n") == str.len - 1);
    CHECK_EQ_INT(a0_json_parse(str, str.len, &json), A0_OK);

    unit_case("json: counters and gauges");
    CHECK_EQ_INT(number(member(json, "tokens", "expired", NULL)), 4);
    CHECK_EQ_INT(number(member(json, "tokens", "ok", NULL)), 0);
    CHECK_EQ_INT(a0_json_size(a0_json_get(json, "tokens")), A0_ERR_N - 1);
    CHECK_EQ_INT(number(member(json, "verifications", NULL, NULL)), 1001);
    CHECK_EQ_INT(number(member(json, "key_set_fetches", "failed", NULL)),
                 1006);
    CHECK_EQ_INT(number(member(json, "provision_steps", "client_create",
                               "throttled")), 6);
    CHECK_EQ_INT(number(member(json, "zone_used_bytes", NULL, NULL)), 107);

    unit_case("json: key sets");
    CHECK_EQ_INT(a0_json_size(a0_json_get(json, "key_sets")), 3);
    set = a0_json_at(a0_json_get(json, "key_sets"), 0);
    CHECK(a0_json_is(a0_json_get(set, "domain"), "acme.us.auth0.com"));
    CHECK(a0_json_type(a0_json_get(set, "set")) == A0_JSON_ABSENT);
    CHECK_EQ_INT(number(a0_json_get(set, "age_seconds")) * 1000, 12345);
    CHECK_EQ_INT(number(a0_json_get(set, "keys")), 3);
    CHECK_EQ_INT(number(a0_json_get(set, "usable")), 1);
    set = a0_json_at(a0_json_get(json, "key_sets"), 1);
    CHECK_EQ_INT(number(a0_json_get(set, "set")), 2);
    CHECK(a0_json_type(a0_json_get(set, "age_seconds")) == A0_JSON_ABSENT);
    set = a0_json_at(a0_json_get(json, "key_sets"), 2);
    CHECK_EQ_INT(number(a0_json_get(set, "failures")), 3);

    a0_json_free(json);
    free(text);
}


static void
test_bounds(const char *name, render_pt fn)
{
    char           *text;
    size_t          cap, len, need;
    unsigned char  *buf;

    unit_case("%s: every buffer that is too short is refused", name);
    memset(counters, 0xff, sizeof(counters));
    text = render(fn, &metrics);
    need = strlen(text);

    for (cap = need % 17 ? need % 17 - 1 : 16; cap < need; cap += 17) {
        buf = malloc(cap ? cap : 1);
        len = 77;
        CHECK_EQ_INT(fn(&metrics, buf, cap, &len), A0_ERR_NO_SPACE);
        CHECK_EQ_INT(len, 77);
        free(buf);
    }

    free(text);
}


/* The longest texts there can be fit the documented size. */

static void
test_size(void)
{
    char                 domain[255];
    size_t               i;
    a0_metrics_t         m;
    a0_jwks_meta_t       meta;
    a0_metric_key_set_t  many[64];

    unit_case("the documented size is enough");
    memset(domain, '"', sizeof(domain));
    memset(counters, 0x7f, sizeof(counters));
    memset(&meta, 0xff, sizeof(meta));
    meta.is_static = 0;
    meta.fetched = 0;
    m = metrics;
    memset(m.gauges, 0x7f, sizeof(m.gauges));
    m.now = UINT64_MAX / 2;
    m.key_sets = many;

    for (i = 0; i < 64; i++) {
        many[i].domain.data = (unsigned char *) domain;
        many[i].domain.len = sizeof(domain);
        many[i].keys = many[i].generation = INT64_MAX;
        many[i].meta = &meta;
        many[i].times = &times;
    }

    for (m.nkey_sets = 0; m.nkey_sets <= 64; m.nkey_sets += 16) {
        free(render(a0_metrics_json, &m));
        free(render(a0_metrics_prometheus, &m));
    }
}


int
main(void)
{
    test_numbers();
    test_steps();
    test_prometheus();
    test_prometheus_form();
    test_json();
    test_bounds("json", a0_metrics_json);
    test_bounds("prometheus", a0_metrics_prometheus);
    test_size();

    return unit_done();
}
