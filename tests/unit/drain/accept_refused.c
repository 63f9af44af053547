/* SPDX-License-Identifier: Apache-2.0 */
#include "accept_refused.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/atomic.h"
#include "base/clock.h"

int __real_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);

static uint32_t to_refuse;         /* atomic */
static uint64_t first_ns, last_ns; /* atomic */

void accept_refuse(unsigned calls)
{
    store_relaxed(&first_ns, 0); /* relaxed: nobody knocks yet */
    store_release(&to_refuse, calls);
}

uint64_t accept_refused_ns(void)
{
    return load_acquire(&last_ns) - load_relaxed(&first_ns);
}

/* ---- poll ---- */

int __real_poll(struct pollfd *fds, nfds_t count, int timeout_ms);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms);

static uint32_t polls_to_refuse; /* atomic */

void poll_refuse(unsigned calls)
{
    store_release(&polls_to_refuse, calls);
}

unsigned poll_refusals_left(void)
{
    return load_acquire(&polls_to_refuse);
}

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    uint32_t left = load_acquire(&polls_to_refuse);

    if (count < 2 || !left)
        return __real_poll(fds, count, timeout_ms);
    store_release(&polls_to_refuse, left - 1);
    errno = ENOMEM;
    return -1;
}

/* ---- accept ---- */

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
    struct pollfd knock = {.fd = fd, .events = POLLIN};
    uint32_t left = load_acquire(&to_refuse);

    if (poll(&knock, 1, 0) != 1) /* nobody is there */
        return __real_accept4(fd, address, size, flags);
    /* relaxed: stored and loaded by this thread; the test looks when it has been answered. */
    if (left && !load_relaxed(&first_ns))
        store_relaxed(&first_ns, clock_monotonic_ns());
    store_release(&last_ns, clock_monotonic_ns());
    if (!left)
        return __real_accept4(fd, address, size, flags);
    store_release(&to_refuse, left - 1);
    errno = left % 2 ? EMFILE : ENOMEM;
    return -1;
}
