/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lttng-ust as a contestant. The session is made by the suite before this starts; the library waits
 * at start until it is registered (LTTNG_UST_REGISTER_TIMEOUT).
 *
 *     emit_lttng                requests as in worker.h
 */
#define LTTNG_UST_TRACEPOINT_DEFINE
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#include "bench/lttng_events.h"

#include "bench/worker.h"

#define EMIT_EMPTY()                  lttng_ust_tracepoint(bench, empty)
#define EMIT_U64(value)               lttng_ust_tracepoint(bench, u64, value)
#define EMIT_WORDS4(words)            lttng_ust_tracepoint(bench, words4, words)
#define EMIT_WORDS16(words)           lttng_ust_tracepoint(bench, words16, words)
#define EMIT_TEXT(letters)            lttng_ust_tracepoint(bench, text, letters)
#define EMIT_MIX(value, number, text) lttng_ust_tracepoint(bench, mix, value, number, text)
#define EMIT_OFF(value)               lttng_ust_tracepoint(bench, off, value)
#define EMIT_CALL(address)            lttng_ust_tracepoint(bench, call, address)
#include "bench/emit_loops.h"

int main(void)
{
    static const struct worker_case cases[] = {EMIT_CASES, {NULL, NULL, NULL}};
    const struct worker worker = {.cases = cases};

    return worker_serve(&worker);
}
