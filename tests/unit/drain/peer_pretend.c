/* SPDX-License-Identifier: Apache-2.0 */
#include "peer_pretend.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/atomic.h"

int __real_getsockopt(int fd, int level, int option, void *value, socklen_t *size);
int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *size);
uid_t __real_geteuid(void);
uid_t __wrap_geteuid(void);
uid_t __real_getuid(void);
uid_t __wrap_getuid(void);

static uint32_t peer, own; /* atomic */
static uint32_t pretends;  /* atomic */

void peer_pretend(uint32_t peer_uid, uint32_t own_uid)
{
    store_relaxed(&peer, peer_uid);
    store_relaxed(&own, own_uid);
    store_release(&pretends, 1); /* Pretence. Pairs with the acquires below. */
}

void peer_pretend_end(void)
{
    store_release(&pretends, 0);
}

int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *size)
{
    int got = __real_getsockopt(fd, level, option, value, size);
    struct ucred credentials;

    if (got || level != SOL_SOCKET || option != SO_PEERCRED || !load_acquire(&pretends))
        return got;
    memcpy(&credentials, value, sizeof(credentials));
    credentials.uid = load_relaxed(&peer);
    memcpy(value, &credentials, sizeof(credentials));
    return 0;
}

uid_t __wrap_geteuid(void)
{
    return load_acquire(&pretends) ? load_relaxed(&own) : __real_geteuid();
}

uid_t __wrap_getuid(void)
{
    return load_acquire(&pretends) ? load_relaxed(&own) : __real_getuid();
}
