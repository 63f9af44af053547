/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/control.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "base/own_thread.h"
#include "drain/control_guest.h"
#include "drain/control_lane.h"

enum {
    GUESTS_MAX = 64,
    KEPT_MAX = GUESTS_MAX / 2, /* so that somebody can always be sent away */
    ACCEPTS_MAX = 64,          /* in one turn */
    FDS_OWN = 2,
    LOOK_MS = 250, /* while somebody may run out of patience */
    STACK_BYTES = 1 << 20,
    JOIN_SECONDS = 1
};

/* A socket of ours, by what it was when we made it. */
struct descriptor {
    int fd;
    uint64_t mark;
};

struct control {
    struct control_options options;
    char *kind, *name, *command, *file;
    uint32_t pid;      /* of the program; atomic */
    uint32_t stopping; /* atomic */
    uint32_t ended;    /* a guest has ended the session; atomic */
    struct descriptor door, wake, waker;
    struct own_thread thread;
    struct control_lane lanes[LANES]; /* who runs verbs */
    struct control_guest guests[GUESTS_MAX];
};

struct drain *control_drain(const struct control *c)
{
    return c->options.drain;
}

struct session_files *control_files(const struct control *c)
{
    return c->options.files;
}

const struct control_verb *control_table(const struct control *c)
{
    return c->options.verbs ? c->options.verbs : control_verbs;
}

const struct control_identity *control_identity(const struct control *c)
{
    return &c->options.identity;
}

uint32_t control_program(const struct control *c)
{
    return load_relaxed(&c->pid); /* relaxed: a number by itself */
}

void control_program_set(struct control *c, uint32_t pid)
{
    store_relaxed(&c->pid, pid); /* relaxed: a number by itself */
}

bool control_can_end(const struct control *c)
{
    return c->options.end != NULL;
}

int control_session_end(struct control *c)
{
    if (!control_can_end(c))
        return -ENOTSUP;
    store_relaxed(&c->ended, 1); /* relaxed: looked at behind lane_end() */
    return c->options.end(c->options.end_context);
}

bool control_may_keep(const struct control *c)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < GUESTS_MAX; i++)
        kept +=
            c->guests[i].fd >= 0 && c->guests[i].state != GUEST_RUNS && c->guests[i].answer.gone;
    return kept < KEPT_MAX;
}

/* ---- verbs ---- */

bool control_is_busy(const struct control *c, int lane)
{
    return c->lanes[lane].guest != NULL;
}

void control_work(struct control *c, int lane, struct control_guest *g, const char *packet,
                  size_t size)
{
    g->state = GUEST_RUNS;
    lane_begin(&c->lanes[lane], g, packet, size);
}

void control_wake(struct control *c)
{
    if (descriptor_is(c->waker.fd, c->waker.mark))
        (void)!send(c->waker.fd, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* A guest has ended the session, and no verb runs any more. */
static bool has_ended(const struct control *c)
{
    for (int lane = 0; lane < LANES; lane++)
        if (c->lanes[lane].guest)
            return false;
    return load_relaxed(&c->ended); /* relaxed: behind lane_end() */
}

/* Who has waited longest for it. */
static struct control_guest *guest_next(struct control *c, int lane)
{
    struct control_guest *next = NULL;

    for (unsigned i = 0; i < GUESTS_MAX; i++) {
        struct control_guest *g = &c->guests[i];

        if (g->fd >= 0 && g->waits_ns && g->waits_lane == lane &&
            (!next || g->waits_ns < next->waits_ns))
            next = g;
    }
    return next;
}

/* A verb that has ended is told, and the next one begins. */
static void work_end(struct control *c, int lane, uint64_t now_ns)
{
    struct control_guest *g = lane_end(&c->lanes[lane]);

    if (!g)
        return;
    g->state = GUEST_HEARS;
    g->since_ns = now_ns; /* the verb's time is not the guest's */
    if (!guest_turn(g, c, 0, now_ns))
        guest_end(g);
    while (!c->lanes[lane].guest && !load_relaxed(&c->ended) && (g = guest_next(c, lane))) {
        if (!guest_turn(g, c, 0, now_ns))
            guest_end(g);
        else if (!c->lanes[lane].guest)
            g->waits_ns = 0;
    }
}

static void works_end(struct control *c, uint64_t now_ns)
{
    for (int lane = 0; lane < LANES; lane++)
        work_end(c, lane, now_ns);
}

/* False: it is to end. */
static bool wake_take(const struct control *c)
{
    char bytes[16];
    ssize_t got = recv(c->wake.fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

/* ---- descriptors ---- */

static void descriptor_close(struct descriptor *d)
{
    int fd = d->fd;

    store_release(&d->fd, -1); /* first: a forked child must not take it for ours any more */
    if (descriptor_is(fd, d->mark))
        close(fd);
}

/* Takes `fd` over, also on failure. */
static int descriptor_set(struct descriptor *d, int fd)
{
    int err = fd < 0 ? fd : descriptor_mark(fd, &d->mark);

    if (err && fd >= 0)
        close(fd);
    d->fd = err ? -1 : fd;
    return err;
}

static bool descriptors_are_there(const struct control *c)
{
    return descriptor_is(c->door.fd, c->door.mark) && descriptor_is(c->wake.fd, c->wake.mark);
}

/* ---- guests ---- */

/* A free place; if there is none, that of who has stood there longest without getting on. */
static struct control_guest *place_find(struct control *c)
{
    struct control_guest *oldest = NULL;

    for (unsigned i = 0; i < GUESTS_MAX; i++) {
        struct control_guest *g = &c->guests[i];

        if (g->fd < 0)
            return g;
        if (g->state == GUEST_KEPT || g->state == GUEST_RUNS || g->answer.gone)
            continue;
        if (!oldest || g->since_ns < oldest->since_ns)
            oldest = g;
    }
    if (!oldest) /* KEPT_MAX of them cannot be sent away, and those are not all */
        __builtin_unreachable();
    guest_end(oldest);
    return oldest;
}

/* False: there is no descriptor for who knocks, now; the door would tell of him again and again. */
static bool guests_accept(struct control *c, uint64_t now_ns)
{
    for (int n = 0; n < ACCEPTS_MAX; n++) {
        int fd = accept4(c->door.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        struct control_guest *g;

        if (fd < 0)
            return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED;
        g = place_find(c);
        guest_begin(g, fd, now_ns + (uint64_t)n); /* who came first is older */
        if (g->fd >= 0 && !guest_turn(g, c, 0, now_ns + (uint64_t)n))
            guest_end(g);
    }
    return true;
}

static void guests_turn(struct control *c, const struct pollfd *fds, nfds_t count, uint64_t now_ns)
{
    for (nfds_t n = FDS_OWN; n < count; n++)
        for (unsigned i = 0; i < GUESTS_MAX; i++)
            if (c->guests[i].fd == fds[n].fd) {
                if (!guest_turn(&c->guests[i], c, fds[n].revents, now_ns))
                    guest_end(&c->guests[i]);
                break;
            }
}

/* ---- the thread ---- */

/* `deaf`: not the door, for a moment. */
static nfds_t fds_fill(const struct control *c, bool deaf, struct pollfd *fds, int *timeout_ms)
{
    nfds_t count = FDS_OWN;

    *timeout_ms = deaf ? LOOK_MS : -1;
    fds[0] = (struct pollfd){.fd = c->wake.fd, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = deaf ? -1 : c->door.fd, .events = POLLIN};
    for (unsigned i = 0; i < GUESTS_MAX; i++) {
        const struct control_guest *g = &c->guests[i];

        if (g->fd < 0)
            continue;
        if (g->state == GUEST_RUNS) {
            *timeout_ms = LOOK_MS; /* the application may close the pair that would wake us */
            continue;
        }
        fds[count++] = (struct pollfd){.fd = g->fd, .events = guest_events(g)};
        if (g->state != GUEST_KEPT)
            *timeout_ms = LOOK_MS;
    }
    return count;
}

static void control_listen(struct control *c)
{
    struct pollfd fds[FDS_OWN + GUESTS_MAX];
    bool deaf = false;
    int timeout_ms;

    for (;;) {
        nfds_t count = fds_fill(c, deaf, fds, &timeout_ms);
        uint64_t now_ns;

        /* Without memory for it, or while fewer descriptors are allowed than there are guests, the
         * kernel has not looked: a moment later, perhaps. Whoever finds nobody at the door takes
         * the session for dead and clears its folder away. */
        if (poll(fds, count, timeout_ms) < 0 && errno != EINTR)
            (void)poll(NULL, 0, LOOK_MS);
        /* Stop. Acquire: pairs with control_close(). When the application has closed our sockets,
         * their numbers are not ours any more. */
        if (load_acquire(&c->stopping) || !descriptors_are_there(c) ||
            (fds[0].revents && !wake_take(c)))
            return;
        now_ns = clock_monotonic_ns();
        works_end(c, now_ns);
        if (has_ended(c))
            return;
        guests_turn(c, fds, count, now_ns);
        if (fds[1].revents & ~POLLIN)
            return;
        deaf = fds[1].revents && !guests_accept(c, now_ns);
        if (has_ended(c))
            return;
    }
}

static void *control_run(void *argument)
{
    struct control *c = argument;

    control_listen(c);
    for (int lane = 0; lane < LANES; lane++)
        lane_wait(&c->lanes[lane]); /* what runs is told */
    store_relaxed(&c->ended, 1);    /* relaxed: nobody runs; no other begins */
    works_end(c, clock_monotonic_ns());
    for (unsigned i = 0; i < GUESTS_MAX; i++)
        if (c->guests[i].fd >= 0)
            guest_end(&c->guests[i]);
    /* At once: whoever comes now is to be told that nobody is here. */
    descriptor_close(&c->door);
    return NULL;
}

/* ---- open and close ---- */

static int identity_copy(struct control *c, const struct control_identity *i)
{
    c->kind = strdup(i->kind);
    c->name = strdup(i->name ? i->name : "");
    c->command = strdup(i->command ? i->command : "");
    c->file = strdup(i->file ? i->file : "");
    c->pid = i->pid;
    c->options.identity = (struct control_identity){
        .kind = c->kind, .name = c->name, .command = c->command, .file = c->file, .pid = i->pid};
    return c->kind && c->name && c->command && c->file ? 0 : -ENOMEM;
}

static void control_free(struct control *c)
{
    for (int lane = 0; lane < LANES; lane++)
        lane_fini(&c->lanes[lane]);
    descriptor_close(&c->door);
    descriptor_close(&c->wake);
    descriptor_close(&c->waker);
    free(c->kind);
    free(c->name);
    free(c->command);
    free(c->file);
    free(c);
}

static int lanes_make(struct control *c)
{
    int err = 0;

    for (int lane = 0; lane < LANES && !err; lane++)
        err = lane_init(&c->lanes[lane], c);
    return err;
}

static int sockets_make(struct control *c)
{
    int pair[2], err;

    err = descriptor_set(&c->door, session_folder_listen(c->options.folder, CONTROL_SOCKET));
    if (err)
        return err;
    /* Sockets, because those can be told from what an application opens in their place. */
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair))
        return -errno;
    err = descriptor_set(&c->wake, pair[0]);
    if (err)
        close(pair[1]);
    return err ? err : descriptor_set(&c->waker, pair[1]);
}

int control_open(struct control **out, const struct control_options *options)
{
    struct control *c = calloc(1, sizeof(*c));
    int err;

    if (!c)
        return -ENOMEM;
    c->options = *options;
    c->door.fd = c->wake.fd = c->waker.fd = -1;
    for (unsigned i = 0; i < GUESTS_MAX; i++)
        c->guests[i].fd = -1;
    err = lanes_make(c);
    if (!err)
        err = identity_copy(c, &options->identity);
    if (!err)
        err = sockets_make(c);
    if (!err)
        err = own_thread_start(&c->thread, "adatrace-ctrl", STACK_BYTES, control_run, c);
    if (err) {
        control_free(c);
        return err;
    }
    *out = c;
    return 0;
}

/* The application has closed our end of the pair: a connection wakes it as well. */
static void thread_wake_by_knocking(struct control *c)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return;
    session_folder_at(c->options.folder, CONTROL_SOCKET, address.sun_path);
    (void)!connect(fd, (struct sockaddr *)&address, sizeof(address));
    close(fd);
}

void control_close(struct control *c)
{
    struct timespec deadline;

    if (!c)
        return;
    store_release(&c->stopping, 1); /* Stop. Pairs with control_listen(). */
    if (descriptor_is(c->waker.fd, c->waker.mark)) {
        (void)!shutdown(c->waker.fd, SHUT_WR); /* needs no memory, so it does not fail */
        pthread_join(c->thread.id, NULL);
    } else {
        thread_wake_by_knocking(c);
        clock_gettime(CLOCK_REALTIME, &deadline);
        deadline.tv_sec += JOIN_SECONDS;
        /* Nothing can reach it: it sleeps on, in memory that stays its own. */
        if (pthread_timedjoin_np(c->thread.id, NULL, &deadline)) {
            pthread_detach(c->thread.id);
            return;
        }
    }
    control_free(c);
}

void control_let_go(struct control *c)
{
    descriptor_close(&c->door);
    descriptor_close(&c->wake);
    descriptor_close(&c->waker);
    for (unsigned i = 0; i < GUESTS_MAX; i++) {
        int fd = load_acquire(&c->guests[i].fd); /* as guest_begin() left it */

        if (descriptor_is(fd, c->guests[i].mark))
            close(fd);
    }
}
