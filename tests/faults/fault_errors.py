# SPDX-License-Identifier: Apache-2.0
"""What each call fails with: the likely reason first, which is all that the short form tries."""

import errno

import fault_plan

_DESCRIPTORS = [errno.EMFILE, errno.ENFILE]
_MEMORY = [errno.ENOMEM]

# A number is an errno; SHORT and SLOW are modes.
SHORT = "short"

ERRORS = {
    **dict.fromkeys(["malloc", "calloc", "realloc", "reallocarray", "aligned_alloc", "strdup", "strndup",
                     "asprintf", "vasprintf", "mmap", "madvise", "open_memstream"], _MEMORY),
    "memfd_create": [errno.EMFILE, errno.ENOMEM, errno.ENOSYS],
    "shm_open": [errno.ENOSPC, errno.EMFILE, errno.EACCES],
    "open": [errno.EMFILE, errno.EIO, errno.EACCES, errno.ENOSPC, errno.EINTR],
    "openat": [errno.EMFILE, errno.EACCES],
    "close": [errno.EIO, errno.EINTR, errno.ENOSPC],
    "read": [errno.EIO, errno.EINTR, SHORT],
    "pread": [errno.EIO, errno.EINTR, SHORT],
    "write": [errno.ENOSPC, errno.EIO, errno.EINTR, SHORT, errno.EDQUOT, errno.EFBIG],
    "pwrite": [errno.ENOSPC, errno.EIO, errno.EINTR, SHORT],
    "fallocate": [errno.ENOSPC, errno.EOPNOTSUPP, errno.EINTR, errno.EIO],
    "posix_fallocate": [errno.ENOSPC, errno.EINTR],
    "ftruncate": [errno.EIO, errno.EINTR],
    "fopen": _DESCRIPTORS, "fdopen": _MEMORY, "opendir": _DESCRIPTORS, "fdopendir": _MEMORY,
    "fclose": [errno.ENOSPC], "fflush": [errno.ENOSPC, errno.EIO],
    "socket": _DESCRIPTORS, "socketpair": _DESCRIPTORS, "accept4": _DESCRIPTORS + [errno.EINTR],
    "eventfd": _DESCRIPTORS, "signalfd": _DESCRIPTORS, "pipe2": _DESCRIPTORS, "epoll_create1": _DESCRIPTORS,
    "poll": [errno.EINTR, errno.ENOMEM], "epoll_wait": [errno.EINTR],
    "epoll_ctl": [errno.ENOSPC, errno.ENOMEM],
    "recv": [errno.EINTR, errno.ECONNRESET, SHORT], "send": [errno.EPIPE, errno.EINTR],
    "recvmsg": [errno.EINTR, errno.ECONNRESET], "sendmsg": [errno.EPIPE, errno.ETOOMANYREFS, errno.EINTR],
    "connect": [errno.ECONNREFUSED, errno.EAGAIN, errno.EINTR], "bind": [errno.EADDRINUSE],
    "fork": [errno.EAGAIN], "pthread_create": [errno.EAGAIN], "execve": [errno.EACCES, errno.ENOMEM],
    "pthread_key_create": [errno.EAGAIN], "pthread_setspecific": _MEMORY,
    "syscall": [errno.ENOSYS, errno.EPERM, errno.EMFILE],
    "mkdtemp": [errno.ENOSPC, errno.EACCES], "mkdir": [errno.ENOSPC], "mkostemp": [errno.ENOSPC],
    "rename": [errno.ENOSPC], "linkat": [errno.EPERM], "renameat2": [errno.EINVAL, errno.ENOSPC],
    "readdir": [errno.EIO],
}
_OTHERS = [errno.EIO]


def faults(call, all_of_them, **which):
    """The ways in which these calls of `call` can fail."""
    errors = ERRORS.get(call, _OTHERS)
    for error in errors if all_of_them else errors[:1]:
        if error == SHORT:
            yield fault_plan.Fault(call, 0, fault_plan.SHORT, **which)
        else:
            yield fault_plan.Fault(call, error, **which)
