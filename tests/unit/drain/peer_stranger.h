/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection that a process of another user made, as the kernel knows it: nothing is pretended.
 * Only root can be another user, and is let into our folder all the same.
 */
#ifndef ADATRACE_TESTS_PEER_STRANGER_H
#define ADATRACE_TESTS_PEER_STRANGER_H

#include <stdint.h>

/* A packet socket connected to `path` by a process of user `uid`, which has ended by then. -1: we
 * cannot be that user. The caller closes it. */
int peer_stranger_connect(const char *path, uint32_t uid);

#endif
