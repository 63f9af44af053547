/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recover: what a dead session has left in the file of its segment becomes a trace.
 *
 * The file is read, never written: a recovery that fails can be tried again. It is untrusted, as
 * the memory of a traced process is. One thread; the calls allocate, and print nothing.
 */
#ifndef ADATRACE_DRAIN_RECOVER_H
#define ADATRACE_DRAIN_RECOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Does the file begin as a segment does? */
bool recover_is_segment(const char *path);

/*
 * How many records of this thread the trace files of the session have whose first clock pair is of
 * `session_ticks`; UINT64_MAX: none of that session is known.
 */
struct recover_known {
    uint64_t (*records_of)(void *context, uint64_t session_ticks, uint32_t pid, uint32_t tid,
                           uint64_t start_ticks);
    void *context;
};

struct recover_figures {
    uint64_t taken;    /* the session's drain had taken them, and no trace is known that has them */
    uint64_t skipped;  /* left out: the trace that is known holds them */
    uint64_t vanished; /* taken, and not in the trace that is known */
    uint64_t unringed; /* of threads without a ring, since the segment was made */
    uint64_t untold;   /* types, modules and notes for which there was no room */
    bool is_known;     /* there is a trace of the session */
    bool other_boot;   /* left before the machine was started anew, or so it is taken to be: */
    bool unknown_boot; /* which start of the machine this is cannot be read */
};

enum { RECOVER_WHY_BYTES = 256 };

/*
 * Make a trace of it on `fd`, which is taken over, also on failure. `known` may be NULL; `in_use`:
 * also if processes still use it, which then may change what is being read. 0, or a negative errno
 * with why[RECOVER_WHY_BYTES] filled in: -EBUSY: processes still use it; -ENODATA: nobody has ever
 * drained it, so its times are not known.
 */
int recover_segment(const char *path, bool in_use, int fd, const struct recover_known *known,
                    struct recover_figures *figures, char *why) __attribute__((warn_unused_result));

#endif
