/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tracer fixture: a session of the test's own, and its events read back one after the other.
 *
 * One recording at a time, in a file that goes away with the program. All calls belong to the
 * test's main thread and assert through cmocka. C11 and C++17.
 */
#ifndef ADATRACE_TESTS_TRACER_FIXTURE_H
#define ADATRACE_TESTS_TRACER_FIXTURE_H

#ifdef __cplusplus
extern "C" {
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <adatrace/adatrace.h>

struct trace;
struct trace_event;
struct trace_ledger;

/* ---- recording ---- */

/* Where recordings go; the folder is made at the first call and removed at exit. */
const char *recording_path(void);

/* Start a session there, in place of an earlier one. Rings are small unless `options` say
 * otherwise, and stay what they were in a process's first session. */
void recording_start(const struct ada_session_options *options);

/* Wait until half of this thread's ring is free: who calls this often enough drops nothing. */
void recording_keep_room(void);

/* Stop it and open the file, which trace_verify() has to find good; readable but lossy; either. */
void recording_stop(void);
void recording_stop_lossy(void);
void recording_stop_either(void);

/* ---- reading; what is handed out stays until the next call ---- */

struct trace *recording_trace(void);

/* The next event in the order of time, gaps passed over; NULL: there is none. */
const struct trace_event *recording_next(void);

/* There is a next event, and it is of this type, "provider:event". */
const struct trace_event *recording_expect(const char *full_name);

/* There is none; the recording is closed. */
void recording_expect_end(void);

/* All events that are left, by type; the recording stays open. */
uint64_t recording_count_rest(const char *full_name);

/* What the file's ledgers say of thread `tid` of process `pid`; asserts that it is there. */
const struct trace_ledger *recording_ledger(uint32_t pid, uint32_t tid);

/* ---- looking at an event ---- */

uint64_t field_unsigned(const struct trace_event *event, const char *field);
int64_t field_signed(const struct trace_event *event, const char *field);
double field_float(const struct trace_event *event, const char *field);
const char *field_label(const struct trace_event *event, const char *field); /* NULL: no label */
void expect_bytes(const struct trace_event *event, const char *field, const void *bytes,
                  size_t size);
void expect_text(const struct trace_event *event, const char *field, const char *text);
int event_phase(const struct trace_event *event);
uint32_t event_pid(const struct trace_event *event);
uint32_t event_tid(const struct trace_event *event);

/* ---- threads ---- */

uint32_t thread_id(void);

/* Run `work` in a thread of its own and wait for its end. */
void thread_run(void *(*work)(void *argument), void *argument);

#ifdef __cplusplus
}
#endif

#endif
