
#include "a0_provision_answer.h"

#include <openssl/crypto.h>


#define A0_URN  "urn:auth0-m2m:"

#define A0_PROBLEM_ROW(name, type, status, retry, title, detail)              \
    { a0_string(A0_URN type), status, retry, a0_string(title),                \
      a0_string(detail) },

static const a0_problem_info_t  a0_problems[] = {
    A0_PROBLEM_MAP(A0_PROBLEM_ROW)
};


const a0_answer_hdr_t  a0_answer_common[] = {
    { a0_string("Cache-Control"), a0_string("no-store") },
    { a0_string("Pragma"), a0_string("no-cache") },
    { a0_string("X-Content-Type-Options"), a0_string("nosniff") },
    { a0_string("Vary"), a0_string("Origin") },
    { { 0, NULL }, { 0, NULL } }
};


static const char *const  a0_cleanup_texts[] = {
    "none", "complete", "pending"
};


const a0_problem_info_t *
a0_problem_info(a0_problem_e problem)
{
    if ((unsigned) problem >= A0_PROBLEM_N) {
        problem = A0_PROBLEM_INTERNAL;
    }

    return &a0_problems[problem];
}


static void
a0_member(a0_json_out_t *out, const char *name, a0_str_t value)
{
    a0_json_out_lit(out, ",\"");
    a0_json_out_lit(out, name);
    a0_json_out_lit(out, "\":");
    a0_json_out_string(out, value);
}


static a0_str_t
a0_cstr(const char *text)
{
    a0_str_t  s;

    s.data = (const unsigned char *) text;
    s.len = 0;

    while (text[s.len] != '\0') {
        s.len++;
    }

    return s;
}


void
a0_problem_write(a0_json_out_t *out, const a0_problem_t *problem)
{
    a0_str_t                  message;
    const a0_problem_info_t  *info;

    info = a0_problem_info(problem->problem);
    message = info->detail;

    if (problem->create && info->status >= 500) {
        message = a0_cstr("Failed to create key");
    }

    a0_json_out_lit(out, "{\"type\":");
    a0_json_out_string(out, info->type);
    a0_member(out, "title", info->title);
    a0_json_out_lit(out, ",\"status\":");
    a0_json_out_int(out, info->status);
    a0_member(out, "detail", info->detail);
    a0_member(out, "message", message);
    a0_member(out, "request_id", problem->request_id);

    if (problem->step != NULL && problem->step[0] != '\0') {
        a0_member(out, "step", a0_cstr(problem->step));
    }

    if (problem->client_id.len) {
        a0_member(out, "client_id", problem->client_id);
    }

    a0_json_out_lit(out, ",\"retryable\":");
    a0_json_out_lit(out, info->retryable ? "true" : "false");
    a0_member(out, "cleanup", a0_cstr(a0_cleanup_texts[problem->cleanup]));
    a0_json_out_lit(out, "}");
}


void
a0_answer_apikey(a0_json_out_t *out, a0_str_t client_id,
    a0_str_t client_secret, a0_str_t extra)
{
    a0_json_out_t  inner;
    unsigned char  buf[4096];

    a0_json_out_init(&inner, buf, sizeof(buf));
    a0_json_out_lit(&inner, "{\"client_id\":");
    a0_json_out_string(&inner, client_id);
    a0_json_out_lit(&inner, ",\"client_secret\":");
    a0_json_out_string(&inner, client_secret);
    a0_json_out_lit(&inner, "}");

    if (inner.overflow) {
        out->overflow = 1;
    }

    a0_json_out_lit(out, "{\"apikey\":");
    a0_json_out_string(out, a0_json_out_text(&inner));
    a0_json_out_raw(out, extra);
    a0_json_out_lit(out, "}");

    OPENSSL_cleanse(buf, sizeof(buf));
}
