/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that are recorded, made by hand: one that behaves, and one that does not. Each is to be
 * run in a child of its own and never returns.
 */
#ifndef ADATRACE_TESTS_HOSTILE_GUEST_H
#define ADATRACE_TESTS_HOSTILE_GUEST_H

#include <stdint.h>

#include "registry/segment.h"

/* Say hello at the door; *fd becomes the segment's descriptor. 0 or a negative errno. */
int guest_attach(const char *socket_path, struct segment *segment, int *fd);

/* What a process that behaves has done, in memory that its parent sees. */
struct guest_account {
    uint64_t attempted, written, dropped;
};

/* One thread that writes ascending numbers, 64 bits each, type GUEST_TYPE, until `*stop`. */
enum { GUEST_TYPE = 8 };
_Noreturn void guest_behave(const char *socket_path, const uint32_t *stop,
                            struct guest_account *account);

/* `threads` of them scribble until the process is killed, and count their steps where its parent
 * sees it. */
_Noreturn void guest_scribble(const char *socket_path, uint64_t seed, unsigned threads,
                              uint64_t *steps);

#endif
