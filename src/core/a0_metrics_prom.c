
/* Metrics in the Prometheus text exposition format, version 0.0.4. */

#include <string.h>

#include "a0_metrics_int.h"


#define A0_METRIC_PREFIX  "auth0_m2m_"


/* Domains are host names: what is not printable ASCII has no meaning. */

static void
a0_metric_prom_quoted(a0_json_out_t *out, a0_str_t text)
{
    size_t  i;
    char    c[3] = { '\\', '\0', '\0' };

    a0_json_out_lit(out, "\"");

    for (i = 0; i < text.len; i++) {
        c[1] = (char) text.data[i];

        if (text.data[i] < 0x20 || text.data[i] > 0x7e) {
            c[1] = '?';
        }

        a0_json_out_lit(out, (c[1] == '"' || c[1] == '\\') ? c : c + 1);
    }

    a0_json_out_lit(out, "\"");
}


static void
a0_metric_prom_name(a0_metric_render_t *r)
{
    a0_json_out_lit(r->out, A0_METRIC_PREFIX);
    a0_json_out_lit(r->out, r->row->name);
    a0_json_out_lit(r->out,
                    r->row->from == A0_FROM_COUNTERS ? "_total" : "");
}


static void
a0_metric_prom_label(a0_metric_render_t *r, const char *before,
    const char *name, a0_str_t text)
{
    a0_json_out_lit(r->out, before);
    a0_json_out_lit(r->out, name);
    a0_json_out_lit(r->out, "=");
    a0_metric_prom_quoted(r->out, text);
}


static void
a0_metric_prom_sample(a0_metric_render_t *r, unsigned nlabels, unsigned index)
{
    unsigned  i;

    a0_metric_prom_name(r);

    for (i = 0; i < nlabels; i++) {
        a0_metric_prom_label(r, i == 0 ? "{" : ",", r->row->labels[i]->name,
                             r->texts[i]);
    }

    a0_json_out_lit(r->out, nlabels ? "} " : " ");
    a0_json_out_int(r->out, (int64_t) a0_metric_value(r, index));
    a0_json_out_lit(r->out, "\n");
}


static void
a0_metric_prom_level(a0_metric_render_t *r, unsigned depth, unsigned index)
{
    unsigned                  i;
    const a0_metric_label_t  *label;

    label = (depth < 2) ? r->row->labels[depth] : NULL;

    if (label == NULL) {
        a0_metric_prom_sample(r, depth, index);
        return;
    }

    for (i = 0; i < label->n; i++) {
        r->texts[depth] = label->text(i);

        if (r->texts[depth].len != 0) {
            a0_metric_prom_level(r, depth + 1, index * label->n + i);
        }
    }
}


static void
a0_metric_prom_key_sets(a0_metric_render_t *r)
{
    size_t                      i;
    int64_t                     n;
    const a0_metric_key_set_t  *set;

    for (i = 0; i < r->metrics->nkey_sets; i++) {
        set = &r->metrics->key_sets[i];

        if (!a0_metric_has(r->row, set)) {
            continue;
        }

        a0_metric_prom_name(r);
        a0_metric_prom_label(r, "{", "domain", set->domain);

        n = a0_metric_ordinal(r->metrics, i);

        if (n > 1) {
            a0_json_out_lit(r->out, ",set=\"");
            a0_json_out_int(r->out, n);
            a0_json_out_lit(r->out, "\"");
        }

        a0_json_out_lit(r->out, "} ");
        a0_metric_out_field(r, set);
        a0_json_out_lit(r->out, "\n");
    }
}


static void
a0_metric_prom_family(a0_metric_render_t *r)
{
    a0_json_out_lit(r->out, "# HELP ");
    a0_metric_prom_name(r);
    a0_json_out_lit(r->out, " ");
    a0_json_out_lit(r->out, r->row->help);
    a0_json_out_lit(r->out, "\n# TYPE ");
    a0_metric_prom_name(r);
    a0_json_out_lit(r->out, r->row->from == A0_FROM_COUNTERS
                            ? " counter\n" : " gauge\n");

    if (r->row->from == A0_FROM_KEY_SETS) {
        a0_metric_prom_key_sets(r);
        return;
    }

    a0_metric_prom_level(r, 0, 0);
}


a0_err_t
a0_metrics_prometheus(const a0_metrics_t *metrics, unsigned char *buf,
    size_t cap, size_t *len)
{
    size_t              i;
    a0_json_out_t       out;
    a0_metric_render_t  r;

    a0_json_out_init(&out, buf, cap);
    memset(&r, 0, sizeof(r));
    r.metrics = metrics;
    r.out = &out;

    for (i = 0; i < a0_metric_rows; i++) {
        r.row = &a0_metric_table[i];
        a0_metric_prom_family(&r);
    }

    return a0_metric_end(&out, len);
}
