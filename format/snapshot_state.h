/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a trace snapshot, filled in by the trace writer. Belongs to one thread at a time.
 */
#ifndef ADATRACE_FORMAT_SNAPSHOT_STATE_H
#define ADATRACE_FORMAT_SNAPSHOT_STATE_H

#include "base/own_file.h"
#include "format/block_store.h"
#include "format/ending_state.h"
#include "format/trace_snapshot.h"

struct trace_snapshot {
    struct trace_ending *ending; /* addresses and what else the end of the file needs */
    uint64_t reserve_bytes;

    /* Of a file: it is copied up to `bytes`. */
    int source_fd; /* -1: of a flight recorder */
    struct own_file source;
    uint64_t bytes;

    /* Of a flight recorder. */
    struct block_store *store;
    struct block_take take;
    struct byte_buffer recording, items; /* the catalogue */
};

#endif
