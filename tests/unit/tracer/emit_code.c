/* SPDX-License-Identifier: Apache-2.0 */
/* What emit_code.py takes apart: one function a macro, compiled as an application would. */
#include <adatrace/adatrace.h>

ADA_EVENT(code, bare)
ADA_EVENT(code, number, (u64, value))
ADA_EVENT(code, several, (u8, a), (i32, b), (f64, c), (ptr, d))
ADA_COUNTER(code, counter)

void code_bare(void);
void code_number(uint64_t value);
void code_several(uint8_t a, int32_t b, double c, const void *d);
void code_counter(int64_t value);

void code_bare(void)
{
    ada_trace_code_bare();
}

void code_number(uint64_t value)
{
    ada_trace_code_number(value);
}

void code_several(uint8_t a, int32_t b, double c, const void *d)
{
    ada_trace_code_several(a, b, c, d);
}

void code_counter(int64_t value)
{
    ada_count_code_counter(value);
}
