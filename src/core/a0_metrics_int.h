
/* What the files named a0_metrics* share. */

#ifndef A0_METRICS_INT_H_INCLUDED
#define A0_METRICS_INT_H_INCLUDED


#include "a0_json.h"
#include "a0_metrics.h"


/* A label: how many values, and their texts.  An empty text is a number
 * without a series of its own. */

typedef struct {
    const char          *name;
    unsigned             n;
    a0_str_t           (*text)(unsigned i);
} a0_metric_label_t;


typedef enum {
    A0_FROM_COUNTERS = 0,
    A0_FROM_GAUGES,
    A0_FROM_KEY_SETS
} a0_metric_from_e;


typedef enum {
    A0_FIELD_KEYS = 0,
    A0_FIELD_AGE,
    A0_FIELD_GENERATION,
    A0_FIELD_FAILURES,
    A0_FIELD_NEXT,
    A0_FIELD_USABLE
} a0_metric_field_e;


typedef struct {
    const char               *name;     /* without prefix and "_total" */
    const char               *help;
    a0_metric_from_e          from;     /* counters are counters, the rest is
                                           gauges */
    unsigned                  first;    /* index, or a0_metric_field_e */
    const a0_metric_label_t  *labels[2];
} a0_metric_t;


extern const a0_metric_t  a0_metric_table[];
extern const size_t       a0_metric_rows;


/* One row, what it is rendered into, and the labels chosen so far. */

typedef struct {
    const a0_metrics_t  *metrics;
    const a0_metric_t   *row;
    a0_json_out_t       *out;
    a0_str_t             texts[2];
} a0_metric_render_t;


/* The value of a counter or gauge, i places after the row's first. */

uint64_t a0_metric_value(const a0_metric_render_t *r, unsigned i);

/* 0 where the key set has no such value; and its value as a number. */

int a0_metric_has(const a0_metric_t *row, const a0_metric_key_set_t *set);

void a0_metric_out_field(a0_metric_render_t *r,
    const a0_metric_key_set_t *set);

/* Which one of its domain's key sets number i is, from 1. */

int64_t a0_metric_ordinal(const a0_metrics_t *m, size_t i);

a0_err_t a0_metric_end(const a0_json_out_t *out, size_t *len);


#endif /* A0_METRICS_INT_H_INCLUDED */
