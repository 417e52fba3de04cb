/* A target under clang's libFuzzer. */

#include "fuzz.h"

unsigned long  fuzz_deep;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_t  in;

    in.pos = data;
    in.end = data + size;
    fuzz_one(&in);

    return 0;
}
