/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session folder: the private place (0700) of a recording's socket. One thread.
 */
#ifndef ADATRACE_DRAIN_SESSION_FOLDER_H
#define ADATRACE_DRAIN_SESSION_FOLDER_H

#include <sys/un.h>

struct session_folder {
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    char socket[sizeof(((struct sockaddr_un *)0)->sun_path)];
    int socket_fd; /* listening, SOCK_SEQPACKET, not blocking */
};

/* Below $XDG_RUNTIME_DIR, else /tmp. 0 or a negative errno. */
int session_folder_create(struct session_folder *folder) __attribute__((warn_unused_result));
/* Close the socket and remove everything. */
void session_folder_remove(struct session_folder *folder);

#endif
