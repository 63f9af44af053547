/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/session_client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

/* ---- connecting ---- */

static int peer_check(struct session_client *c)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);

    if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size))
        return -errno;
    c->peer_pid = (uint32_t)peer.pid;
    return peer.uid == geteuid() || peer.uid == 0 || geteuid() == 0 ? 0 : -EPERM;
}

int session_client_open(struct session_client *c, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int err;

    c->fd = -1;
    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    /* Not blocking: a session whose queue is full does not listen. */
    c->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->fd < 0)
        return -errno;
    err = connect(c->fd, (struct sockaddr *)&address, sizeof(address)) ? -errno : peer_check(c);
    if (!err && fcntl(c->fd, F_SETFL, 0)) /* from here on we wait, but not for ever */
        err = -errno;
    if (err)
        session_client_close(c);
    return err;
}

void session_client_close(struct session_client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

/* ---- asking ---- */

static int question_send(const struct session_client *c, const char *verb, unsigned count,
                         const char *const *words)
{
    char packet[sizeof(struct control_request) + CONTROL_WORDS_BYTES];
    struct control_request head = {
        .magic = CONTROL_MAGIC, .version = CONTROL_VERSION, .word_count = count};
    size_t at = sizeof(head);

    if (strlen(verb) >= sizeof(head.verb) || count > CONTROL_WORDS_MAX)
        return -EINVAL;
    strcpy(head.verb, verb);
    for (unsigned i = 0; i < count; i++) {
        size_t size = strlen(words[i]) + 1;

        if (size > sizeof(packet) - at)
            return -E2BIG;
        memcpy(packet + at, words[i], size);
        at += size;
    }
    head.words_bytes = (uint32_t)(at - sizeof(head));
    memcpy(packet, &head, sizeof(head));
    return send(c->fd, packet, at, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Wait for a packet: 0, or -ETIMEDOUT. */
static int packet_await(const struct session_client *c, uint64_t deadline_ns)
{
    struct timeval left = {0}; /* 0: as long as it takes */

    if (deadline_ns) {
        uint64_t now_ns = clock_monotonic_ns();

        if (now_ns >= deadline_ns)
            return -ETIMEDOUT;
        left.tv_sec = (time_t)((deadline_ns - now_ns) / 1000000000);
        left.tv_usec = (suseconds_t)((deadline_ns - now_ns) % 1000000000 / 1000 + 1);
    }
    return setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &left, sizeof(left)) ? -errno : 0;
}

static void descriptors_take(struct session_answer *a, struct msghdr *message)
{
    for (struct cmsghdr *m = CMSG_FIRSTHDR(message); m; m = CMSG_NXTHDR(message, m)) {
        size_t count = (m->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (m->cmsg_level != SOL_SOCKET || m->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < count; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(m) + i * sizeof(int), sizeof(fd));
            if (a->fd_count < CONTROL_FDS_MAX)
                a->fds[a->fd_count++] = fd;
            else
                close(fd);
        }
    }
}

/* One packet: its head, and its part of the body at body + at, where there is room for one. */
static int packet_receive(const struct session_client *c, struct session_answer *a,
                          struct control_answer *head, char *body)
{
    struct iovec pieces[] = {{.iov_base = head, .iov_len = sizeof(*head)},
                             {.iov_base = body, .iov_len = CONTROL_PART_BYTES}};
    union {
        char bytes[CMSG_SPACE(CONTROL_FDS_MAX * sizeof(int))];
        struct cmsghdr aligned;
    } space;
    struct msghdr message = {
        .msg_iov = pieces, .msg_iovlen = 2, .msg_control = &space, .msg_controllen = sizeof(space)};
    ssize_t size;

    do {
        size = recvmsg(c->fd, &message, MSG_CMSG_CLOEXEC);
    } while (size < 0 && errno == EINTR);
    if (size < 0)
        return errno == EAGAIN ? -ETIMEDOUT : -errno;
    if (size == 0)
        return -ECONNRESET;
    descriptors_take(a, &message);
    if ((size_t)size < sizeof(*head) || head->magic != CONTROL_MAGIC ||
        head->version != CONTROL_VERSION || head->bytes != (size_t)size - sizeof(*head) ||
        head->body_bytes > CONTROL_BODY_BYTES)
        return -EPROTO;
    return 0;
}

static int answer_receive(const struct session_client *c, uint64_t deadline_ns,
                          struct session_answer *a)
{
    struct control_answer head = {.flags = CONTROL_MORE};

    while (head.flags & CONTROL_MORE) {
        char *body = realloc(a->body, a->bytes + CONTROL_PART_BYTES + 1);
        int err;

        if (!body)
            return -ENOMEM;
        a->body = body;
        err = packet_await(c, deadline_ns);
        if (!err)
            err = packet_receive(c, a, &head, body + a->bytes);
        if (err)
            return err;
        a->bytes += head.bytes;
        if (a->bytes > head.body_bytes)
            return -EPROTO;
        a->status = head.status;
        a->body[a->bytes] = 0;
    }
    a->is_kept = head.flags & CONTROL_KEPT;
    return a->bytes == head.body_bytes ? 0 : -EPROTO;
}

int session_client_ask(struct session_client *c, const char *verb, unsigned count,
                       const char *const *words, unsigned patience_ms,
                       struct session_answer *answer)
{
    uint64_t deadline_ns =
        patience_ms ? clock_monotonic_ns() + (uint64_t)patience_ms * 1000 * 1000 : 0;
    int err;

    *answer = (struct session_answer){0};
    err = question_send(c, verb, count, words);
    if (!err)
        err = answer_receive(c, deadline_ns, answer);
    if (err || !answer->is_kept)
        session_client_close(c);
    if (err)
        session_answer_free(answer);
    return err;
}

void session_answer_free(struct session_answer *a)
{
    for (unsigned i = 0; i < a->fd_count; i++)
        if (a->fds[i] >= 0)
            close(a->fds[i]);
    free(a->body);
    *a = (struct session_answer){0};
}
