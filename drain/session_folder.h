/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session folder: the private place (0700) of a session's sockets. One thread.
 */
#ifndef ADATRACE_DRAIN_SESSION_FOLDER_H
#define ADATRACE_DRAIN_SESSION_FOLDER_H

#include <sys/un.h>

enum { SESSION_PATH_BYTES = sizeof(((struct sockaddr_un *)0)->sun_path) };

struct session_folder {
    char path[SESSION_PATH_BYTES]; /* "": there is none */
};

/* Below $ADATRACE_RUNTIME_DIR if that is set, else $XDG_RUNTIME_DIR, else /tmp. 0 or a negative
 * errno. */
int session_folder_create(struct session_folder *folder) __attribute__((warn_unused_result));

/* The n-th place (from 0) where folders may be, of this environment; NULL: no more. */
const char *session_folder_parent(unsigned n);

/* Where `name` (at most 7 characters) is in it. */
void session_folder_at(const struct session_folder *folder, const char *name,
                       char path[SESSION_PATH_BYTES]);

/*
 * A listening SOCK_SEQPACKET socket of that name in it, not blocking. Whoever sees the name can
 * connect: it appears when the socket listens already. Returns the descriptor or a negative errno.
 */
int session_folder_listen(const struct session_folder *folder, const char *name)
    __attribute__((warn_unused_result));

/* Remove the sockets and the folder; descriptors are their owners'. 0 or a negative errno:
 * -ENOTEMPTY when there is something else in it. */
int session_folder_remove(struct session_folder *folder);

#endif
