/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded, it makes of this machine one with pages of 64 KiB, as Arm machines may have them:
 * sizes that the kernel rounds up are rounded up further, mappings begin at multiples of 64 KiB,
 * and an address or offset that is none ends the program with a line that says so, where a kernel
 * with such pages would have refused. What libc maps for itself does not come by here.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 64 * 1024 };

static size_t rounded(size_t bytes)
{
    return (bytes + PAGE - 1) & ~(size_t)(PAGE - 1);
}

static void must_be_aligned(const char *call, uint64_t what)
{
    char text[96];
    int length;

    if (what % PAGE == 0)
        return;
    length =
        snprintf(text, sizeof(text), "pages64k: %s at %#llx\n", call, (unsigned long long)what);
    (void)!write(2, text, (size_t)length);
    abort();
}

/* As declared by libc, whose names these are. */
__attribute__((visibility("default"))) void *mmap(void *at, size_t bytes, int protection, int flags,
                                                  int fd, off_t offset)
{
    void *reserved, *mapped;
    size_t size = rounded(bytes);
    uintptr_t base;

    must_be_aligned("mmap offset", (uint64_t)offset);
    if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
        must_be_aligned("mmap address", (uintptr_t)at);
        return (void *)syscall(SYS_mmap, at, size, protection, flags, fd, offset);
    }
    reserved = (void *)syscall(SYS_mmap, NULL, size + PAGE, PROT_NONE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (reserved == MAP_FAILED)
        return MAP_FAILED;
    base = rounded((uintptr_t)reserved);
    mapped = (void *)syscall(SYS_mmap, base, size, protection, flags | MAP_FIXED, fd, offset);
    if (mapped == MAP_FAILED) {
        int saved = errno;

        syscall(SYS_munmap, reserved, size + PAGE);
        errno = saved;
        return MAP_FAILED;
    }
    if (base > (uintptr_t)reserved)
        syscall(SYS_munmap, reserved, base - (uintptr_t)reserved);
    syscall(SYS_munmap, base + size, (uintptr_t)reserved + PAGE - base);
    return mapped;
}

__attribute__((visibility("default"))) int munmap(void *at, size_t bytes)
{
    must_be_aligned("munmap", (uintptr_t)at);
    return (int)syscall(SYS_munmap, at, rounded(bytes));
}

__attribute__((visibility("default"))) int mprotect(void *at, size_t bytes, int protection)
{
    must_be_aligned("mprotect", (uintptr_t)at);
    return (int)syscall(SYS_mprotect, at, rounded(bytes), protection);
}

__attribute__((visibility("default"))) int madvise(void *at, size_t bytes, int advice)
{
    must_be_aligned("madvise", (uintptr_t)at);
    return (int)syscall(SYS_madvise, at, rounded(bytes), advice);
}

__attribute__((visibility("default"))) long sysconf(int name)
{
    static long (*next)(int);

    if (name == _SC_PAGESIZE)
        return PAGE;
    if (!next) {
        void *found = dlsym(RTLD_NEXT, "sysconf");

        memcpy(&next, &found, sizeof(next));
    }
    return next(name);
}

__attribute__((visibility("default"))) int getpagesize(void)
{
    return PAGE;
}
