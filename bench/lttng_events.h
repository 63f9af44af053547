/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lttng-ust tracepoints that match the events of emit_adatrace.c, field by field. Read several
 * times by lttng-ust's own headers, as they want it; included by emit_lttng.c only.
 */
/* clang-format off */
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER bench

#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "bench/lttng_events.h"

#if !defined(ADATRACE_BENCH_LTTNG_EVENTS_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define ADATRACE_BENCH_LTTNG_EVENTS_H

#include <stdint.h>

#include <lttng/tracepoint.h>

LTTNG_UST_TRACEPOINT_EVENT(bench, empty,
    LTTNG_UST_TP_ARGS(),
    LTTNG_UST_TP_FIELDS())

LTTNG_UST_TRACEPOINT_EVENT(bench, u64,
    LTTNG_UST_TP_ARGS(uint64_t, value),
    LTTNG_UST_TP_FIELDS(lttng_ust_field_integer(uint64_t, value, value)))

LTTNG_UST_TRACEPOINT_EVENT(bench, words4,
    LTTNG_UST_TP_ARGS(const uint64_t *, words),
    LTTNG_UST_TP_FIELDS(lttng_ust_field_array(uint64_t, words, words, 4)))

LTTNG_UST_TRACEPOINT_EVENT(bench, words16,
    LTTNG_UST_TP_ARGS(const uint64_t *, words),
    LTTNG_UST_TP_FIELDS(lttng_ust_field_array(uint64_t, words, words, 16)))

LTTNG_UST_TRACEPOINT_EVENT(bench, text,
    LTTNG_UST_TP_ARGS(const char *, text),
    LTTNG_UST_TP_FIELDS(lttng_ust_field_string(text, text)))

LTTNG_UST_TRACEPOINT_EVENT(bench, mix,
    LTTNG_UST_TP_ARGS(uint64_t, value, uint32_t, number, const char *, text),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint64_t, value, value)
        lttng_ust_field_integer(uint32_t, number, number)
        lttng_ust_field_string(text, text)))

LTTNG_UST_TRACEPOINT_EVENT(bench, call,
    LTTNG_UST_TP_ARGS(const char *, function),
    LTTNG_UST_TP_FIELDS(lttng_ust_field_integer_hex(uint64_t, function, (uint64_t)function)))

LTTNG_UST_TRACEPOINT_EVENT(bench, off,
    LTTNG_UST_TP_ARGS(uint64_t, value),
    LTTNG_UST_TP_FIELDS(lttng_ust_field_integer(uint64_t, value, value)))

#endif

#include <lttng/tracepoint-event.h>
