/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session client: one question to a running session, and its answer
 * (drain/control_protocol.h). A connection carries one question. One thread.
 */
#ifndef ADATRACE_CLI_SESSION_CLIENT_H
#define ADATRACE_CLI_SESSION_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drain/control_protocol.h"

struct session_answer {
    int status;   /* the verb's; negative: body says why, in words */
    bool is_kept; /* the connection stays open: session_client_close() tells that we have gone */
    char *body;   /* NUL behind it; never NULL after success of session_client_ask() */
    size_t bytes;
    int fds[CONTROL_FDS_MAX]; /* the answer's until they are taken by setting them to -1 */
    unsigned fd_count;
};

struct session_client {
    int fd;            /* -1: closed */
    uint32_t peer_pid; /* whose thread answers */
};

/*
 * Connect to the control socket at `path`. 0, or a negative errno: -ECONNREFUSED and -ENOENT:
 * nobody is there any more; -EAGAIN: it has no time right now; -EPERM: it is another user's.
 */
int session_client_open(struct session_client *client, const char *path)
    __attribute__((warn_unused_result));

/*
 * Ask, wait for the whole answer, and unless it is kept, close. 0: there is an answer, and whether
 * it is a good one tells answer->status; session_answer_free() it. A negative errno: there is none;
 * -ETIMEDOUT: not within patience_ms (0: as long as it takes), -EPROTO: that is no adatrace, or one
 * of another version.
 */
int session_client_ask(struct session_client *client, const char *verb, unsigned count,
                       const char *const *words, unsigned patience_ms,
                       struct session_answer *answer) __attribute__((warn_unused_result));

void session_client_close(struct session_client *client);
/* Body and descriptors. An answer of zeroes is fine. */
void session_answer_free(struct session_answer *answer);

#endif
