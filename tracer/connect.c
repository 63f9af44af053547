/* SPDX-License-Identifier: Apache-2.0 */
/* Joining the collector's session: one hello, one welcome with the segment's descriptor, and both
 * are closed again. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/crash_point.h"
#include "base/machine_kind.h"
#include "registry/handshake.h"
#include "tracer/tracer_state.h"

enum { PATIENCE_SECONDS = 2 }; /* a collector that does not answer must not hold the program up */

static int connect_to(const char *path)
{
    const struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd, err;

    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) ||
        connect(fd, (struct sockaddr *)&address, sizeof(address))) {
        err = -errno;
        close(fd);
        return err;
    }
    return fd;
}

/* The segment may hold whatever its creator likes, so it has to be one of us, or root. */
static int check_peer(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size))
        return -errno;
    return peer.uid == geteuid() || peer.uid == getuid() || peer.uid == 0 ? 0 : -EPERM;
}

static int say_hello(int fd, enum handshake_role role)
{
    struct handshake_hello hello = {
        .magic = HANDSHAKE_MAGIC,
        .version = HANDSHAKE_VERSION,
        .segment_version = SEGMENT_VERSION,
        .role = role,
        .page_bytes = (uint32_t)sysconf(_SC_PAGESIZE),
        .start_ticks = ada_ticks(),
        .machine = MACHINE_KIND,
    };

    return send(fd, &hello, sizeof(hello), MSG_NOSIGNAL) == sizeof(hello) ? 0 : -errno;
}

enum { FDS_MAX = 2 }; /* that fit beside a welcome: an int's space is padded to two */
_Static_assert(CMSG_SPACE(sizeof(int)) == CMSG_LEN(FDS_MAX * sizeof(int)), "no more can come");

/* The one descriptor that came; -1: none, or more, and these are closed. */
static int take_descriptor(const struct msghdr *message)
{
    const struct cmsghdr *c = CMSG_FIRSTHDR(message);
    int fds[FDS_MAX];
    size_t count;

    if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
        return -1;
    count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(fds, CMSG_DATA(c), count * sizeof(int));
    if (count == 1)
        return fds[0];
    while (count--)
        close(fds[count]);
    return -1;
}

/* Returns the segment's descriptor. */
static int hear_welcome(int fd)
{
    struct handshake_welcome welcome;
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } control;
    struct iovec piece = {.iov_base = &welcome, .iov_len = sizeof(welcome)};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    ssize_t got;
    int segment;

    do {
        got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    segment = take_descriptor(&message);
    /* cppcheck-suppress uninitvar ; recvmsg() has filled it in, through `piece` */
    if (got == sizeof(welcome) && welcome.magic == HANDSHAKE_MAGIC && !welcome.status &&
        segment >= 0)
        return segment;
    if (segment >= 0)
        close(segment);
    return got == sizeof(welcome) && welcome.status < 0 ? welcome.status : -EPROTO;
}

/* Nobody may be able to cut short what this process is about to map, or it dies of a SIGBUS: memory
 * has to be sealed against it. A file cannot be, so it has to be of somebody who may end us anyway.
 */
static int check_memory(int fd)
{
    const int seals = F_SEAL_SHRINK | F_SEAL_GROW;
    int there = fcntl(fd, F_GET_SEALS);
    struct stat file;

    /* A file on a tmpfs has seals as well, and none of them can be set but the seal of seals. */
    if (there >= 0 && there != F_SEAL_SEAL)
        return (there & seals) == seals ? 0 : -EBADMSG;
    if (fstat(fd, &file))
        return -errno;
    return S_ISREG(file.st_mode) && file.st_nlink > 0 &&
                   (file.st_uid == geteuid() || file.st_uid == 0) &&
                   !(file.st_mode & (S_IWGRP | S_IWOTH))
               ? 0
               : -EBADMSG;
}

int tracer_attach_socket(const char *path, enum handshake_role role)
{
    struct segment segment;
    int fd = connect_to(path), memory = -1, err;

    if (fd < 0)
        return fd;
    err = check_peer(fd);
    if (!err)
        err = say_hello(fd, role);
    if (!err)
        err = memory = hear_welcome(fd);
    CRASH_POINT("attach.welcomed");
    close(fd);
    if (err < 0)
        return err;
    err = check_memory(memory);
    if (!err)
        err = segment_map(&segment, memory);
    close(memory);
    if (err)
        return err;
    tracer_state.role = role;
    return tracer_attach_segment(&segment);
}

int tracer_attach_from_environment(enum handshake_role role)
{
    const char *path = getenv(HANDSHAKE_ENVIRONMENT);
    int saved = errno, err;

    if (tracer_is_attached())
        return 0;
    err = path && *path ? tracer_attach_socket(path, role) : -ENOENT;
    errno = saved;
    return err;
}
