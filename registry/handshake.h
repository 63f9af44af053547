/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handshake: how a traced process gets its segment from the collector.
 *
 * The environment variable ADATRACE_SESSION holds the path of a SOCK_SEQPACKET Unix socket in a
 * directory of mode 0700. The process connects, sends one hello, receives one welcome with the
 * segment's fd (SCM_RIGHTS) or a refusal in words, and closes the socket. Both check the peer's uid
 * (SO_PEERCRED). Plain data; no function here.
 */
#ifndef ADATRACE_REGISTRY_HANDSHAKE_H
#define ADATRACE_REGISTRY_HANDSHAKE_H

#include <stdint.h>

#define HANDSHAKE_ENVIRONMENT "ADATRACE_SESSION"
#define HANDSHAKE_MAGIC       UINT64_C(0x4f4c4c4548414441) /* "ADAHELLO" */
#define HANDSHAKE_VERSION     2u

enum handshake_role {
    HANDSHAKE_AGENT = 1,   /* the preloaded agent */
    HANDSHAKE_LIBRARY = 2, /* libadatrace linked into the program, no agent in it */
    HANDSHAKE_STATIC =
        3, /* a static libadatrace beside an agent: a second segment of this process */
};

struct handshake_hello {
    uint64_t magic;
    uint32_t version;         /* HANDSHAKE_VERSION */
    uint32_t segment_version; /* SEGMENT_VERSION */
    uint32_t role;
    uint32_t page_bytes;
    uint64_t start_ticks; /* now */
    uint32_t machine;     /* MACHINE_KIND: since version 2 */
    uint32_t unused;
};

/* Whose hello is at least so long, of any version, can be told what is wrong with it. */
enum { HANDSHAKE_HELLO_LEAST = 16 };

struct handshake_welcome {
    uint64_t magic;
    uint32_t version;
    int32_t status; /* 0: the fd comes with it; else a negative errno */
    char text[112]; /* why not, for people; NUL-terminated */
};

_Static_assert(sizeof(struct handshake_hello) == 40, "travels between processes");
_Static_assert(sizeof(struct handshake_welcome) == 128, "travels between processes");

#endif
