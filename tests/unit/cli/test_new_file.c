/* SPDX-License-Identifier: Apache-2.0 */
/* A new file is there when it is whole, or not at all. */
#include "cli/new_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/test_new_file-XXXXXX";
static char path[128];

static int folder_make(void **state)
{
    (void)state;
    snprintf(path, sizeof(path), "%s/new", mkdtemp(folder));
    return 0;
}

static int folder_remove(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void text_store(const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void text_expect(const char *text)
{
    char found[64];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size;

    assert_true(fd >= 0);
    size = read(fd, found, sizeof(found) - 1);
    assert_true(size >= 0);
    found[size] = 0;
    assert_string_equal(found, text);
    close(fd);
}

static unsigned names_count(void)
{
    DIR *names = opendir(folder);
    unsigned count = 0;

    assert_non_null(names);
    for (struct dirent *entry; (entry = readdir(names));)
        count += entry->d_name[0] != '.' || entry->d_name[1] == 'a';
    closedir(names);
    return count;
}

static void write_and_close(int fd, const char *text)
{
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void file_appears_when_it_is_kept(void **state)
{
    struct new_file file;

    (void)state;
    unlink(path);
    write_and_close(new_file_open(&file, path, false), "whole");
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(new_file_keep(&file), 0);
    text_expect("whole");
    assert_int_equal(names_count(), 1);
}

static void discarded_file_leaves_nothing(void **state)
{
    struct new_file file;

    (void)state;
    unlink(path);
    write_and_close(new_file_open(&file, path, false), "half");
    new_file_discard(&file);
    assert_int_equal(names_count(), 0);
}

static void file_that_is_there_is_replaced_only_by_force(void **state)
{
    struct new_file file;

    (void)state;
    text_store("old");
    assert_int_equal(new_file_open(&file, path, false), -EEXIST);
    text_expect("old");
    write_and_close(new_file_open(&file, path, true), "new");
    text_expect("old"); /* until then */
    assert_int_equal(new_file_keep(&file), 0);
    text_expect("new");
    assert_int_equal(names_count(), 1);
}

static void file_that_came_meanwhile_is_not_replaced(void **state)
{
    struct new_file file;

    (void)state;
    unlink(path);
    write_and_close(new_file_open(&file, path, false), "new");
    text_store("came meanwhile");
    assert_int_equal(new_file_keep(&file), -EEXIST);
    text_expect("came meanwhile");
    assert_int_equal(names_count(), 1);
}

static void device_is_written_to_as_it_is(void **state)
{
    struct new_file file;

    (void)state;
    write_and_close(new_file_open(&file, "/dev/null", false), "anything");
    assert_false(file.is_new);
    assert_int_equal(new_file_keep(&file), 0);
}

static void folder_that_is_not_there_is_an_error(void **state)
{
    struct new_file file;

    (void)state;
    assert_int_equal(new_file_open(&file, "/no/such/folder/file", false), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_appears_when_it_is_kept),
        cmocka_unit_test(discarded_file_leaves_nothing),
        cmocka_unit_test(file_that_is_there_is_replaced_only_by_force),
        cmocka_unit_test(file_that_came_meanwhile_is_not_replaced),
        cmocka_unit_test(device_is_written_to_as_it_is),
        cmocka_unit_test(folder_that_is_not_there_is_an_error),
    };

    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
