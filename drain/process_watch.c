/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/process_watch.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { EVENTS_MAX = 64 };

/* struct pidfd_info of <linux/pidfd.h>, which Debian 12 does not have yet; its first version. */
struct exit_info {
    uint64_t mask, cgroup;
    uint32_t pid, tgid, ppid, ids[8];
    int32_t exit_code;
};
_Static_assert(sizeof(struct exit_info) == 64, "the kernel tells versions apart by this size");

#define EXIT_INFO_GET  _IOWR(0xff, 11, struct exit_info)
#define EXIT_INFO_EXIT (UINT64_C(1) << 3)

int process_watch_init(struct process_watch *watch)
{
    watch->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return watch->epoll_fd < 0 ? -errno : 0;
}

void process_watch_fini(struct process_watch *watch)
{
    if (watch->epoll_fd >= 0)
        close(watch->epoll_fd);
    watch->epoll_fd = -1;
}

int process_watch_open(uint32_t pid)
{
    long fd = syscall(SYS_pidfd_open, pid, 0); /* close-on-exec by itself */

    return fd < 0 ? -errno : (int)fd;
}

int process_watch_add(struct process_watch *watch, int pidfd, uint32_t key)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = key};

    if (watch->epoll_fd < 0)
        return -EBADF;
    return epoll_ctl(watch->epoll_fd, EPOLL_CTL_ADD, pidfd, &event) ? -errno : 0;
}

void process_watch_remove(struct process_watch *watch, int pidfd)
{
    (void)epoll_ctl(watch->epoll_fd, EPOLL_CTL_DEL, pidfd, NULL);
}

int process_watch_status(int pidfd, int *status)
{
    struct exit_info info = {.mask = EXIT_INFO_EXIT};

    if (ioctl(pidfd, EXIT_INFO_GET, &info))
        return errno == ESRCH ? -EAGAIN : -ENOTSUP;
    if (!(info.mask & EXIT_INFO_EXIT))
        return -EAGAIN;
    *status = info.exit_code;
    return 0;
}

unsigned process_watch_poll(struct process_watch *watch, uint32_t *keys, unsigned max)
{
    struct epoll_event events[EVENTS_MAX];
    int got;

    if (watch->epoll_fd < 0)
        return 0;
    got = epoll_wait(watch->epoll_fd, events, max < EVENTS_MAX ? (int)max : EVENTS_MAX, 0);
    for (int i = 0; i < got; i++)
        keys[i] = events[i].data.u32;
    return got > 0 ? (unsigned)got : 0;
}
