/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that fail when faulty.c says so; the linker's --wrap brings our objects' calls
 * here. */
#include "faulty_calls.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "faulty.h"

/* A function that fails with `failure` and errno. */
#define FAULTY(type, name, failure, reason, parameters, arguments) \
    type __real_##name parameters;                                 \
    type __wrap_##name parameters;                                 \
    type __wrap_##name parameters                                  \
    {                                                              \
        int error = faulty_due(#name, reason);                     \
                                                                   \
        if (error) {                                               \
            errno = error;                                         \
            return failure;                                        \
        }                                                          \
        return __real_##name arguments;                            \
    }

/* A function that returns what went wrong. */
#define FAULTY_CODE(name, reason, parameters, arguments) \
    int __real_##name parameters;                        \
    int __wrap_##name parameters;                        \
    int __wrap_##name parameters                         \
    {                                                    \
        int error = faulty_due(#name, reason);           \
                                                         \
        return error ? error : __real_##name arguments;  \
    }

/* A function that moves `size` bytes, or fewer. */
#define FAULTY_BYTES(name, parameters, arguments) \
    ssize_t __real_##name parameters;             \
    ssize_t __wrap_##name parameters;             \
    ssize_t __wrap_##name parameters              \
    {                                             \
        int error = faulty_due(#name, EIO);       \
                                                  \
        if (error == FAULTY_SHORT)                \
            size = (size + 1) / 2;                \
        else if (error) {                         \
            errno = error;                        \
            return -1;                            \
        }                                         \
        return __real_##name arguments;           \
    }

FAULTY(int, memfd_create, -1, EMFILE, (const char *name, unsigned flags), (name, flags))
FAULTY(int, ftruncate, -1, ENOSPC, (int fd, off_t size), (fd, size))
FAULTY(int, fstat, -1, EIO, (int fd, struct stat *about), (fd, about))
FAULTY(int, shm_open, -1, EMFILE, (const char *name, int flags, mode_t mode), (name, flags, mode))
FAULTY(int, mkdir, -1, ENOSPC, (const char *path, mode_t mode), (path, mode))
FAULTY(int, linkat, -1, ENOSPC, (int from, const char *a, int to, const char *b, int flags),
       (from, a, to, b, flags))
FAULTY(int, unlinkat, -1, EROFS, (int folder, const char *path, int flags), (folder, path, flags))
FAULTY(DIR *, fdopendir, NULL, ENOMEM, (int fd), (fd))
FAULTY(int, madvise, -1, EAGAIN, (void *at, size_t size, int advice), (at, size, advice))
FAULTY(int, socket, -1, EMFILE, (int domain, int type, int protocol), (domain, type, protocol))
FAULTY(int, connect, -1, ECONNREFUSED, (int fd, const struct sockaddr *to, socklen_t size),
       (fd, to, size))
FAULTY(int, setsockopt, -1, ENOPROTOOPT,
       (int fd, int level, int option, const void *value, socklen_t size),
       (fd, level, option, value, size))
FAULTY(int, getsockopt, -1, ENOPROTOOPT,
       (int fd, int level, int option, void *value, socklen_t *size),
       (fd, level, option, value, size))
FAULTY(ssize_t, send, -1, ECONNRESET, (int fd, const void *bytes, size_t size, int flags),
       (fd, bytes, size, flags))

FAULTY_CODE(posix_fallocate, ENOSPC, (int fd, off_t from, off_t size), (fd, from, size))
FAULTY_CODE(pthread_create, EAGAIN,
            (pthread_t * thread, const pthread_attr_t *how, void *(*work)(void *), void *argument),
            (thread, how, work, argument))
FAULTY_CODE(pthread_key_create, ENOMEM, (pthread_key_t * key, void (*end)(void *)), (key, end))

FAULTY_BYTES(write, (int fd, const void *bytes, size_t size), (fd, bytes, size))
FAULTY_BYTES(read, (int fd, void *bytes, size_t size), (fd, bytes, size))
FAULTY_BYTES(pwrite, (int fd, const void *bytes, size_t size, off_t at), (fd, bytes, size, at))
FAULTY_BYTES(pread, (int fd, void *bytes, size_t size, off_t at), (fd, bytes, size, at))

FAULTY(int, fallocate, -1, ENOSPC, (int fd, int mode, off_t from, off_t size),
       (fd, mode, from, size))
FAULTY(ssize_t, recvmsg, -1, ECONNRESET, (int fd, struct msghdr *message, int flags),
       (fd, message, flags))

/* Where something stands there is a place. */
int __real_pthread_setspecific(pthread_key_t key, const void *value);
int __wrap_pthread_setspecific(pthread_key_t key, const void *value);
int __wrap_pthread_setspecific(pthread_key_t key, const void *value)
{
    int error = pthread_getspecific(key) ? 0 : faulty_due("pthread_setspecific", ENOMEM);

    return error ? error : __real_pthread_setspecific(key, value);
}

/* ---- of as many arguments as they are given ---- */

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    int error = faulty_due("open", EMFILE);
    unsigned mode;
    va_list list;

    va_start(list, flags);
    mode = va_arg(list, unsigned);
    va_end(list);
    errno = error ? error : errno;
    return error ? -1 : __real_open(path, flags, mode);
}

int __real_openat(int folder, const char *path, int flags, ...);
int __wrap_openat(int folder, const char *path, int flags, ...);
int __wrap_openat(int folder, const char *path, int flags, ...)
{
    int error = faulty_due("openat", EMFILE);
    unsigned mode;
    va_list list;

    va_start(list, flags);
    mode = va_arg(list, unsigned);
    va_end(list);
    errno = error ? error : errno;
    return error ? -1 : __real_openat(folder, path, flags, mode);
}

int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...)
{
    int error = faulty_due("fcntl", EPERM);
    long argument;
    va_list list;

    va_start(list, command);
    argument = va_arg(list, long);
    va_end(list);
    errno = error ? error : errno;
    return error ? -1 : __real_fcntl(fd, command, argument);
}

/* Of system calls without a function only these: futexes have no errors that anybody looks at. */
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
    const char *name = number == SYS_membarrier        ? "membarrier"
                       : number == SYS_set_robust_list ? "set_robust_list"
                                                       : NULL;
    int error = name ? faulty_due(name, ENOSYS) : 0;
    long a[6];
    va_list list;

    va_start(list, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    errno = error ? error : errno;
    return error ? -1 : __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* ---- what is held ---- */

void *__real_mmap(void *at, size_t size, int allow, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t size, int allow, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t size, int allow, int flags, int fd, off_t offset)
{
    int error = faulty_due("mmap", ENOMEM);
    void *base = MAP_FAILED;

    errno = error ? error : errno;
    if (!error)
        base = __real_mmap(at, size, allow, flags, fd, offset);
    if (base != MAP_FAILED && !(flags & MAP_FIXED)) /* else it lies in another one */
        faulty_hold(0, (int64_t)size);
    return base;
}

int __real_munmap(void *at, size_t size);
int __wrap_munmap(void *at, size_t size);
int __wrap_munmap(void *at, size_t size)
{
    faulty_hold(0, -(int64_t)size);
    return __real_munmap(at, size);
}

#define FAULTY_MEMORY(name, parameters, arguments)       \
    void *__real_##name parameters;                      \
    void *__wrap_##name parameters;                      \
    void *__wrap_##name parameters                       \
    {                                                    \
        int error = faulty_due(#name, ENOMEM);           \
        void *memory;                                    \
                                                         \
        errno = error ? error : errno;                   \
        memory = error ? NULL : __real_##name arguments; \
        faulty_hold(memory != NULL, 0);                  \
        return memory;                                   \
    }

FAULTY_MEMORY(malloc, (size_t size), (size))
FAULTY_MEMORY(calloc, (size_t count, size_t size), (count, size))
FAULTY_MEMORY(strdup, (const char *text), (text))
FAULTY_MEMORY(aligned_alloc, (size_t alignment, size_t size), (alignment, size))

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size)
{
    int error = faulty_due("realloc", ENOMEM);
    void *moved;

    errno = error ? error : errno;
    moved = error ? NULL : __real_realloc(memory, size);
    faulty_hold(moved && !memory, 0);
    return moved;
}

void __real_free(void *memory);
void __wrap_free(void *memory);
void __wrap_free(void *memory)
{
    faulty_hold(-(memory != NULL), 0);
    __real_free(memory);
}
