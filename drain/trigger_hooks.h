/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the drain's path passes the triggers. Each hook is behind one test of a pointer that is
 * NULL as long as nobody has asked for triggers. The drain's thread only.
 */
#ifndef ADATRACE_DRAIN_TRIGGER_HOOKS_H
#define ADATRACE_DRAIN_TRIGGER_HOOKS_H

#include <stddef.h>
#include <stdint.h>

#include "format/trace_model.h"

struct drain;
struct drain_process;
struct drain_source;
struct drain_thread;
struct schema;
struct trace_rows;

/* An event type was told. */
void triggers_type(struct drain *d, struct drain_source *s, const void *bytes, size_t size);
/* The source has types that are looked at (s->triggers), and records of it were taken. The payload
 * may change meanwhile. */
void triggers_record(struct drain *d, struct drain_thread *t, uint32_t type, uint64_t ticks,
                     const unsigned char *payload, uint32_t payload_bytes);
void triggers_rows(struct drain *d, struct drain_thread *t, const struct trace_rows *rows);
/* Records of the process are missing; of which thread, or NULL: of one without a ring. */
void triggers_gap(struct drain *d, const struct drain_process *p, const struct drain_thread *t,
                  const struct trace_gap *gap);
/* The process has ended, status as waitpid(2). */
void triggers_exit(struct drain *d, const struct drain_process *p);
/* At the end of a round. */
void triggers_turn(struct drain *d);
/* Nothing will come any more: what is under way is a moment now. */
void triggers_finish(struct drain *d);

void triggers_source_free(struct drain_source *s);
void triggers_destroy(struct drain *d);

#endif
