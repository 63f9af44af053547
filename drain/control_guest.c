/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/control_guest.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/clock.h"

/* ---- descriptors ---- */

int descriptor_mark(int fd, uint64_t *mark)
{
    struct stat status;

    if (fd < 0 || fstat(fd, &status) || !S_ISSOCK(status.st_mode))
        return -EBADF;
    *mark = status.st_ino; /* every socket of the system has its own */
    return 0;
}

bool descriptor_is(int fd, uint64_t mark)
{
    uint64_t now;

    return descriptor_mark(fd, &now) == 0 && now == mark;
}

/* ---- hearing ---- */

static void guest_refuse(struct control_guest *g, int status, const char *why)
{
    g->answer.status = answer_fail(&g->answer, status, "%s", why);
}

static bool peer_is_ours(const struct ucred *peer)
{
    return peer->uid == geteuid() || peer->uid == 0;
}

/* Its one request. `packet` is NUL-terminated behind `size`. */
static void request_take(struct control_guest *g, struct control *control, const char *packet,
                         size_t size)
{
    struct control_request request;
    int lane;

    if (size < sizeof(request))
        return guest_refuse(g, -EPROTO, "that is no request");
    memcpy(&request, packet, sizeof(request));
    if (request.magic != CONTROL_MAGIC)
        return guest_refuse(g, -EPROTO, "that is no request");
    if (request.version != CONTROL_VERSION) {
        g->answer.status = answer_fail(
            &g->answer, -EPROTONOSUPPORT,
            "this session speaks control protocol %u, the request is of %u: use those of one "
            "version",
            CONTROL_VERSION, request.version);
        return;
    }
    if (request.words_bytes != size - sizeof(request) || request.verb[CONTROL_VERB_BYTES - 1] != 0)
        return guest_refuse(g, -EPROTO, "the request is not as long as it says");
    lane = verb_lane(control, request.verb);
    if (lane >= 0)
        return control_work(control, lane, g, packet, size);
    verb_call(control, &request, packet + sizeof(request), size - sizeof(request), g->pid,
              &g->answer);
}

/* It asks for what has to wait until another's verb has ended: it stays unread until then. The lane
 * of both, or -1. */
static int waits_for(const struct control_guest *g, struct control *control)
{
    struct control_request request;
    int lane;

    if (recv(g->fd, &request, sizeof(request), MSG_DONTWAIT | MSG_PEEK) != sizeof(request) ||
        request.magic != CONTROL_MAGIC)
        return -1;
    request.verb[CONTROL_VERB_BYTES - 1] = 0;
    lane = verb_lane(control, request.verb);
    return lane >= 0 && control_is_busy(control, lane) ? lane : -1;
}

/* Hung up, with its request still unread: whoever lost patience asks again, and what nobody waits
 * for any more is not done before that. */
static bool peer_has_gone(int fd)
{
    struct pollfd peer = {.fd = fd, .events = POLLRDHUP};

    return poll(&peer, 1, 0) > 0 && (peer.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

/* False: it has gone. */
static bool guest_hear(struct control_guest *g, struct control *control)
{
    char packet[sizeof(struct control_request) + CONTROL_WORDS_BYTES + 1];
    struct ucred peer = {0};
    socklen_t peer_size = sizeof(peer);
    ssize_t size;

    g->waits_lane = waits_for(g, control);
    if (g->waits_lane >= 0) {
        g->waits_ns = g->waits_ns ? g->waits_ns : g->since_ns;
        g->since_ns = clock_monotonic_ns(); /* nor is another's */
        return true;
    }
    size = recv(g->fd, packet, sizeof(packet) - 1, MSG_DONTWAIT | MSG_TRUNC);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (size <= 0 || getsockopt(g->fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_size) ||
        peer_has_gone(g->fd))
        return false;
    g->waits_ns = 0;
    g->pid = (uint32_t)peer.pid;
    g->state = GUEST_HEARS;
    g->answer.may_keep = control_may_keep(control);
    if (!peer_is_ours(&peer)) {
        guest_refuse(g, -EPERM, "this session belongs to another user");
    } else if ((size_t)size > sizeof(packet) - 1) {
        guest_refuse(g, -E2BIG, "the request is too long");
    } else {
        packet[size] = 0;
        g->since_ns = clock_monotonic_ns();
        request_take(g, control, packet, (size_t)size);
    }
    return true;
}

/* ---- answering ---- */

static void descriptors_attach(const struct answer *a, struct msghdr *message, char *space,
                               size_t size)
{
    struct cmsghdr *c;

    memset(space, 0, size);
    message->msg_control = space;
    message->msg_controllen = CMSG_SPACE(a->fd_count * sizeof(int));
    c = CMSG_FIRSTHDR(message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(a->fd_count * sizeof(int));
    memcpy(CMSG_DATA(c), a->fds, a->fd_count * sizeof(int));
}

/* One packet. Returns 0 or a negative errno. */
static int part_send(struct control_guest *g)
{
    const struct answer *a = &g->answer;
    size_t left = a->bytes - g->sent;
    size_t bytes = left < CONTROL_PART_BYTES ? left : CONTROL_PART_BYTES;
    struct control_answer head = {
        .magic = CONTROL_MAGIC,
        .version = CONTROL_VERSION,
        .status = a->status,
        .bytes = (uint32_t)bytes,
        .flags = (bytes < left ? CONTROL_MORE : 0) | (a->gone ? CONTROL_KEPT : 0),
        .body_bytes = a->bytes,
    };
    struct iovec pieces[] = {{.iov_base = &head, .iov_len = sizeof(head)},
                             {.iov_base = a->body ? a->body + g->sent : NULL, .iov_len = bytes}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = bytes ? 2 : 1};
    union {
        char bytes[CMSG_SPACE(CONTROL_FDS_MAX * sizeof(int))];
        struct cmsghdr aligned;
    } space;

    if (!g->begun && a->fd_count)
        descriptors_attach(a, &message, space.bytes, sizeof(space));
    if (sendmsg(g->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        return -errno;
    g->begun = true;
    g->sent += bytes;
    return 0;
}

/* As much as goes. False: done with it. */
static bool guest_tell(struct control_guest *g, uint64_t now_ns)
{
    do {
        int err = part_send(g);

        if (err == -EAGAIN || err == -EINTR)
            return true;
        if (err)
            return false;
        if (now_ns > g->since_ns)
            g->since_ns = now_ns;
    } while (g->sent < g->answer.bytes);
    if (!g->answer.gone)
        return false;
    g->state = GUEST_KEPT;
    return true;
}

/* ---- its life ---- */

void guest_begin(struct control_guest *g, int fd, uint64_t now_ns)
{
    *g = (struct control_guest){.fd = -1, .since_ns = now_ns};
    if (descriptor_mark(fd, &g->mark)) {
        close(fd);
        return;
    }
    /* Release: a child that another thread forks off now finds mark and descriptor together. */
    store_release(&g->fd, fd);
}

void guest_end(struct control_guest *g)
{
    int fd = g->fd;

    store_release(&g->fd, -1); /* first, as in guest_begin(): nobody else may take it for ours */
    if (descriptor_is(fd, g->mark))
        close(fd);
    answer_fini(&g->answer);
}

short guest_events(const struct control_guest *g)
{
    return g->waits_ns               ? POLLRDHUP
           : g->state == GUEST_ASKS  ? POLLIN
           : g->state == GUEST_HEARS ? POLLOUT
                                     : POLLRDHUP;
}

bool guest_turn(struct control_guest *g, struct control *control, short revents, uint64_t now_ns)
{
    const uint64_t patience_ns = (uint64_t)CONTROL_PATIENCE_MS * 1000 * 1000;

    if (!descriptor_is(g->fd, g->mark))
        return false;
    if (g->state == GUEST_KEPT)
        return !(revents & (POLLHUP | POLLRDHUP | POLLERR | POLLNVAL));
    if (g->state == GUEST_RUNS)
        return true;
    if (g->waits_ns && (revents & (POLLHUP | POLLRDHUP | POLLERR | POLLNVAL)))
        return false;
    if (g->state == GUEST_ASKS && !guest_hear(g, control))
        return false;
    if (g->state == GUEST_RUNS)
        return true;
    if (g->state == GUEST_HEARS && !guest_tell(g, now_ns))
        return false;
    return g->state == GUEST_KEPT || now_ns < g->since_ns + patience_ns;
}
