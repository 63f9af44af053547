/* SPDX-License-Identifier: Apache-2.0 */
/* Names and lines of addresses in this very program. */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "drain/demangle.h"
#include "drain/symbol_file.h"

/* Addresses to look up: so many that lines are worth any unpacking. */
enum { MANY = 1000 };

int symbol_to_find(int x);

/* clang-format off */
enum { FUNCTION_LINE = __LINE__ + 1 };
__attribute__((noinline)) int symbol_to_find(int x) { return x * 3 + 1; }
/* clang-format on */

/* As assemblers and linkers leave them: names without a size, several at one address, one that
 * reaches to the next, and addresses in no section. */
__asm__(".pushsection .text.odd,\"ax\",@progbits\n"
        ".globl odd_begin, odd_alias, odd_end\n"
        "odd_begin: .skip 16, 0x90\n"
        ".type odd_alias, @function\n"
        ".type odd_sized, @function\n"
        "odd_alias:\n"
        "odd_sized: .skip 16, 0x90\n"
        ".size odd_sized, 16\n"
        "odd_end: .skip 8, 0x90\n"
        ".popsection\n"
        ".globl odd_nowhere\n"
        ".type odd_nowhere, @function\n"
        ".set odd_nowhere, 0x123456789\n"
        ".globl odd_number\n"
        ".set odd_number, 0x987654321\n");
extern const char odd_begin[], odd_end[];

static uint64_t own_bias(void)
{
    struct link_map *map = NULL;

    assert_non_null(dlopen(NULL, RTLD_NOW));
    assert_int_equal(dlinfo(dlopen(NULL, RTLD_NOW), RTLD_DI_LINKMAP, &map), 0);
    return map->l_addr;
}

static uint64_t own_address(void)
{
    int (*function)(int) = symbol_to_find;
    uint64_t address;

    memcpy(&address, &function, sizeof(address));
    return address - own_bias();
}

static void address_of_a_function_has_its_name_and_line(void **state)
{
    struct symbol_file *file;
    struct symbol_found found;

    (void)state;
    assert_int_equal(symbol_file_open(&file, "/proc/self/exe", "", MANY), 0);
    found = symbol_file_find(file, own_address());
    assert_non_null(found.name);
    assert_string_equal(found.name, "symbol_to_find");
    assert_true(found.start == own_address());
    if (found.file) { /* built with debug information */
        assert_non_null(strstr(found.file, "test_symbol_file.c"));
        assert_int_equal(found.line, FUNCTION_LINE);
    }
    symbol_file_close(file);
}

static void address_behind_a_call_belongs_to_the_caller(void **state)
{
    struct symbol_file *file;
    struct symbol_found found;

    (void)state;
    assert_int_equal(symbol_file_open(&file, "/proc/self/exe", "", MANY), 0);
    found = symbol_file_find(file, own_address() + 3);
    assert_string_equal(found.name, "symbol_to_find");
    assert_true(found.start == own_address());
    symbol_file_close(file);
}

static void address_outside_has_no_name(void **state)
{
    struct symbol_file *file;

    (void)state;
    assert_int_equal(symbol_file_open(&file, "/proc/self/exe", "", MANY), 0);
    assert_null(symbol_file_find(file, 0).name);
    assert_null(symbol_file_find(file, 1).name);
    assert_null(symbol_file_find(file, UINT64_MAX).name);
    symbol_file_close(file);
}

static void odd_symbols_cover_what_they_can(void **state)
{
    struct symbol_file *file;
    uint64_t begin = (uint64_t)(uintptr_t)odd_begin - own_bias();
    uint64_t end = (uint64_t)(uintptr_t)odd_end - own_bias();

    (void)state;
    assert_int_equal(symbol_file_open(&file, "/proc/self/exe", "", MANY), 0);
    assert_string_equal(symbol_file_find(file, begin).name, "odd_begin");
    assert_string_equal(symbol_file_find(file, begin + 15).name, "odd_begin");
    assert_string_equal(symbol_file_find(file, begin + 16).name, "odd_alias"); /* the global one */
    assert_string_equal(symbol_file_find(file, begin + 31).name,
                        "odd_alias"); /* sized as the other */
    assert_string_equal(symbol_file_find(file, end).name, "odd_end");
    assert_string_equal(symbol_file_find(file, end + 7).name, "odd_end");
    assert_string_equal(symbol_file_find(file, 0x123456789).name, "odd_nowhere");
    assert_null(symbol_file_find(file, 0x12345678b).name);
    assert_null(symbol_file_find(file, 0x987654321).name); /* a number is no code */
    symbol_file_close(file);
}

static void stripped_library_still_has_its_exports(void **state)
{
    struct symbol_file *file;
    struct link_map *map = NULL;
    void *libc = dlopen("libc.so.6", RTLD_NOW);
    uint64_t address = (uint64_t)(uintptr_t)dlsym(libc, "qsort");

    (void)state;
    assert_int_equal(dlinfo(libc, RTLD_DI_LINKMAP, &map), 0);
    assert_int_equal(symbol_file_open(&file, map->l_name, "", MANY), 0);
    assert_string_equal(symbol_file_find(file, address - map->l_addr).name, "qsort");
    symbol_file_close(file);
}

/* libc's debug information, where it is installed, is packed, and larger than all else here. */
static void handful_of_addresses_has_names_without_unpacking_much(void **state)
{
    struct symbol_found few, many;
    struct symbol_file *file[2];
    struct link_map *map = NULL;
    void *libc = dlopen("libc.so.6", RTLD_NOW);
    uint64_t address = (uint64_t)(uintptr_t)dlsym(libc, "qsort");

    (void)state;
    assert_int_equal(dlinfo(libc, RTLD_DI_LINKMAP, &map), 0);
    address -= map->l_addr;
    assert_int_equal(symbol_file_open(&file[0], map->l_name, "", 1), 0);
    assert_int_equal(symbol_file_open(&file[1], map->l_name, "", MANY), 0);
    few = symbol_file_find(file[0], address);
    many = symbol_file_find(file[1], address);
    assert_string_equal(few.name, "qsort");
    assert_string_equal(many.name, "qsort");
    assert_null(few.file);
    assert_non_null(many.file); /* libc6-dbg is installed: valgrind depends on it */
    symbol_file_close(file[0]);
    symbol_file_close(file[1]);
}

static void file_with_another_build_id_is_stale(void **state)
{
    struct symbol_file *file;

    (void)state;
    assert_int_equal(symbol_file_open(&file, "/proc/self/exe", "0123456789", MANY), -ESTALE);
}

static void file_that_is_none_is_an_error(void **state)
{
    struct symbol_file *file;

    (void)state;
    assert_int_equal(symbol_file_open(&file, "/nowhere", "", MANY), -ENOENT);
    assert_int_equal(symbol_file_open(&file, "/proc/self/status", "", MANY), -ENOEXEC);
}

/* As it was, this opened the pipe and waited for somebody to write to it. */
static void what_is_no_file_is_neither_waited_for_nor_read(void **state)
{
    char folder[] = "/tmp/symbols-XXXXXX", pipe[64];
    struct symbol_file *file;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(pipe, sizeof(pipe), "%s/pipe", folder);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_int_equal(symbol_file_open(&file, pipe, "", MANY), -ENOEXEC);
    assert_int_equal(symbol_file_open(&file, "/dev/zero", "", MANY), -ENOEXEC);
    assert_int_equal(symbol_file_open(&file, folder, "", MANY), -ENOEXEC);
    unlink(pipe);
    rmdir(folder);
}

static void mangled_name_is_demangled_where_libstdcxx_is(void **state)
{
    char *name = demangle("_ZNSt6vectorIiSaIiEE9push_backEOi");

    (void)state;
    assert_null(demangle("printf"));
    assert_null(demangle("_Zbroken"));
    if (!name)
        skip();
    assert_string_equal(name, "std::vector<int, std::allocator<int> >::push_back(int&&)");
    free(name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handful_of_addresses_has_names_without_unpacking_much),
        cmocka_unit_test(address_of_a_function_has_its_name_and_line),
        cmocka_unit_test(address_behind_a_call_belongs_to_the_caller),
        cmocka_unit_test(address_outside_has_no_name),
        cmocka_unit_test(odd_symbols_cover_what_they_can),
        cmocka_unit_test(stripped_library_still_has_its_exports),
        cmocka_unit_test(file_with_another_build_id_is_stale),
        cmocka_unit_test(file_that_is_none_is_an_error),
        cmocka_unit_test(what_is_no_file_is_neither_waited_for_nor_read),
        cmocka_unit_test(mangled_name_is_demangled_where_libstdcxx_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
