/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Door: where traced processes come in. A thread of its own answers their hello with a segment, at
 * once, because a program's start waits for it, and hands the other end to the drain.
 */
#ifndef ADATRACE_DRAIN_DOOR_H
#define ADATRACE_DRAIN_DOOR_H

#include "drain/drain.h"
#include "drain/session_folder.h"

struct door;

struct door_options {
    int listen_fd; /* stays the caller's */
    struct drain *drain;
    struct segment_geometry geometry;
    const char *globs; /* copied */
    uint32_t level;
    int watch_fd; /* readable when a process has died: the drain is woken; -1: none */
};

/* 0 or a negative errno; the first segment is made here, so memory that is short shows here. */
int door_open(struct door **out, const struct door_options *options)
    __attribute__((warn_unused_result));
/* Answer nobody any more; frees. */
void door_close(struct door *door);

#endif
