/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the trace file share: files that go away by themselves, a model of what was
 * written (every record's bytes, in order, thread by thread), and its comparison with what the
 * reader gives back. Asserts through cmocka. One thread.
 */
#ifndef ADATRACE_TESTS_FORMAT_FIXTURE_H
#define ADATRACE_TESTS_FORMAT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/trace_reader.h"
#include "format/trace_writer.h"

/* ---- files ---- */

/* A path in a folder of this test program, which disappears at exit. */
const char *fixture_path(const char *name);
int fixture_create(const char *path); /* a descriptor for writing, at 0 */

/* The whole file; *size gets its size. The caller frees it. */
unsigned char *fixture_load(const char *path, size_t *size);
void fixture_store(const char *path, const void *bytes, size_t size);

/* From here on this program may map at most so much; no bound where a tool that watches memory
 * needs its own. False: not possible. */
bool fixture_memory_bound(size_t bytes);

/* ---- random numbers: the same in every run ---- */

uint64_t fixture_random(uint64_t *state);

/* ---- types ---- */

extern const struct trace_recording fixture_recording;

/* Declare `schema` for an image; asserts success. */
void fixture_type(struct trace_writer *w, uint64_t image, const struct schema *schema);

/* A process and a thread that runs it. */
void fixture_process(struct trace_writer *w, uint32_t process, uint64_t image);
void fixture_thread(struct trace_writer *w, uint32_t thread, uint32_t process, const char *name);

/* ---- model ---- */

struct model_event {
    uint32_t thread;
    bool is_gap;
    const char *name; /* of the type, without provider */
    uint64_t ticks;
    struct trace_gap gap;
    unsigned char *payload;
    uint32_t size; /* without padding */
};
struct model {
    struct model_event *events;
    size_t count, capacity;
};

/* Write a record and remember it. The writer gets the payload padded to whole words, in memory that
 * ends with it, so that reading on is seen by ASan. */
void model_record(struct model *model, struct trace_stream *stream, uint32_t thread,
                  const struct schema *schema, uint64_t ticks, const void *payload, size_t size);
void model_gap(struct model *model, struct trace_stream *stream, const struct trace_gap *gap);

/* A random payload of this type: every width, strings from empty to `text_max` bytes. Returns its
 * size. */
size_t model_payload(const struct schema *schema, uint64_t *random, size_t text_max,
                     unsigned char *out);

/* The payload that an event's values stand for. Returns its size. */
size_t model_payload_of(const struct trace_event *event, unsigned char *out, size_t capacity);

/*
 * Read all events and compare: every thread's in order and byte for byte, times never going back.
 * A damaged file gives only some of the events; no two of a thread may then have the same ticks.
 * Returns the number of records.
 */
enum model_match { MATCH_ALL, MATCH_SOME };
uint64_t model_compare(const struct model *model, struct trace *trace, enum model_match match);

void model_free(struct model *model);

/*
 * A whole trace of random records of all fixture_types, with gaps among them: up to 16 threads
 * "worker", odd ones in a process of image 1, even ones in another of image 77.
 */
enum { FIXTURE_TYPES = 4 };
extern const struct schema fixture_types[FIXTURE_TYPES]; /* nothing, code, text, wide */
void model_random(struct model *model, const char *path, const struct trace_writer_options *options,
                  unsigned threads, unsigned records, size_t text_max);

/* Open a trace; asserts success. */
struct trace *fixture_open(const char *path);

/* trace_verify() with its findings kept: by severity how many, all texts, the newest offset. */
struct findings {
    unsigned count[3];
    char text[3][2048];
    uint64_t offset[3];
    uint32_t tid;            /* of the thread that the newest is about; 0: of none */
    unsigned untrue;         /* processes' counters that cannot be */
    uint32_t untrue_process; /* of the newest of these */
};
int fixture_verify(const char *path, struct findings *findings);

#endif
