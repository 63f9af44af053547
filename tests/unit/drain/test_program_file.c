/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of all kinds, made by hand from a plain dynamically linked one. */
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "drain/program_file.h"

static char folder[64], path[128];
static unsigned char *sample;
static size_t sample_size;

static void file_write(const void *bytes, size_t size, mode_t mode)
{
    FILE *file;

    unlink(path);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static struct program_verdict inspect(void)
{
    struct program_verdict verdict;

    assert_int_equal(program_inspect(path, &verdict), 0);
    return verdict;
}

static Elf64_Phdr *loader_header(unsigned char *image)
{
    Elf64_Ehdr *head = (Elf64_Ehdr *)(void *)image;
    Elf64_Phdr *p = (Elf64_Phdr *)(void *)(image + head->e_phoff);

    while (p->p_type != PT_INTERP)
        p++;
    return p;
}

static unsigned char *sample_copy(void)
{
    unsigned char *copy = malloc(sample_size);

    memcpy(copy, sample, sample_size);
    return copy;
}

static void dynamic_program_is_traceable(void **state)
{
    (void)state;
    file_write(sample, sample_size, 0755);
    assert_true(inspect().is_traceable);
    assert_true(inspect().may_preload);
    assert_true(inspect().is_elf);
}

static void static_program_is_not(void **state)
{
    unsigned char *copy = sample_copy();

    (void)state;
    loader_header(copy)->p_type = PT_NULL;
    file_write(copy, sample_size, 0755);
    assert_false(inspect().is_traceable);
    assert_true(inspect().may_preload);
    assert_true(inspect().may_emit);
    assert_string_equal(inspect().why, "it is statically linked");
    free(copy);
}

static void program_of_another_machine_is_not_and_must_not_see_the_agent(void **state)
{
    unsigned char *copy = sample_copy();
    Elf64_Ehdr *head = (Elf64_Ehdr *)(void *)copy;

    (void)state;
    head->e_machine = __builtin_bswap16(EM_S390); /* as a big-endian one says it */
    head->e_ident[EI_DATA] ^= ELFDATA2LSB ^ ELFDATA2MSB;
    file_write(copy, sample_size, 0755);
    assert_false(inspect().is_traceable);
    assert_false(inspect().may_preload);
    assert_false(inspect().may_emit);
    assert_string_equal(inspect().why, "it is built for s390x");
    head->e_ident[EI_DATA] ^= ELFDATA2LSB ^ ELFDATA2MSB;
    head->e_machine = EM_386;
    head->e_ident[EI_CLASS] = ELFCLASS32;
    file_write(copy, sample_size, 0755);
    assert_string_equal(inspect().why, "it is built for 32-bit x86");
    free(copy);
}

static void program_of_another_libc_is_not_and_must_not_see_the_agent(void **state)
{
    unsigned char *copy = sample_copy();
    Elf64_Phdr *p = loader_header(copy);

    (void)state;
    snprintf((char *)copy + p->p_offset, p->p_filesz, "/lib/ld-musl.so.1");
    file_write(copy, sample_size, 0755);
    assert_false(inspect().is_traceable);
    assert_false(inspect().may_preload);
    assert_non_null(strstr(inspect().why, "ld-musl"));
    free(copy);
}

static void program_with_another_owners_set_id_bit_is_not(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    file_write(sample, sample_size, 0755);
    assert_int_equal(chown(path, 65534, 65534), 0);
    assert_int_equal(chmod(path, 04755), 0);
    assert_false(inspect().is_traceable);
    assert_false(inspect().may_emit);
    assert_string_equal(inspect().why, "it is set-user-ID");
    assert_int_equal(chmod(path, 02755), 0);
    assert_string_equal(inspect().why, "it is set-group-ID");
}

static void script_is_what_its_interpreter_is(void **state)
{
    static const char good[] = "#!/bin/sh -e\necho\n", missing[] = "#! /nowhere/sh\n";
    struct program_verdict verdict;

    (void)state;
    file_write(good, sizeof(good) - 1, 0755);
    assert_true(inspect().is_traceable);
    assert_false(inspect().is_elf);
    file_write(missing, sizeof(missing) - 1, 0755);
    assert_int_equal(program_inspect(path, &verdict), -ENOENT);
}

static void script_of_scripts_ends(void **state)
{
    char text[256];
    struct program_verdict verdict;

    (void)state;
    snprintf(text, sizeof(text), "#!%s\n", path);
    file_write(text, strlen(text), 0755);
    assert_int_equal(program_inspect(path, &verdict), -ELOOP);
}

static void anything_else_is_survived(void **state)
{
    unsigned char *copy = sample_copy();
    struct program_verdict verdict;

    (void)state;
    for (size_t size = 0; size < 1024; size++) {
        file_write(copy, size, 0755);
        assert_int_equal(program_inspect(path, &verdict), 0);
    }
    for (size_t at = 0; at < 1024; at++) {
        copy[at] ^= 0xff;
        file_write(copy, sample_size < 65536 ? sample_size : 65536, 0755);
        (void)!program_inspect(path, &verdict);
        copy[at] ^= 0xff;
    }
    assert_int_equal(program_inspect("/", &verdict), -EACCES);
    assert_int_equal(program_inspect("/nowhere", &verdict), -ENOENT);
    free(copy);
}

static void find_walks_the_path_as_execvp_does(void **state)
{
    char found[256], search[256];

    (void)state;
    file_write("x", 1, 0755);
    snprintf(search, sizeof(search), "/nowhere:%s", folder);
    assert_int_equal(program_find("program", search, found, sizeof(found)), 0);
    assert_string_equal(found, path);
    assert_int_equal(program_find("program", "/nowhere", found, sizeof(found)), -ENOENT);
    assert_int_equal(program_find(path, "", found, sizeof(found)), 0);
    assert_int_equal(program_find("", search, found, sizeof(found)), -ENOENT);
    assert_int_equal(program_find("/", search, found, sizeof(found)), -EISDIR);
    file_write("x", 1, 0644);
    assert_int_equal(program_find("program", search, found, sizeof(found)), -EACCES);
}

static int group_begin(void **state)
{
    FILE *file = fopen("/bin/true", "r");

    (void)state;
    strcpy(folder, "/tmp/test_program_file-XXXXXX");
    if (!file || !mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/program", folder);
    sample = malloc(16 << 20);
    sample_size = fread(sample, 1, 16 << 20, file);
    fclose(file);
    return 0;
}

static int group_end(void **state)
{
    (void)state;
    unlink(path);
    free(sample);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dynamic_program_is_traceable),
        cmocka_unit_test(static_program_is_not),
        cmocka_unit_test(program_of_another_machine_is_not_and_must_not_see_the_agent),
        cmocka_unit_test(program_of_another_libc_is_not_and_must_not_see_the_agent),
        cmocka_unit_test(program_with_another_owners_set_id_bit_is_not),
        cmocka_unit_test(script_is_what_its_interpreter_is),
        cmocka_unit_test(script_of_scripts_ends),
        cmocka_unit_test(anything_else_is_survived),
        cmocka_unit_test(find_walks_the_path_as_execvp_does),
    };

    return cmocka_run_group_tests(tests, group_begin, group_end);
}
