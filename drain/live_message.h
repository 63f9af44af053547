/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a running session's live stream consists of: the messages in its broadcast buffer
 * (adatrace/broadcast.h), and the catalogue of everything that was told before.
 *
 * The payload of every message begins with a live_head, which says how much was said before it: who
 * has missed messages finds there how many records those held, and whether there was metadata among
 * them. Structs are in the machine's byte order and 8-byte aligned; readers and writer are of the
 * same build. Listeners bound what they find: the records in a run come from the traced program,
 * which may have scribbled on them.
 *
 * The catalogue is messages one behind the other, each with a live_piece in front and padded to 8
 * bytes. It begins with LIVE_BEGIN; the others are items and declarations.
 */
#ifndef ADATRACE_DRAIN_LIVE_MESSAGE_H
#define ADATRACE_DRAIN_LIVE_MESSAGE_H

#include <stdint.h>

#include <adatrace/broadcast.h>

enum { LIVE_VERSION = 1 };

enum live_type {
    LIVE_RUN = 1,     /* struct live_run, records as in the ring (adatrace/record.h) */
    LIVE_GAP = 2,     /* struct live_gap */
    LIVE_ITEMS = 3,   /* struct live_head, metadata items as in the file (format/items.h) */
    LIVE_DECLARE = 4, /* struct live_declare */
    LIVE_ROUND = 5,   /* struct live_round */
    LIVE_END = 6,     /* struct live_head: the recording has ended, nothing follows */
    LIVE_BEGIN = 7,   /* struct live_begin; only in a catalogue */
};

struct live_head {
    uint64_t records; /* in runs before this message */
    uint64_t items;   /* LIVE_ITEMS and LIVE_DECLARE messages before it */
};

/* Records of one thread, in its order. */
struct live_run {
    struct live_head head;
    uint32_t thread; /* its number in the trace */
    uint32_t records;
    uint64_t ticks;  /* of the first one, all 64 bits; the others follow within 2^42 */
    uint32_t stride; /* size of each in bytes; 0: of different sizes */
    uint32_t unused;
};

/* Records that the thread's ring did not hand over. */
struct live_gap {
    struct live_head head;
    uint32_t thread;
    uint32_t kind; /* enum trace_gap_kind, or LIVE_GAP_LARGE */
    uint64_t first_ticks, last_ticks, records, bytes;
};
/* Not lost: it stands in the file, and was too long for the buffer. */
enum { LIVE_GAP_LARGE = 100 };

/* Records of this image with this id are of the event type that a TYPE item gave this number. */
struct live_declare {
    struct live_head head;
    uint64_t image;
    uint32_t id, type;
};

/* All records before these ticks have been published, but for those of emits that were under way at
 * that moment. */
struct live_round {
    struct live_head head;
    uint64_t ticks;
    uint64_t monotonic_ns; /* when this was written */
};

/* Where in the buffer the catalogue was made. */
struct live_begin {
    struct live_head head;
    uint32_t version; /* LIVE_VERSION */
    uint32_t unused;
    struct ada_broadcast_place place;
};

/* In front of each message of a catalogue. */
struct live_piece {
    uint32_t type;
    uint32_t bytes; /* without this and without the padding behind */
};

_Static_assert(sizeof(struct live_head) == 16, "live_head");
_Static_assert(sizeof(struct live_run) == 40, "live_run");
_Static_assert(sizeof(struct live_gap) == 56, "live_gap");
_Static_assert(sizeof(struct live_declare) == 32, "live_declare");
_Static_assert(sizeof(struct live_round) == 32, "live_round");
_Static_assert(sizeof(struct live_begin) == 48, "live_begin");
_Static_assert(sizeof(struct live_piece) == 8, "live_piece");

#endif
