/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/door.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crash_point.h"
#include "base/machine_kind.h"
#include "base/own_thread.h"
#include "drain/life.h"
#include "drain/process_watch.h"
#include "drain/steer.h"
#include "registry/handshake.h"
#include "registry/registry.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* since Linux 6.5 */
#endif

enum {
    GUESTS_MAX = 1024,  /* who have connected and not said hello yet */
    RINGS_AT_START = 1, /* allocated; most programs have one thread */
    REFUSALS_TOLD = 64, /* notes in the trace, at most */
    FDS_OWN = 3,
    PATIENCE_MS = 2000,
    CROWDED_PATIENCE_MS = 500, /* with guests who wait outside */
    DEATH_PAUSE_MS = 10        /* until the drain has seen to it, or there may be a place again */
};

struct guest {
    int fd;
    uint64_t since_ns;
};

struct door {
    struct door_options options;
    char globs[SEGMENT_GLOBS_BYTES];
    struct segment spare; /* ready for the next process; shared NULL: none */
    uint64_t warm_bytes;  /* of its first ring that are there, while it is for the first process */
    int wake_fd;
    struct own_thread thread;
    struct guest guests[GUESTS_MAX];
    unsigned guest_count;
    bool is_crowded; /* somebody waits outside: no place, or no descriptor */
    unsigned refusals;
    struct life life; /* of this thread: holds segments until the drain does */
    uint32_t given;   /* so many, to the drain */
};

/* ---- segments ---- */

static int segment_make(struct door *door, struct segment *segment)
{
    int err = segment_create(segment, &door->options.geometry, NULL);

    if (err)
        return err;
    segment_keep_from_forks(segment); /* symbols are looked up in a child */
    err = switches_begin(segment, door->globs, door->options.level);
    if (!err)
        err = registry_prepare(segment, RINGS_AT_START);
    if (err < 0) {
        segment_destroy(segment);
        return err;
    }
    registry_spare(segment, REGISTRY_SPARE);
    return 0;
}

/* Made ahead: pages that are cleared already are what makes the answer quick. */
static void spare_make(struct door *door)
{
    if (!door->spare.shared && segment_make(door, &door->spare))
        door->spare.shared = NULL;
}

static int segment_take(struct door *door, struct segment *segment)
{
    if (!door->spare.shared)
        return segment_make(door, segment);
    /* What is left of it: a millisecond or two, when the program was quick. */
    if (door->warm_bytes < door->options.geometry.ring_bytes)
        (void)!registry_extend(&door->spare, 0, door->options.geometry.ring_bytes);
    door->warm_bytes = UINT64_MAX;
    *segment = door->spare;
    door->spare.shared = NULL;
    return 0;
}

/*
 * While the first program is on its way: all of its first thread's ring. It is what the recording
 * is about; of other processes, of which there may be thousands, only the beginning is made ready.
 * False: there is nothing left to do.
 */
static bool spare_warm(struct door *door)
{
    if (door->warm_bytes >= door->options.geometry.ring_bytes)
        return false;
    door->warm_bytes += REGISTRY_EAGER_BYTES; /* a moment */
    return registry_extend(&door->spare, 0, door->warm_bytes) == 0;
}

/* ---- the answer ---- */

static int welcome_send(int fd, int status, const char *text, int segment_fd)
{
    struct handshake_welcome welcome = {
        .magic = HANDSHAKE_MAGIC, .version = HANDSHAKE_VERSION, .status = status};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } control = {0};
    struct iovec piece = {.iov_base = &welcome, .iov_len = sizeof(welcome)};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};

    snprintf(welcome.text, sizeof(welcome.text), "%s", text);
    if (segment_fd >= 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof(control);
        control.aligned.cmsg_level = SOL_SOCKET;
        control.aligned.cmsg_type = SCM_RIGHTS;
        control.aligned.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.aligned), &segment_fd, sizeof(int));
    }
    return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

static void refusal_tell(struct door *door, uint32_t pid, const char *text)
{
    char note[256];

    if (door->refusals++ >= REFUSALS_TOLD)
        return;
    snprintf(note, sizeof(note), "process %u is not traced: %s", pid, text);
    drain_note(door->options.drain, TRACE_NOTE_WARNING, note);
}

static void refuse(struct door *door, int fd, uint32_t pid, int status, const char *text)
{
    (void)welcome_send(fd, status, text, -1);
    refusal_tell(door, pid, text);
}

/* Why this hello is not good enough, in words; NULL: it is. */
static const char *objection(const struct handshake_hello *hello, ssize_t size,
                             const struct ucred *peer, char *text, size_t text_size, int *status)
{
    *status = -EPERM;
    if (peer->uid != geteuid() && peer->uid != 0)
        return "it belongs to another user";
    *status = -EPROTO;
    if (size >= HANDSHAKE_HELLO_LEAST && hello->magic == __builtin_bswap64(HANDSHAKE_MAGIC)) {
        *status = -EPROTONOSUPPORT;
        return "it runs on a machine of the other byte order, in an emulator";
    }
    if (size < HANDSHAKE_HELLO_LEAST || hello->magic != HANDSHAKE_MAGIC)
        return "it does not speak adatrace's language";
    *status = -EPROTONOSUPPORT;
    if (hello->version != HANDSHAKE_VERSION || hello->segment_version != SEGMENT_VERSION) {
        snprintf(text, text_size,
                 "its adatrace has protocol %u.%u, this command has %u.%u: use those of one "
                 "version",
                 hello->version, hello->segment_version, HANDSHAKE_VERSION, SEGMENT_VERSION);
        return text;
    }
    *status = -EPROTO;
    if (size != sizeof(*hello))
        return "it does not speak adatrace's language";
    *status = -EPROTONOSUPPORT;
    if (hello->machine != MACHINE_KIND) {
        snprintf(text, text_size,
                 "it is built for %s, and runs in an emulator whose clock is not ours: record "
                 "with an adatrace of that machine",
                 machine_kind_name(hello->machine));
        return text;
    }
    *status = -EINVAL;
    if (hello->role < HANDSHAKE_AGENT || hello->role > HANDSHAKE_STATIC)
        return "it says hello in a role that is not known";
    return NULL;
}

static int peer_pidfd(int fd, uint32_t pid)
{
    int pidfd = -1;
    socklen_t size = sizeof(pidfd);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) == 0)
        return pidfd;
    /* It is waiting for our answer, so the pid is still its own. */
    pidfd = process_watch_open(pid);
    return pidfd < 0 ? -1 : pidfd;
}

struct promise {
    int fd, segment_fd;
};

static int rings_promise(void *context)
{
    const struct promise *p = context;
    int err = welcome_send(p->fd, 0, "", p->segment_fd);

    CRASH_POINT("door.given");
    return err;
}

static void guest_admit(struct door *door, int fd, const struct handshake_hello *hello,
                        uint32_t pid)
{
    struct drain_attachment a = {.pid = pid, .second = hello->role == HANDSHAKE_STATIC};
    struct promise promise = {.fd = fd};
    char text[112];
    int err = segment_take(door, &a.segment);

    if (err) {
        snprintf(text, sizeof(text), "there is no memory for its rings (%s)",
                 strerrordesc_np(-err));
        refuse(door, fd, pid, err, text);
        return;
    }
    CRASH_POINT("door.taken");
    a.ticks = clock_source_ticks((enum clock_source)door->options.geometry.clock);
    a.pidfd = peer_pidfd(fd, pid);
    /* Now, while it waits: a short program is gone before the drain looks. */
    proc_facts_read(pid, &a.facts);
    a.is_child = a.facts.parent_pid == (uint32_t)getpid();
    a.steered = steer_dress(door->options.drain, &a.segment);
    /* Those that it has not taken yet stay in the list, behind this one; what is behind them is its
     * own. */
    if (drain_attached(door->options.drain) == door->given)
        life_clear(&door->life);
    life_add(&door->life, &a.segment);
    /* Once it has the rings, somebody has to empty them. */
    promise.segment_fd = a.segment.fd;
    err = drain_attach_promised(door->options.drain, &a, rings_promise, &promise);
    door->given += !err;
    if (!err)
        return;
    snprintf(text, sizeof(text), "it could not be given rings (%s)", strerrordesc_np(-err));
    refuse(door, fd, pid, err, text);
    life_drop(&door->life, &a.segment);
    segment_destroy(&a.segment);
    proc_facts_free(&a.facts);
    if (a.pidfd >= 0)
        close(a.pidfd);
}

static uint64_t patience_ns(const struct door *door)
{
    return (uint64_t)(door->is_crowded ? CROWDED_PATIENCE_MS : PATIENCE_MS) * 1000000;
}

/* Who says nothing is told why nobody listens any more. True: that is over. */
static bool guest_outwait(const struct door *door, const struct guest *guest)
{
    if (clock_monotonic_ns() - guest->since_ns <= patience_ns(door))
        return false;
    (void)welcome_send(guest->fd, -ETIMEDOUT, "it said nothing for too long", -1);
    return true;
}

/* True: the guest has been dealt with. */
static bool guest_hear(struct door *door, struct guest *guest)
{
    struct handshake_hello hello;
    struct ucred peer = {0};
    socklen_t peer_size = sizeof(peer);
    char text[112];
    const char *why;
    int status;
    ssize_t size = recv(guest->fd, &hello, sizeof(hello), MSG_DONTWAIT | MSG_TRUNC);

    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return guest_outwait(door, guest);
    if (size <= 0 || getsockopt(guest->fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_size))
        return true;
    why = objection(&hello, size, &peer, text, sizeof(text), &status);
    if (why)
        refuse(door, guest->fd, (uint32_t)peer.pid, status, why);
    else
        guest_admit(door, guest->fd, &hello, (uint32_t)peer.pid);
    return true;
}

/* ---- the thread ---- */

static void guests_accept(struct door *door)
{
    door->is_crowded = false;
    while (door->guest_count < GUESTS_MAX) {
        int fd = accept4(door->options.listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd < 0) {
            /* No descriptor, no memory: who waits outside would be told of again and again. */
            door->is_crowded = errno != EAGAIN && errno != EINTR && errno != ECONNABORTED;
            return;
        }
        door->guests[door->guest_count++] =
            (struct guest){.fd = fd, .since_ns = clock_monotonic_ns()};
    }
    door->is_crowded = true;
}

static void guests_hear(struct door *door)
{
    for (unsigned i = 0; i < door->guest_count;) {
        if (!guest_hear(door, &door->guests[i])) {
            i++;
            continue;
        }
        close(door->guests[i].fd);
        door->guests[i] = door->guests[--door->guest_count];
    }
}

/* How long to wait for something to happen; -1: for ever. Who waits outside cannot be polled for.
 */
static int pause_ms(struct door *door, bool told)
{
    if (spare_warm(door))
        return 0;
    if (told || door->is_crowded)
        return DEATH_PAUSE_MS;
    return door->guest_count ? PATIENCE_MS : -1;
}

static void door_listen(struct door *door)
{
    struct pollfd fds[GUESTS_MAX + FDS_OWN];
    bool told = false;

    for (;;) {
        fds[0] = (struct pollfd){.fd = door->wake_fd, .events = POLLIN};
        fds[1] = (struct pollfd){.fd = door->is_crowded ? -1 : door->options.listen_fd,
                                 .events = POLLIN};
        fds[2] = (struct pollfd){.fd = told ? -1 : door->options.watch_fd, .events = POLLIN};
        for (unsigned i = 0; i < door->guest_count; i++)
            fds[i + FDS_OWN] = (struct pollfd){.fd = door->guests[i].fd, .events = POLLIN};
        if (poll(fds, door->guest_count + FDS_OWN, pause_ms(door, told)) < 0) {
            /* Without memory for it the kernel has not looked: a moment later, perhaps. */
            if (errno != EINTR)
                nanosleep(&(struct timespec){.tv_nsec = DEATH_PAUSE_MS * 1000000}, NULL);
            continue;
        }
        if (fds[0].revents)
            return;
        told = fds[2].revents != 0;
        if (told)
            drain_wake(door->options.drain);
        guests_accept(door);
        guests_hear(door);
        spare_make(door);
    }
}

static void *door_run(void *argument)
{
    struct door *door = argument;

    life_begin(&door->life);
    door_listen(door);
    life_clear(&door->life);
    return NULL;
}

/* ---- open and close ---- */

int door_open(struct door **out, const struct door_options *options)
{
    struct door *door = calloc(1, sizeof(*door));
    int err;

    if (!door)
        return -ENOMEM;
    door->options = *options;
    err = -ENAMETOOLONG;
    if ((size_t)snprintf(door->globs, sizeof(door->globs), "%s",
                         options->globs ? options->globs : "") >= sizeof(door->globs))
        goto fail;
    door->wake_fd = eventfd(0, EFD_CLOEXEC);
    err = door->wake_fd < 0 ? -errno : segment_make(door, &door->spare);
    if (!err)
        err = own_thread_start(&door->thread, "adatrace-door", 0, door_run, door);
    if (err)
        goto fail_fd;
    *out = door;
    return 0;
fail_fd:
    if (door->spare.shared)
        segment_destroy(&door->spare);
    if (door->wake_fd >= 0)
        close(door->wake_fd);
fail:
    free(door);
    return err;
}

void door_close(struct door *door)
{
    if (!door)
        return;
    (void)!eventfd_write(door->wake_fd, 1); /* once: the count cannot be full */
    pthread_join(door->thread.id, NULL);
    for (unsigned i = 0; i < door->guest_count; i++)
        close(door->guests[i].fd);
    if (door->spare.shared)
        segment_destroy(&door->spare);
    close(door->wake_fd);
    free(door);
}
