/* SPDX-License-Identifier: Apache-2.0 */
#include "peer_stranger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { STRANGER_CONNECTED = 0, STRANGER_REFUSED = 1, STRANGER_NOBODY = 2 };

/* As that user for whoever looks at the socket, as root for the folders on the way to it. */
static int connect_as(int fd, const struct sockaddr_un *address, uint32_t uid)
{
    if (setresuid((uid_t)-1, uid, (uid_t)-1) != 0)
        return STRANGER_NOBODY;
    setfsuid(0);
    return connect(fd, (const struct sockaddr *)address, sizeof(*address)) ? STRANGER_REFUSED
                                                                           : STRANGER_CONNECTED;
}

int peer_stranger_connect(const char *path, uint32_t uid)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), status;
    pid_t child;

    assert_true(fd >= 0 && strlen(path) < sizeof(address.sun_path));
    strcpy(address.sun_path, path);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(connect_as(fd, &address, uid));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) != STRANGER_REFUSED);
    if (WEXITSTATUS(status) == STRANGER_CONNECTED)
        return fd;
    close(fd);
    return -1;
}
