/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/session_folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drain/control_protocol.h"

enum { BACKLOG = 1024 }; /* a process that finds the queue full would have to wait */

/* The longest name in a folder: its path leaves room for it in a socket's address. */
enum { LONGEST_BYTES = sizeof("/" CONTROL_SOCKET) };
static const char unborn[] = "new"; /* of a socket that does not listen yet */

const char *session_folder_parent(unsigned n)
{
    const char *only = getenv("ADATRACE_RUNTIME_DIR"), *own = getenv("XDG_RUNTIME_DIR");

    if (only && only[0] == '/')
        return n == 0 ? only : NULL;
    if (own && own[0] == '/')
        return n == 0 ? own : n == 1 ? "/tmp" : NULL;
    return n == 0 ? "/tmp" : NULL;
}

static int folder_make(struct session_folder *f, const char *parent)
{
    size_t most = sizeof(f->path) - LONGEST_BYTES;

    if ((size_t)snprintf(f->path, most, "%s/" CONTROL_FOLDER_PREFIX "XXXXXX", parent) >= most)
        return -ENAMETOOLONG;
    return mkdtemp(f->path) ? 0 : -errno; /* 0700, whatever the umask */
}

int session_folder_create(struct session_folder *f)
{
    const char *parent;
    int err = -ENOENT;

    for (unsigned n = 0; (parent = session_folder_parent(n)); n++) {
        err = folder_make(f, parent);
        if (!err)
            return 0;
    }
    f->path[0] = 0;
    return err;
}

void session_folder_at(const struct session_folder *f, const char *name,
                       char path[SESSION_PATH_BYTES])
{
    snprintf(path, SESSION_PATH_BYTES, "%.*s/%s", (int)(SESSION_PATH_BYTES - LONGEST_BYTES),
             f->path, name);
}

int session_folder_listen(const struct session_folder *f, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[SESSION_PATH_BYTES];
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err;

    if (fd < 0)
        return -errno;
    session_folder_at(f, unborn, address.sun_path);
    session_folder_at(f, name, path);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, BACKLOG) ||
        rename(address.sun_path, path)) {
        err = -errno;
        unlink(address.sun_path);
        close(fd);
        return err;
    }
    return fd;
}

int session_folder_remove(struct session_folder *f)
{
    static const char *const names[] = {"socket", CONTROL_SOCKET, unborn};
    char path[SESSION_PATH_BYTES];
    int err;

    if (!f->path[0])
        return 0;
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        session_folder_at(f, names[i], path);
        unlink(path);
    }
    err = rmdir(f->path) ? -errno : 0;
    f->path[0] = 0;
    return err;
}
