/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A collector small enough to be believed: it speaks registry/handshake.h, makes a segment for
 * every process that connects, reads all rings and keeps what it sees in memory. Knows no drain and
 * no format, so that what it says of the agent is the agent's doing.
 *
 * One thread of its own; the queries are for after agent_collector_stop().
 */
#ifndef ADATRACE_TESTS_AGENT_COLLECTOR_H
#define ADATRACE_TESTS_AGENT_COLLECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/schema.h"
#include "registry/arena.h"
#include "registry/segment.h"

struct agent_collector;

struct agent_collector_options {
    uint64_t ring_bytes; /* 0: 256 KiB */
    uint32_t slots;      /* 0: 64 */
    const char *globs;   /* NULL: all */
    bool monotonic;      /* the kernel's clock in place of the counter */
};

/* NULL: failed, with errno. `options` may be NULL. */
struct agent_collector *agent_collector_start(const struct agent_collector_options *options);
/* Where it listens: the value of ADATRACE_SESSION. */
const char *agent_collector_path(const struct agent_collector *collector);
/* Take all that is published, and end. */
void agent_collector_stop(struct agent_collector *collector);
void agent_collector_free(struct agent_collector *collector);

/* ---- what was seen ---- */

struct seen_event {
    unsigned image; /* which connection: a process, or what exec made of it */
    uint32_t pid, tid;
    uint64_t ticks;
    const struct schema *schema;
    const unsigned char *payload;
    uint32_t payload_bytes;
};
size_t agent_collector_events(const struct agent_collector *collector,
                              const struct seen_event **events);
/* Events called "provider:name". */
size_t agent_collector_count(const struct agent_collector *collector, const char *name);
/* The first at or after *at, which moves behind it; NULL: no more. */
const struct seen_event *agent_collector_next(const struct agent_collector *collector,
                                              const char *name, size_t *at);
bool seen_is(const struct seen_event *event, const char *name);
/* An integer field; fails the test when there is none of this name. */
uint64_t seen_number(const struct seen_event *event, const char *field);
/* The string field, NUL-terminated in text[size]. */
const char *seen_text(const struct seen_event *event, const char *field, char *text, size_t size);

struct seen_module {
    unsigned image;
    bool unmap;
    struct arena_map map;
    char path[512];
};
size_t agent_collector_modules(const struct agent_collector *collector,
                               const struct seen_module **modules);

struct agent_collector_figures {
    unsigned images, threads;
    uint64_t taken, written, dropped, unringed, damaged; /* over all rings */
    uint64_t nested, arena_lost;
    uint64_t unsorted; /* records older than the one before in their ring; none is called that
                        * on a counter that this machine cannot use, which is tested all the same */
    uint64_t unknown;  /* of a type nobody declared */
};
struct agent_collector_figures agent_collector_figures(const struct agent_collector *collector);

#endif
