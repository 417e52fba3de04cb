
#include "a0.h"


#define A0_ERR_ROW(name, token, status, challenge, text)                      \
    { a0_string(token), status, A0_CHALLENGE_ ## challenge, a0_string(text) },

static const a0_err_info_t  a0_err_table[] = {
    A0_ERR_MAP(A0_ERR_ROW)
};

#undef A0_ERR_ROW


const a0_err_info_t *
a0_err_info(a0_err_t err)
{
    if ((unsigned) err >= A0_ERR_N) {
        return &a0_err_table[A0_ERR_INTERNAL];
    }

    return &a0_err_table[err];
}
