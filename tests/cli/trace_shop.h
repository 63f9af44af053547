/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ingredients of make_trace: types, records and tables of a shop that was never run, every tick
 * of it chosen. Whatever fails ends the program with a message. One thread.
 */
#ifndef ADATRACE_TESTS_TRACE_SHOP_H
#define ADATRACE_TESTS_TRACE_SHOP_H

#include "format/trace_writer.h"

/* One tick is one nanosecond, and the recording starts at START. */
#define START         UINT64_C(1000000000)
#define AT_US(us)     (START + (uint64_t)(us)*1000)
#define REALTIME_NS   UINT64_C(1700000000000000000)
#define IMAGE         UINT64_C(1)
#define CODE(address) (UINT64_C(0x555500000000) + (address))
#define HEAP(address) (UINT64_C(0x7f0000000000) + (address))

enum {
    ENTER = 8,
    EXIT,
    MALLOC,
    FREE,
    REALLOC,
    CALLOC,
    SCOPE_BEGIN,
    SCOPE_END,
    SPAN_BEGIN,
    SPAN_STEP,
    SPAN_END,
    KINDS,
    TEXT,
    FORMAT,
    COUNTER,
    BARE,
};

enum { MAIN = 0x1000, SERVE = 0x1100, PARSE = 0x1200, FIB = 0x1300, UNNAMED = 0x1400 };

/* A negative status, of what, ends the program. */
void check(int status, const char *what);

/* ---- the recording and its tables ---- */

struct trace_writer *writer_open(const char *path);
void types_declare(struct trace_writer *w, uint64_t image);
void clock_put(struct trace_writer *w, uint64_t ticks);
void process_put(struct trace_writer *w, uint32_t number, uint32_t parent, uint32_t pid,
                 uint64_t start);
void process_end(struct trace_writer *w, uint32_t number, uint64_t ticks, int status);
struct trace_stream *thread_open(struct trace_writer *w, uint32_t number, uint32_t process,
                                 uint32_t tid, uint64_t start, const char *name);
/* Flush, and say what the thread says of itself. */
void thread_close(struct trace_writer *w, struct trace_stream *stream, uint32_t number,
                  uint64_t dropped);
void symbols_put(struct trace_writer *w);
void note_put(struct trace_writer *w, uint32_t kind, uint64_t ticks, const char *text);

/* ---- records: first what the payload holds, then emit() ---- */

void put(uint64_t value, unsigned width);
void put_bytes(const char *bytes, size_t size);
void put_double(double value);
void put_float(float value);
void put_allocation(uint64_t size, uint64_t result, uint64_t caller, uint64_t duration);
void emit(struct trace_stream *s, uint16_t id, uint64_t ticks);

/* ---- whole records ---- */

/* `depth`: how far below main's, in 16-byte steps, the function's frame lies. */
void enter(struct trace_stream *s, uint64_t ticks, uint64_t function, int depth);
void leave(struct trace_stream *s, uint64_t ticks, uint64_t function);
void allocate(struct trace_stream *s, uint64_t ticks, uint64_t size, uint64_t result,
              uint64_t caller);
void release(struct trace_stream *s, uint64_t ticks, uint64_t address, uint64_t caller);
void resize(struct trace_stream *s, uint64_t ticks, uint64_t size, uint64_t old, uint64_t result,
            uint64_t caller);
void span(struct trace_stream *s, uint16_t id, uint64_t ticks, uint64_t number);

#endif
