/* SPDX-License-Identifier: Apache-2.0 */
#include "hostile_guest.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "base/machine_kind.h"
#include "base/schema.h"
#include "registry/arena.h"
#include "registry/handshake.h"
#include "registry/registry.h"
#include "scribble.h"

enum { BURST = 64, PAUSE_NS = 200 * 1000, THREADS_MAX = 8, GOOD_RECORDS = 100 };

/* ---- hello ---- */

static int welcome_hear(int fd, int *segment_fd)
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
    struct cmsghdr *c;

    if (recvmsg(fd, &message, 0) != sizeof(welcome) || welcome.status)
        return -EPROTO;
    c = CMSG_FIRSTHDR(&message);
    if (!c)
        return -EBADF;
    memcpy(segment_fd, CMSG_DATA(c), sizeof(int));
    return 0;
}

int guest_attach(const char *path, struct segment *segment, int *segment_fd)
{
    const struct handshake_hello hello = {.magic = HANDSHAKE_MAGIC,
                                          .version = HANDSHAKE_VERSION,
                                          .segment_version = SEGMENT_VERSION,
                                          .role = HANDSHAKE_LIBRARY,
                                          .machine = MACHINE_KIND};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), err = 0;

    strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) ||
        send(fd, &hello, sizeof(hello), MSG_NOSIGNAL) != sizeof(hello))
        err = -errno;
    if (!err)
        err = welcome_hear(fd, segment_fd);
    close(fd);
    return err ? err : segment_map(segment, *segment_fd);
}

/* ---- a thread and its ring ---- */

static int thread_claim(struct segment *s, struct ada_writer *writer, bool robust)
{
    const struct registry_claim claim = {.pid = (uint32_t)getpid(),
                                         .tid = (uint32_t)syscall(SYS_gettid),
                                         .ticks = clock_monotonic_ns(),
                                         .name = "guest",
                                         .robust = robust};
    uint64_t patience_ns = clock_monotonic_ns() + UINT64_C(20000000000);
    int slot;

    while ((slot = registry_claim(s, &claim)) == -EAGAIN && clock_monotonic_ns() < patience_ns)
        sched_yield();
    if (slot < 0)
        _exit(3);
    ring_writer_init(writer, &s->slots[slot].ring, false);
    writer->data = segment_ring_data(s, (uint32_t)slot);
    return slot;
}

static void type_tell(struct segment *s)
{
    static const struct ada_field number = {
        .name = "number", .count = 1, .kind = ADA_KIND_UNSIGNED, .width = 8};
    const struct schema schema = {.id = GUEST_TYPE,
                                  .level = ADA_LEVEL_INFO,
                                  .field_count = 1,
                                  .provider = "guest",
                                  .name = "number",
                                  .fields = &number};
    unsigned char bytes[256];
    int size = schema_encode(&schema, bytes, sizeof(bytes));

    if (size <= 0 || arena_append(s, ARENA_TYPE, bytes, (size_t)size, NULL, 0))
        _exit(4);
}

void guest_behave(const char *path, const uint32_t *stop, struct guest_account *account)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    struct ada_writer writer = {0};
    struct segment segment;
    int fd, slot;

    if (guest_attach(path, &segment, &fd))
        _exit(2);
    type_tell(&segment);
    slot = thread_claim(&segment, &writer, true);
    while (!load_relaxed(stop)) {
        for (int i = 0; i < BURST; i++, account->attempted++)
            account->written +=
                ring_write(&writer, GUEST_TYPE, &account->attempted, sizeof(uint64_t));
        nanosleep(&pause, NULL); /* a pace, so that what is dropped is not all there is */
    }
    account->dropped = load_relaxed(&segment.slots[slot].ring.dropped);
    registry_retire(&segment, (uint32_t)slot);
    _exit(0);
}

/* ---- who does not behave ---- */

struct scribbler {
    struct segment *segment;
    int fd;
    struct dice dice;
    uint64_t *steps;
};

static void *scribble_run(void *argument)
{
    struct scribbler *s = argument;

    for (;;) {
        scribble_step(s->segment, s->fd, &s->dice);
        add_relaxed(s->steps, 1); /* relaxed: looked at when we are dead */
    }
    return NULL;
}

void guest_scribble(const char *path, uint64_t seed, unsigned threads, uint64_t *steps)
{
    static struct scribbler scribblers[THREADS_MAX];
    struct ada_writer writer = {0};
    static struct segment segment;
    pthread_t thread;
    int fd;

    if (guest_attach(path, &segment, &fd))
        _exit(2);
    /* At first it seems to be one like all others. */
    type_tell(&segment);
    (void)thread_claim(&segment, &writer, false);
    for (uint64_t i = 0; i < GOOD_RECORDS; i++)
        (void)ring_write(&writer, GUEST_TYPE, &i, sizeof(i));
    for (unsigned i = 0; i < threads && i < THREADS_MAX; i++) {
        scribblers[i] = (struct scribbler){&segment, fd, {seed * THREADS_MAX + i + 1}, steps};
        if (pthread_create(&thread, NULL, scribble_run, &scribblers[i]))
            _exit(5);
    }
    for (;;)
        pause();
}
