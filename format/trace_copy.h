/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traces made from traces: a slice of one, or several put together.
 *
 * Data blocks that are wanted as they are go into the new file as they stand: their frames are not
 * unpacked, only their headers are written anew. What has to change is unpacked: blocks at the
 * edges of a slice, the numbers of event types where two files use one number for different types,
 * ticks of another clock. The input is untrusted, as everywhere in the reader; a block that is
 * damaged is left out, and a gap says how many records it had, as far as no other input has them.
 * The result is a whole file: its ledgers tell what it holds, and add up by themselves.
 *
 * Input traces belong to the calling thread, as with the reader; nothing of the result points into
 * them. The calls allocate, and print nothing.
 */
#ifndef ADATRACE_FORMAT_TRACE_COPY_H
#define ADATRACE_FORMAT_TRACE_COPY_H

#include "format/trace_reader.h"

/* What became of the blocks. */
struct trace_copy_figures {
    uint64_t records, threads; /* in the result */
    uint64_t blocks_kept;      /* frames as they were */
    uint64_t blocks_packed;    /* numbers of types changed, columns as they were */
    uint64_t blocks_encoded;   /* unpacked to records and written anew */
    uint64_t blocks_damaged;   /* left out, a gap in their place */
    uint64_t blocks_twice;     /* left out: another input has the same */
    uint64_t uncertainty_ns;   /* trace_merge(): of the times of one input against the others' */
};

/* How far it has come, in records; may be NULL. */
struct trace_copy_watch {
    void (*step)(void *context, uint64_t done, uint64_t total);
    void *context;
};

struct trace_cut {
    struct trace_filter filter; /* the time as the input's reader tells it; events; thread */
    const char *process; /* pid in decimal, or glob over base names of executables; NULL: all */
    const char *origin;  /* what a note in the slice calls the input */
    bool recovers;       /* of everything: the note says that the input was not whole */
    const struct trace *names_of; /* its modules and symbols come along as those of the input's
                                     first process, which has the same addresses; NULL: none */
};

/*
 * Write a slice of `trace` to `fd`, which is open for writing at offset 0, and closed by this.
 * Times in the slice are those of the input: its first clock pair is kept. 0, or a negative errno
 * with *error filled in; the file is then of no use.
 */
int trace_cut(struct trace *trace, const struct trace_cut *cut, int fd,
              const struct trace_copy_watch *watch, struct trace_copy_figures *figures,
              struct trace_error *error) __attribute__((warn_unused_result));

/*
 * Put inputs together. Those of the same session (struct trace_recording) are joined: the same
 * numbers are the same processes and threads, what two of them hold comes once, ledgers are added
 * up. All others are numbered anew beside each other, and put in time by the clock that they share:
 * the ticks, if they are of the same boot; else CLOCK_MONOTONIC on the same boot, CLOCK_REALTIME
 * otherwise, and their records are written anew on the clock of the input that begins first.
 * `names` are what notes call the inputs. `threads` encode, where that is needed; else as
 * trace_cut().
 */
int trace_merge(struct trace *const *traces, const char *const *names, size_t count, int fd,
                unsigned threads, const struct trace_copy_watch *watch,
                struct trace_copy_figures *figures, struct trace_error *error)
    __attribute__((warn_unused_result));

#endif
