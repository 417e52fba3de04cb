
#include "a0.h"
#include "unit.h"


static const char *const  names[] = {
#define NAME(name, token, status, challenge, text)  #name,
    A0_ERR_MAP(NAME)
#undef NAME
};


static void
check_charset(a0_str_t s, const char *extra_bad)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {
        CHECK(s.data[i] >= 0x20 && s.data[i] <= 0x7e);
        CHECK(strchr(extra_bad, s.data[i]) == NULL);
    }
}


static void
check_token(a0_str_t s)
{
    CHECK(s.len > 0);
    CHECK_EQ_INT(strspn((const char *) s.data,
                        "abcdefghijklmnopqrstuvwxyz0123456789_"), s.len);
}


/* RFC 6750 section 3.1: which status goes with which challenge. */

static int
fits(unsigned status, a0_challenge_e challenge)
{
    switch (challenge) {

    case A0_CHALLENGE_NONE:
        return status == 200 || status == 500 || status == 503;

    case A0_CHALLENGE_REALM:
        return status == 401 || status == 403;

    case A0_CHALLENGE_INVALID_REQUEST:
        return status == 400;

    case A0_CHALLENGE_INVALID_TOKEN:
        return status == 401;

    case A0_CHALLENGE_INSUFFICIENT_SCOPE:
        return status == 403;
    }

    return 0;
}


static void
check_row(const a0_err_info_t *info)
{
    int  blames;

    check_token(info->token);
    check_charset(info->description, "\"\\");
    CHECK(fits(info->status, info->challenge));

    blames = info->challenge != A0_CHALLENGE_NONE
             && info->challenge != A0_CHALLENGE_REALM;

    CHECK_EQ_INT(info->description.len != 0, blames);
}


/* One reason names one outcome; a requirement may be set to two statuses. */

static void
check_unique(int err)
{
    int                   i;
    const a0_err_info_t  *one, *two;

    one = a0_err_info((a0_err_t) err);

    for (i = 0; i < err; i++) {
        two = a0_err_info((a0_err_t) i);

        if (one->token.len == two->token.len
            && memcmp(one->token.data, two->token.data, one->token.len) == 0)
        {
            CHECK(err == A0_ERR_REQUIREMENT_403
                  && i == A0_ERR_REQUIREMENT_401);
        }
    }
}


int
main(void)
{
    int  i;

    for (i = 0; i < A0_ERR_N; i++) {
        unit_case("row %s", names[i]);
        check_row(a0_err_info((a0_err_t) i));
        check_unique(i);
    }

    unit_case("each row is found by its own code");
    CHECK_EQ_STR(a0_err_info(A0_OK)->token, "ok");
    CHECK_EQ_INT(a0_err_info(A0_OK)->status, 200);
    CHECK_EQ_STR(a0_err_info(A0_ERR_EXPIRED)->token, "expired");
    CHECK_EQ_STR(a0_err_info(A0_ERR_EXPIRED)->description,
                 "The access token expired");
    CHECK_EQ_STR(a0_err_info(A0_ERR_INTERNAL)->token, "internal_error");

    unit_case("outages do not blame the token");
    CHECK_EQ_INT(a0_err_info(A0_ERR_KEYS_UNAVAILABLE)->status, 503);
    CHECK_EQ_INT(a0_err_info(A0_ERR_KEYS_UNAVAILABLE)->challenge,
                 A0_CHALLENGE_NONE);

    unit_case("a code outside the list is an internal error");
    CHECK(a0_err_info(A0_ERR_N) == a0_err_info(A0_ERR_INTERNAL));
    CHECK(a0_err_info((a0_err_t) -1) == a0_err_info(A0_ERR_INTERNAL));
    CHECK(a0_err_info((a0_err_t) 1000) == a0_err_info(A0_ERR_INTERNAL));

    return unit_done();
}
