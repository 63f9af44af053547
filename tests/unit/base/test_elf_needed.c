/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#if defined(__GLIBC__)
#include <gnu/libc-version.h>
#endif

#include <cmocka.h>

#include "base/elf_needed.h"

static void libraries_of_this_program_are_found(void **state)
{
    int fd = open("/proc/self/exe", O_RDONLY);

    (void)state;
    assert_true(fd >= 0);
#if defined(__GLIBC__)
    assert_true(elf_needs(fd, "libcmocka.so"));
    assert_true(elf_needs(fd, "libc.so.6"));
#else /* musl, which has no cmocka */
    assert_true(elf_needs(fd, "libc.so"));
#endif
    assert_false(elf_needs(fd, "libnothing.so"));
    assert_false(elf_needs(fd, "a name that is longer than any that is compared"));
    close(fd);
}

#if defined(__GLIBC__)
static int libc_open(void)
{
    Dl_info where;

    assert_true(dladdr((void *)(uintptr_t)gnu_get_libc_version, &where));
    return open(where.dli_fname, O_RDONLY);
}

static void symbols_that_a_library_exports_are_found(void **state)
{
    static const char *const exported[] = {"gnu_get_libc_version", "qsort",  "write", "malloc",
                                           "pthread_create",       "environ"};
    int fd = libc_open();

    (void)state;
    assert_true(fd >= 0);
    for (size_t i = 0; i < sizeof(exported) / sizeof(exported[0]); i++)
        assert_true(elf_defines(fd, exported[i]));
    assert_false(elf_defines(fd, "mallo"));
    assert_false(elf_defines(fd, "malloc_"));
    assert_false(elf_defines(fd, "_dl_allocate_tls")); /* it asks for it */
    assert_false(elf_defines(fd, "a name that is longer than any that is compared"));
    assert_int_equal(elf_sanitizer_of(fd), ELF_SANITIZER_NONE);
    close(fd);
}
#endif

static int file_of(const void *bytes, size_t size)
{
    int fd = memfd_create("elf", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    return fd;
}

static void what_is_no_program_needs_nothing(void **state)
{
    char zeroes[256] = {0};
    int fd = file_of(zeroes, sizeof(zeroes)), empty = file_of("", 0);

    (void)state;
    assert_false(elf_needs(fd, "lib"));
    assert_false(elf_needs(empty, "lib"));
    assert_false(elf_needs(-1, "lib"));
    assert_false(elf_defines(fd, "main"));
    assert_false(elf_defines(-1, "main"));
    close(fd);
    close(empty);
}

/* The first kilobytes of this program with any one byte changed, or cut off anywhere: an answer. */
static void damaged_program_ends_in_an_answer(void **state)
{
    enum { BYTES = 1024 };
    unsigned char bytes[BYTES];
    int exe = open("/proc/self/exe", O_RDONLY), fd;

    (void)state;
    assert_int_equal(pread(exe, bytes, sizeof(bytes), 0), sizeof(bytes));
    close(exe);
    fd = file_of(bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++) {
        unsigned char changed = (unsigned char)~bytes[i];

        assert_int_equal(pwrite(fd, &changed, 1, (off_t)i), 1);
        (void)elf_needs(fd, "libc.so");
        (void)elf_defines(fd, "main");
        assert_int_equal(pwrite(fd, &bytes[i], 1, (off_t)i), 1);
    }
    for (size_t i = sizeof(bytes); i-- > 0;) {
        assert_int_equal(ftruncate(fd, (off_t)i), 0);
        assert_false(elf_needs(fd, "libc.so"));
    }
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(libraries_of_this_program_are_found),
#if defined(__GLIBC__)
        cmocka_unit_test(symbols_that_a_library_exports_are_found),
#endif
        cmocka_unit_test(what_is_no_program_needs_nothing),
        cmocka_unit_test(damaged_program_ends_in_an_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
