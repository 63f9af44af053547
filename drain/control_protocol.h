/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control protocol: how a running session is asked.
 *
 * A session's folder (0700, of the session's user) holds a SOCK_SEQPACKET Unix socket `control`.
 * Who asks connects and sends one packet: a control_request, then its words, each ended by a NUL.
 * The answer comes as one packet or more, each a control_answer and a part of the body; the first
 * one may carry descriptors (SCM_RIGHTS). What a body holds is the verb's: text for people when
 * status is negative, else text or fixed-width rows. Then the session hangs up, unless the verb
 * keeps the connection to notice that who asked has gone. Both check the peer's uid (SO_PEERCRED).
 * Plain data; no function here.
 */
#ifndef ADATRACE_DRAIN_CONTROL_PROTOCOL_H
#define ADATRACE_DRAIN_CONTROL_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

#define CONTROL_MAGIC   UINT64_C(0x4c52544e4f434441) /* "ADCONTRL" */
#define CONTROL_VERSION 1u

#define CONTROL_FOLDER_PREFIX "adatrace-" /* of a session folder's name */
#define CONTROL_SOCKET        "control"   /* in it */

enum {
    CONTROL_VERB_BYTES = 24,       /* NUL included */
    CONTROL_WORDS_MAX = 64,        /* of a request */
    CONTROL_WORDS_BYTES = 16384,   /* all of them, with their NULs */
    CONTROL_PART_BYTES = 32768,    /* of a body, in one packet */
    CONTROL_BODY_BYTES = 16 << 20, /* of a whole body; what is larger travels as a descriptor */
    CONTROL_FDS_MAX = 4,           /* of an answer */
    CONTROL_PATIENCE_MS = 2000     /* for a peer that does not go on */
};

struct control_request {
    uint64_t magic;
    uint32_t version; /* CONTROL_VERSION */
    uint32_t words_bytes;
    uint32_t word_count;
    uint32_t unused;
    char verb[CONTROL_VERB_BYTES]; /* NUL-terminated */
};

enum control_flags {
    CONTROL_MORE = 1, /* packets of this answer follow */
    CONTROL_KEPT = 2  /* the connection stays: it is to be closed when one has had enough */
};

struct control_answer {
    uint64_t magic;
    uint32_t version;
    int32_t status;      /* the verb's: 0 or more, or a negative errno; the same in every packet */
    uint32_t bytes;      /* of the body, in this packet */
    uint32_t flags;      /* enum control_flags */
    uint64_t body_bytes; /* of the whole body */
};

_Static_assert(sizeof(struct control_request) == 48, "travels between processes");
_Static_assert(offsetof(struct control_request, verb) == 24, "travels between processes");
_Static_assert(sizeof(struct control_answer) == 32, "travels between processes");
_Static_assert(offsetof(struct control_answer, body_bytes) == 24, "travels between processes");

#endif
