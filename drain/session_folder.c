/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/session_folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024 }; /* a process that finds the queue full would have to wait */

static int folder_make(struct session_folder *f, const char *parent)
{
    if (!parent || parent[0] != '/')
        return -ENOENT;
    /* Room for the socket's name in the folder's path means room in the socket's address. */
    if ((size_t)snprintf(f->path, sizeof(f->path) - sizeof("/socket"), "%s/adatrace-XXXXXX",
                         parent) >= sizeof(f->path) - sizeof("/socket"))
        return -ENAMETOOLONG;
    return mkdtemp(f->path) ? 0 : -errno; /* 0700, whatever the umask */
}

static int socket_make(struct session_folder *f)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err = 0;

    if (fd < 0)
        return -errno;
    memcpy(address.sun_path, f->socket, sizeof(address.sun_path));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, BACKLOG)) {
        err = -errno;
        close(fd);
        return err;
    }
    return fd;
}

int session_folder_create(struct session_folder *f)
{
    int err;

    memset(f, 0, sizeof(*f));
    f->socket_fd = -1;
    err = folder_make(f, getenv("XDG_RUNTIME_DIR"));
    if (err)
        err = folder_make(f, "/tmp");
    if (err) {
        f->path[0] = 0;
        return err;
    }
    snprintf(f->socket, sizeof(f->socket), "%.*s/socket",
             (int)(sizeof(f->socket) - sizeof("/socket")), f->path);
    f->socket_fd = socket_make(f);
    if (f->socket_fd < 0) {
        err = f->socket_fd;
        session_folder_remove(f);
        return err;
    }
    return 0;
}

void session_folder_remove(struct session_folder *f)
{
    if (f->socket_fd >= 0)
        close(f->socket_fd);
    f->socket_fd = -1;
    if (!f->path[0])
        return;
    unlink(f->socket);
    rmdir(f->path);
    f->path[0] = 0;
}
