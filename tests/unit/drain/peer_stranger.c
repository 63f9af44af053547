/* SPDX-License-Identifier: Apache-2.0 */
#include "peer_stranger.h"

#include <fcntl.h>
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

/* At _exit(), and at a signal, memcheck looks for leaks first, also in rings that a child has not,
 * and for longer than a guest may be silent: another program has none. */
static void connect_and_go(int fd, const struct sockaddr_un *address, uint32_t uid, int told_fd)
{
    char outcome = (char)connect_as(fd, address, uid);

    (void)!write(told_fd, &outcome, 1);
    execl("/bin/true", "true", (char *)NULL);
    _exit(1);
}

int peer_stranger_connect(const char *path, uint32_t uid)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), told[2];
    char outcome = STRANGER_REFUSED;
    pid_t child;

    assert_true(fd >= 0 && strlen(path) < sizeof(address.sun_path));
    assert_int_equal(pipe2(told, O_CLOEXEC), 0);
    strcpy(address.sun_path, path);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        connect_and_go(fd, &address, uid, told[1]);
    close(told[1]);
    assert_int_equal(read(told[0], &outcome, 1), 1);
    close(told[0]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_not_equal(outcome, STRANGER_REFUSED);
    if (outcome == STRANGER_CONNECTED)
        return fd;
    close(fd);
    return -1;
}
