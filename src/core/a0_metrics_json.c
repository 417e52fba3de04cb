
/* Metrics as JSON: an object by label, and one of each key set's values. */

#include <string.h>

#include "a0_metrics_int.h"


static void
a0_metric_json_level(a0_metric_render_t *r, unsigned depth, unsigned index)
{
    unsigned                  i;
    a0_str_t                  text;
    const char               *comma;
    const a0_metric_label_t  *label;

    label = (depth < 2) ? r->row->labels[depth] : NULL;

    if (label == NULL) {
        a0_json_out_int(r->out, (int64_t) a0_metric_value(r, index));
        return;
    }

    a0_json_out_lit(r->out, "{");
    comma = "";

    for (i = 0; i < label->n; i++) {
        text = label->text(i);

        if (text.len == 0) {
            continue;
        }

        a0_json_out_lit(r->out, comma);
        a0_json_out_string(r->out, text);
        a0_json_out_lit(r->out, ":");
        a0_metric_json_level(r, depth + 1, index * label->n + i);
        comma = ",";
    }

    a0_json_out_lit(r->out, "}");
}


static void
a0_metric_json_key_set(a0_metric_render_t *r, size_t i)
{
    size_t                      k;
    int64_t                     n;
    const a0_metric_key_set_t  *set;

    set = &r->metrics->key_sets[i];
    a0_json_out_lit(r->out, i == 0 ? "{\"domain\":" : ",{\"domain\":");
    a0_json_out_string(r->out, set->domain);

    n = a0_metric_ordinal(r->metrics, i);

    if (n > 1) {
        a0_json_out_lit(r->out, ",\"set\":");
        a0_json_out_int(r->out, n);
    }

    for (k = 0; k < a0_metric_rows; k++) {
        r->row = &a0_metric_table[k];

        if (r->row->from != A0_FROM_KEY_SETS || !a0_metric_has(r->row, set)) {
            continue;
        }

        a0_json_out_lit(r->out, ",\"");
        a0_json_out_lit(r->out, r->row->name + sizeof("key_set_") - 1);
        a0_json_out_lit(r->out, "\":");
        a0_metric_out_field(r, set);
    }

    a0_json_out_lit(r->out, "}");
}


a0_err_t
a0_metrics_json(const a0_metrics_t *metrics, unsigned char *buf, size_t cap,
    size_t *len)
{
    size_t              i;
    a0_json_out_t       out;
    a0_metric_render_t  r;

    a0_json_out_init(&out, buf, cap);
    memset(&r, 0, sizeof(r));
    r.metrics = metrics;
    r.out = &out;

    a0_json_out_lit(&out, "{");

    for (i = 0; i < a0_metric_rows; i++) {
        r.row = &a0_metric_table[i];

        if (r.row->from != A0_FROM_KEY_SETS) {
            a0_json_out_lit(&out, "\"");
            a0_json_out_lit(&out, r.row->name);
            a0_json_out_lit(&out, "\":");
            a0_metric_json_level(&r, 0, 0);
            a0_json_out_lit(&out, ",");
        }
    }

    a0_json_out_lit(&out, "\"key_sets\":[");

    for (i = 0; i < metrics->nkey_sets; i++) {
        a0_metric_json_key_set(&r, i);
    }

    a0_json_out_lit(&out, "]}\n");

    return a0_metric_end(&out, len);
}
