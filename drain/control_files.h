/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs about a session's files.
 *
 *     rotate                         go on in another file; the answer is its path
 *     snapshot PATH REPLACE BEFORE   write a snapshot: PATH absolute or "" for the next free name,
 *                                    REPLACE "1" when it may be there, BEFORE nanoseconds or "0"
 *
 * Writing a snapshot takes its time, and nobody else waits for it: the answer is a socket, on which
 * one control_snapshot comes when it is there, or which ends without when the session does.
 * On the verbs' thread.
 */
#ifndef ADATRACE_DRAIN_CONTROL_FILES_H
#define ADATRACE_DRAIN_CONTROL_FILES_H

#include <stddef.h>
#include <stdint.h>

struct control_context;

int control_rotate(struct control_context *context);
int control_snapshot(struct control_context *context);

struct control_snapshot {
    int32_t status; /* 0 or a negative errno */
    uint32_t unused;
    uint64_t file_bytes;
    char path[4096]; /* of the file, NUL-terminated */
};
_Static_assert(sizeof(struct control_snapshot) == 4112, "travels between processes");
_Static_assert(offsetof(struct control_snapshot, path) == 16, "travels between processes");

#endif
