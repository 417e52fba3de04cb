
#include "ngx_http_auth0_m2m_pages.h"

#include <openssl/crypto.h>
#include <sys/mman.h>


void *
ngx_http_auth0_m2m_pages_alloc(size_t size, ngx_log_t *log)
{
    void  *addr;

    addr = mmap(NULL, size, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS,
                -1, 0);

    if (addr == MAP_FAILED) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno, "mmap(%uz) failed",
                      size);
        return NULL;
    }

#ifdef MADV_DONTDUMP
    (void) madvise(addr, size, MADV_DONTDUMP);
#endif

    return addr;
}


void
ngx_http_auth0_m2m_pages_free(void *addr, size_t size, size_t used)
{
    OPENSSL_cleanse(addr, used);
    (void) munmap(addr, size);
}
