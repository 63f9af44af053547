/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session writer: opens the trace writer of a session, with what a trace says about itself. The
 * same for the collector and for an application that records itself. Any thread.
 */
#ifndef ADATRACE_DRAIN_SESSION_WRITER_H
#define ADATRACE_DRAIN_SESSION_WRITER_H

#include "base/clock_source.h"
#include "format/trace_writer.h"
#include "registry/segment.h"

struct session_writer_options {
    enum clock_source clock;
    enum ring_policy policy;
    int level;                        /* zstd's */
    unsigned threads;                 /* that compress and write; 0: 1 */
    const char *command;              /* as one would type it; NULL: not known */
    const char *boot_id;              /* of the clock's; NULL: this one */
    bool flight;                      /* nothing is written, `fd` is -1 */
    uint64_t flight_bytes, flight_ns; /* what is kept then; 0: any number */
};

/* Takes `fd` over, also on failure. 0 or a negative errno. */
int session_writer_open(struct trace_writer **out, int fd,
                        const struct session_writer_options *options)
    __attribute__((warn_unused_result));

#endif
