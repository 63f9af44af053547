/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/exec_target.h"
#include "base/machine_kind.h"

static char directory[] = "/tmp/ada-target-XXXXXX";

static const char *make_file(const char *name, const void *bytes, size_t size)
{
    static char path[256];
    int fd;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0755);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    close(fd);
    return path;
}

static const char *make_script(const char *name, const char *text)
{
    return make_file(name, text, strlen(text));
}

struct tiny_elf {
    ElfW(Ehdr) head;
    ElfW(Phdr) segment;
    char linker[64];
};

static struct tiny_elf make_elf(const char *linker)
{
    struct tiny_elf e = {0};

    memcpy(e.head.e_ident, ELFMAG, SELFMAG);
    e.head.e_ident[EI_CLASS] = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
    e.head.e_machine = MACHINE_KIND_ELF;
    e.head.e_phoff = offsetof(struct tiny_elf, segment);
    e.head.e_phentsize = sizeof(e.segment);
    e.head.e_phnum = linker != NULL;
    if (linker) {
        e.segment.p_type = PT_INTERP;
        e.segment.p_offset = offsetof(struct tiny_elf, linker);
        e.segment.p_filesz = strlen(linker) + 1;
        strcpy(e.linker, linker);
    }
    return e;
}

static bool elf_is_fit(const char *name, const struct tiny_elf *e)
{
    return exec_target_is_fit(AT_FDCWD, make_file(name, e, sizeof(*e)));
}

static void program_of_this_system_is_fit(void **state)
{
    (void)state;
    assert_true(exec_target_is_fit(AT_FDCWD, "/bin/sh"));
    assert_true(exec_target_is_fit(AT_FDCWD, "/usr/bin/env"));
}

static void program_of_another_architecture_is_not(void **state)
{
    struct tiny_elf e = make_elf(NULL);

    (void)state;
    e.head.e_machine = MACHINE_KIND_ELF ^ 1;
    assert_false(elf_is_fit("s390", &e));
    e = make_elf(NULL);
    e.head.e_ident[EI_CLASS] ^= ELFCLASS32 ^ ELFCLASS64;
    assert_false(elf_is_fit("other-class", &e));
}

static void program_of_another_libc_is_not(void **state)
{
    struct tiny_elf e = make_elf("/lib/ld-musl-x86_64.so.1");

    (void)state;
    assert_false(elf_is_fit("musl", &e));
    e = make_elf("/nix/store/0000-glibc-2.19/lib/ld-linux-x86-64.so.2");
    assert_false(elf_is_fit("nix", &e));
}

/* The same dynamic linker by another name. */
static void linker_is_known_through_links(void **state)
{
    char link[256], target[PATH_MAX];
    struct tiny_elf e;

    (void)state;
    if (!realpath("/lib64/ld-linux-x86-64.so.2", target))
        skip();
    snprintf(link, sizeof(link), "%s/ld.so", directory);
    assert_int_equal(symlink(target, link), 0);
    e = make_elf(link);
    assert_true(elf_is_fit("linked", &e));
}

static void static_program_is_left_to_itself(void **state)
{
    struct tiny_elf e = make_elf(NULL);

    (void)state;
    assert_true(elf_is_fit("static", &e));
}

static void script_is_what_its_interpreter_is(void **state)
{
    struct tiny_elf e = make_elf("/lib/ld-musl-x86_64.so.1");
    char text[300];

    (void)state;
    assert_true(exec_target_is_fit(AT_FDCWD, make_script("good", "#!/bin/sh\nexit\n")));
    assert_true(exec_target_is_fit(AT_FDCWD, make_script("env", "#! /usr/bin/env python3\n")));
    snprintf(text, sizeof(text), "#!%s -x\n", make_file("musl", &e, sizeof(e)));
    assert_false(exec_target_is_fit(AT_FDCWD, make_script("bad", text)));
    snprintf(text, sizeof(text), "#!%s/bad\n", directory);
    assert_false(exec_target_is_fit(AT_FDCWD, make_script("worse", text)));
}

static void interpreter_of_itself_ends(void **state)
{
    char text[300];

    (void)state;
    snprintf(text, sizeof(text), "#!%s/ring\n", directory);
    assert_true(exec_target_is_fit(AT_FDCWD, make_script("ring", text)));
}

static void what_cannot_be_read_is_left_to_the_kernel(void **state)
{
    int saved = errno = 77;

    (void)state;
    assert_true(exec_target_is_fit(AT_FDCWD, "/no/such"));
    assert_true(exec_target_is_fit(AT_FDCWD, directory));
    assert_true(exec_target_is_fit(AT_FDCWD, make_script("empty", "")));
    assert_true(exec_target_is_fit(AT_FDCWD, make_script("bang", "#!")));
    assert_true(exec_target_is_fit(AT_FDCWD, make_script("blank", "#!  \n")));
    assert_true(exec_target_is_fit(AT_FDCWD, make_file("cut", ELFMAG, SELFMAG)));
    assert_true(exec_target_fd_is_fit(-1));
    assert_int_equal(errno, saved);
}

static void damaged_headers_are_bounded(void **state)
{
    struct tiny_elf e = make_elf("/lib/ld-musl-x86_64.so.1");

    (void)state;
    e.head.e_phoff = UINT64_MAX - 8;
    assert_true(elf_is_fit("far", &e));
    e = make_elf("/lib/ld-musl-x86_64.so.1");
    e.head.e_phnum = 0xffff;
    e.segment.p_type = PT_NULL;
    assert_true(elf_is_fit("many", &e));
    e = make_elf("/lib/ld-musl-x86_64.so.1");
    e.segment.p_filesz = UINT64_MAX;
    assert_true(elf_is_fit("long", &e));
}

static void descriptor_is_looked_at(void **state)
{
    struct tiny_elf e = make_elf("/lib/ld-musl-x86_64.so.1");
    int fd = open(make_file("by-fd", &e, sizeof(e)), O_RDONLY);

    (void)state;
    assert_false(exec_target_fd_is_fit(fd));
    close(fd);
}

static void file_is_found_in_path(void **state)
{
    char buffer[256], path[256];

    (void)state;
    make_script("found-me", "#!/bin/sh\n");
    snprintf(path, sizeof(path), "/nonexistent:%s:/bin", directory);
    setenv("PATH", path, 1);
    snprintf(path, sizeof(path), "%s/found-me", directory);
    assert_string_equal(exec_target_find("found-me", buffer, sizeof(buffer)), path);
    assert_string_equal(exec_target_find("sh", buffer, sizeof(buffer)), "/bin/sh");
    assert_string_equal(exec_target_find("./x", buffer, sizeof(buffer)), "./x");
    assert_string_equal(exec_target_find("not-there", buffer, sizeof(buffer)), "not-there");
    assert_string_equal(exec_target_find("sh", buffer, 4), "sh");
    assert_string_equal(exec_target_find("", buffer, sizeof(buffer)), "");
    unsetenv("PATH");
    assert_string_equal(exec_target_find("sh", buffer, sizeof(buffer)), "/bin/sh");
    assert_int_equal(chdir(directory), 0);
    setenv("PATH", ":/bin", 1);
    assert_string_equal(exec_target_find("found-me", buffer, sizeof(buffer)), "found-me");
    setenv("PATH", "/usr/bin:/bin", 1);
}

static int set_up(void **state)
{
    (void)state;
    exec_target_prepare();
    return mkdtemp(directory) ? 0 : -1;
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -r %s", directory);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(program_of_this_system_is_fit),
        cmocka_unit_test(program_of_another_architecture_is_not),
        cmocka_unit_test(program_of_another_libc_is_not),
        cmocka_unit_test(linker_is_known_through_links),
        cmocka_unit_test(static_program_is_left_to_itself),
        cmocka_unit_test(script_is_what_its_interpreter_is),
        cmocka_unit_test(interpreter_of_itself_ends),
        cmocka_unit_test(what_cannot_be_read_is_left_to_the_kernel),
        cmocka_unit_test(damaged_headers_are_bounded),
        cmocka_unit_test(descriptor_is_looked_at),
        cmocka_unit_test(file_is_found_in_path),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
