/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions that can be made to fail. A row is a function with what it returns then; what is
 * called through libc's own doors (write(2) under fflush(3)) cannot be reached from here: full
 * devices and file systems do that.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fault_inject.h"

#define SEEN   __attribute__((visibility("default")))
#define CALLER __builtin_return_address(0)

/* libc's own under a second name: finding the first would allocate. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

/* The next definition after ours. */
#define NEXT(name)                                                          \
    ({                                                                      \
        static __typeof__(name) *next;                                      \
        __typeof__(name) *found = __atomic_load_n(&next, __ATOMIC_RELAXED); \
        if (!found) {                                                       \
            found = (__typeof__(name) *)dlsym(RTLD_NEXT, #name);            \
            __atomic_store_n(&next, found, __ATOMIC_RELAXED);               \
        }                                                                   \
        found;                                                              \
    })

/* A function that fails with `failure` and errno. */
#define FAULT_CALL(type, name, failure, parameters, arguments) \
    SEEN type name parameters                                  \
    {                                                          \
        if (fault_due(#name, CALLER))                          \
            return failure;                                    \
        return NEXT(name) arguments;                           \
    }

/* A function that moves `size` bytes. */
#define FAULT_BYTES(name, parameters, arguments)   \
    SEEN ssize_t name parameters                   \
    {                                              \
        if (fault_due_bytes(#name, CALLER, &size)) \
            return -1;                             \
        return NEXT(name) arguments;               \
    }

/* A function that returns what went wrong. */
#define FAULT_CODE(name, parameters, arguments) \
    SEEN int name parameters                    \
    {                                           \
        int saved = errno;                      \
                                                \
        if (fault_due(#name, CALLER)) {         \
            int error = errno;                  \
                                                \
            errno = saved;                      \
            return error;                       \
        }                                       \
        return NEXT(name) arguments;            \
    }

/* ---- memory ---- */

SEEN void *malloc(size_t size)
{
    return fault_due("malloc", CALLER) ? NULL : __libc_malloc(size);
}

SEEN void *calloc(size_t count, size_t size)
{
    return fault_due("calloc", CALLER) ? NULL : __libc_calloc(count, size);
}

SEEN void *realloc(void *memory, size_t size)
{
    return fault_due("realloc", CALLER) ? NULL : __libc_realloc(memory, size);
}

SEEN void *reallocarray(void *memory, size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return fault_due("reallocarray", CALLER) ? NULL : __libc_realloc(memory, bytes);
}

SEEN void *aligned_alloc(size_t alignment, size_t size)
{
    return fault_due("aligned_alloc", CALLER) ? NULL : __libc_memalign(alignment, size);
}

FAULT_CALL(char *, strdup, NULL, (const char *text), (text))
FAULT_CALL(char *, strndup, NULL, (const char *text, size_t size), (text, size))
FAULT_CALL(int, vasprintf, -1, (char **out, const char *format, va_list arguments),
           (out, format, arguments))

SEEN int asprintf(char **out, const char *format, ...)
{
    va_list arguments;
    int size;

    if (fault_due("asprintf", CALLER))
        return -1;
    va_start(arguments, format);
    size = NEXT(vasprintf)(out, format, arguments);
    va_end(arguments);
    return size;
}

FAULT_CALL(void *, mmap, MAP_FAILED,
           (void *at, size_t size, int protection, int flags, int fd, off_t offset),
           (at, size, protection, flags, fd, offset))
FAULT_CALL(int, madvise, -1, (void *at, size_t size, int advice), (at, size, advice))
FAULT_CALL(int, memfd_create, -1, (const char *name, unsigned flags), (name, flags))
FAULT_CALL(int, shm_open, -1, (const char *name, int flags, mode_t mode), (name, flags, mode))

/* ---- files ---- */

SEEN int open(const char *path, int flags, ...)
{
    va_list arguments;
    mode_t mode;

    if (fault_due("open", CALLER))
        return -1;
    va_start(arguments, flags);
    mode = va_arg(arguments, mode_t);
    va_end(arguments);
    return NEXT(open)(path, flags, mode);
}

SEEN int openat(int folder, const char *path, int flags, ...)
{
    va_list arguments;
    mode_t mode;

    if (fault_due("openat", CALLER))
        return -1;
    va_start(arguments, flags);
    mode = va_arg(arguments, mode_t);
    va_end(arguments);
    return NEXT(openat)(folder, path, flags, mode);
}

/* As the kernel does it: the descriptor is gone in any case. */
SEEN int close(int fd)
{
    int saved = errno;

    if (!fault_due("close", CALLER))
        return NEXT(close)(fd);
    saved = errno;
    (void)NEXT(close)(fd);
    errno = saved;
    return -1;
}

FAULT_BYTES(read, (int fd, void *bytes, size_t size), (fd, bytes, size))
FAULT_BYTES(write, (int fd, const void *bytes, size_t size), (fd, bytes, size))
FAULT_BYTES(pread, (int fd, void *bytes, size_t size, off_t at), (fd, bytes, size, at))
FAULT_BYTES(pwrite, (int fd, const void *bytes, size_t size, off_t at), (fd, bytes, size, at))
FAULT_CALL(int, fallocate, -1, (int fd, int mode, off_t from, off_t size), (fd, mode, from, size))
FAULT_CODE(posix_fallocate, (int fd, off_t from, off_t size), (fd, from, size))
FAULT_CALL(int, ftruncate, -1, (int fd, off_t size), (fd, size))
FAULT_CALL(off_t, lseek, -1, (int fd, off_t at, int from), (fd, at, from))
FAULT_CALL(int, stat, -1, (const char *path, struct stat *out), (path, out))
FAULT_CALL(int, lstat, -1, (const char *path, struct stat *out), (path, out))
FAULT_CALL(int, fstat, -1, (int fd, struct stat *out), (fd, out))
FAULT_CALL(int, statvfs, -1, (const char *path, struct statvfs *out), (path, out))
FAULT_CALL(int, fstatvfs, -1, (int fd, struct statvfs *out), (fd, out))
FAULT_CALL(int, access, -1, (const char *path, int mode), (path, mode))
FAULT_CALL(int, unlink, -1, (const char *path), (path))
FAULT_CALL(int, unlinkat, -1, (int folder, const char *path, int flags), (folder, path, flags))
FAULT_CALL(int, rename, -1, (const char *from, const char *to), (from, to))
FAULT_CALL(int, renameat2, -1,
           (int from_folder, const char *from, int to_folder, const char *to, unsigned flags),
           (from_folder, from, to_folder, to, flags))
FAULT_CALL(int, linkat, -1,
           (int from_folder, const char *from, int to_folder, const char *to, int flags),
           (from_folder, from, to_folder, to, flags))
FAULT_CALL(int, mkdir, -1, (const char *path, mode_t mode), (path, mode))
FAULT_CALL(int, rmdir, -1, (const char *path), (path))
FAULT_CALL(char *, mkdtemp, NULL, (char *path), (path))
FAULT_CALL(int, mkostemp, -1, (char *path, int flags), (path, flags))
FAULT_CALL(char *, realpath, NULL, (const char *path, char *out), (path, out))
FAULT_CALL(ssize_t, readlink, -1, (const char *path, char *out, size_t size), (path, out, size))
FAULT_CALL(char *, getcwd, NULL, (char *out, size_t size), (out, size))
FAULT_CALL(DIR *, opendir, NULL, (const char *path), (path))
FAULT_CALL(DIR *, fdopendir, NULL, (int fd), (fd))
FAULT_CALL(struct dirent *, readdir, NULL, (DIR * folder), (folder))
FAULT_CALL(FILE *, fopen, NULL, (const char *path, const char *mode), (path, mode))
FAULT_CALL(FILE *, fdopen, NULL, (int fd, const char *mode), (fd, mode))
FAULT_CALL(FILE *, open_memstream, NULL, (char **text, size_t *size), (text, size))
FAULT_CALL(int, fflush, EOF, (FILE * file), (file))

SEEN int fclose(FILE *file)
{
    int error;

    if (!fault_due("fclose", CALLER))
        return NEXT(fclose)(file);
    error = errno;
    (void)NEXT(fclose)(file);
    errno = error;
    return EOF;
}

SEEN int fcntl(int fd, int command, ...)
{
    va_list arguments;
    void *argument;

    if (fault_due("fcntl", CALLER))
        return -1;
    va_start(arguments, command);
    argument = va_arg(arguments, void *);
    va_end(arguments);
    return NEXT(fcntl)(fd, command, argument);
}

/* ---- sockets and waiting ---- */

FAULT_CALL(int, socket, -1, (int domain, int type, int protocol), (domain, type, protocol))
FAULT_CALL(int, socketpair, -1, (int domain, int type, int protocol, int fds[2]),
           (domain, type, protocol, fds))
FAULT_CALL(int, bind, -1, (int fd, const struct sockaddr *address, socklen_t size),
           (fd, address, size))
FAULT_CALL(int, listen, -1, (int fd, int backlog), (fd, backlog))
FAULT_CALL(int, connect, -1, (int fd, const struct sockaddr *address, socklen_t size),
           (fd, address, size))
FAULT_CALL(int, accept4, -1, (int fd, struct sockaddr *address, socklen_t *size, int flags),
           (fd, address, size, flags))
FAULT_CALL(int, getsockopt, -1, (int fd, int level, int name, void *value, socklen_t *size),
           (fd, level, name, value, size))
FAULT_CALL(int, setsockopt, -1, (int fd, int level, int name, const void *value, socklen_t size),
           (fd, level, name, value, size))
FAULT_BYTES(send, (int fd, const void *bytes, size_t size, int flags), (fd, bytes, size, flags))
FAULT_BYTES(recv, (int fd, void *bytes, size_t size, int flags), (fd, bytes, size, flags))
FAULT_CALL(ssize_t, sendmsg, -1, (int fd, const struct msghdr *message, int flags),
           (fd, message, flags))
FAULT_CALL(ssize_t, recvmsg, -1, (int fd, struct msghdr *message, int flags), (fd, message, flags))
FAULT_CALL(int, poll, -1, (struct pollfd * fds, nfds_t count, int timeout_ms),
           (fds, count, timeout_ms))
FAULT_CALL(int, epoll_create1, -1, (int flags), (flags))
FAULT_CALL(int, epoll_ctl, -1, (int epoll, int command, int fd, struct epoll_event *event),
           (epoll, command, fd, event))
FAULT_CALL(int, epoll_wait, -1, (int epoll, struct epoll_event *events, int most, int timeout_ms),
           (epoll, events, most, timeout_ms))
FAULT_CALL(int, eventfd, -1, (unsigned value, int flags), (value, flags))
FAULT_CALL(int, pipe2, -1, (int fds[2], int flags), (fds, flags))
FAULT_CALL(int, signalfd, -1, (int fd, const sigset_t *mask, int flags), (fd, mask, flags))

/* ---- processes and threads ---- */

FAULT_CALL(pid_t, fork, -1, (void), ())
FAULT_CALL(int, execve, -1, (const char *path, char *const words[], char *const environment[]),
           (path, words, environment))
FAULT_CALL(ssize_t, getrandom, -1, (void *bytes, size_t size, unsigned flags), (bytes, size, flags))
FAULT_CALL(void *, dlopen, NULL, (const char *path, int flags), (path, flags))
FAULT_CODE(pthread_create,
           (pthread_t * thread, const pthread_attr_t *attributes, void *(*run)(void *),
            void *argument),
           (thread, attributes, run, argument))
FAULT_CODE(pthread_key_create, (pthread_key_t * key, void (*destroy)(void *)), (key, destroy))
FAULT_CODE(pthread_setspecific, (pthread_key_t key, const void *value), (key, value))
FAULT_CODE(pthread_mutex_init, (pthread_mutex_t * mutex, const pthread_mutexattr_t *attributes),
           (mutex, attributes))
FAULT_CODE(pthread_mutexattr_setrobust, (pthread_mutexattr_t * attributes, int robustness),
           (attributes, robustness))
FAULT_CODE(pthread_mutexattr_setpshared, (pthread_mutexattr_t * attributes, int shared),
           (attributes, shared))

/* What cannot fail, and futexes, which are waited on in loops that know no failure, do not. */
SEEN long syscall(long number, ...)
{
    va_list arguments;
    long a[6];

    if (number != SYS_futex && number != SYS_gettid && number != SYS_exit_group &&
        fault_due("syscall", CALLER))
        return -1;
    va_start(arguments, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(arguments, long);
    va_end(arguments);
    return NEXT(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
