/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault plan: which call of which function is to fail, and what came of it. A file that the test
 * writes, that the preloaded library (fault_inject.h) maps shared in every process that inherits
 * $ADATRACE_FAULT_PLAN, and that the test reads when all of them are gone, however they ended.
 * fault_plan.py has the same layout.
 *
 * Counted and failed are only calls that come from the objects named in the plan (the command, the
 * agent, ...): what a traced program or libc does for itself is left alone.
 */
#ifndef ADATRACE_TESTS_FAULT_PLAN_H
#define ADATRACE_TESTS_FAULT_PLAN_H

#include <stdint.h>

#define FAULT_PLAN_VARIABLE "ADATRACE_FAULT_PLAN"

enum { FAULT_MAGIC = 0x46414c54, FAULT_NAME_BYTES = 32, FAULT_OBJECTS_BYTES = 192 };
enum { FAULT_SITES = 4096, FAULT_OBJECTS = 32, FAULT_OBJECT_BYTES = 64 };

enum fault_mode {
    FAULT_COUNT, /* nothing fails */
    FAULT_FAIL,  /* the call fails and has not been made */
    FAULT_SHORT, /* reads and writes half of what it was asked for */
    FAULT_SLOW,  /* waits `error` microseconds, then is made */
};

/* Where a function was called from, and how often. */
struct fault_site {
    char call[FAULT_NAME_BYTES];
    uint32_t object; /* index into objects */
    uint32_t used;   /* 1: this entry is taken */
    uint64_t offset; /* of the return address, in the object */
    uint64_t count;
    uint64_t first; /* the first call from here was this one of all calls of the function */
};

struct fault_plan {
    /* Written by the test. */
    uint32_t magic;
    uint32_t mode;
    int32_t error;
    uint32_t only_site;                /* 1: counted are calls from `site` only */
    char call[FAULT_NAME_BYTES];       /* the function */
    char objects[FAULT_OBJECTS_BYTES]; /* ":adatrace:libzstd.so.1:", "*": all but the loader */
    char program[FAULT_OBJECT_BYTES];  /* the executable in which it counts; "": in every one */
    uint64_t first, last;              /* the calls that fail, from 1 */
    uint64_t site;                     /* offset in the object with index `site_object` */
    uint32_t site_object;
    uint32_t reserved;
    /* Written by the library; atomic. */
    uint64_t calls; /* of the function, as far as they count */
    uint64_t fired; /* of these were made to fail */
    uint64_t fired_offset;
    uint32_t fired_object;
    uint32_t object_count;
    char object[FAULT_OBJECTS][FAULT_OBJECT_BYTES];
    struct fault_site sites[FAULT_SITES];
};

#endif
