/* SPDX-License-Identifier: Apache-2.0 */
/* A new file in place of an old one: the old one goes only when the new one is there. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fresh_file.h"

static char folder[] = "/tmp/adatrace-test-XXXXXX", path[64], other[64];

static int folder_make(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/trace", folder);
    snprintf(other, sizeof(other), "%s/other", folder);
    return 0;
}

static int folder_remove(void **state)
{
    (void)state;
    unlink(path);
    unlink(other);
    return rmdir(folder); /* nothing else was left in it */
}

static void file_write(const char *name, const char *text)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void assert_holds(const char *name, const char *text)
{
    char got[64] = "";
    int fd = open(name, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_true(read(fd, got, sizeof(got) - 1) >= 0);
    close(fd);
    assert_string_equal(got, text);
}

static void old_file_that_may_not_be_replaced_stays(void **state)
{
    (void)state;
    file_write(path, "old");
    assert_int_equal(fresh_file_open(path, false), -EEXIST);
    assert_holds(path, "old");
}

static void old_file_is_its_readers_until_they_close_it(void **state)
{
    char got[8] = "";
    int old, fd;

    (void)state;
    file_write(path, "old");
    old = open(path, O_RDONLY | O_CLOEXEC);
    fd = fresh_file_open(path, true);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "new", 3), 3);
    close(fd);
    assert_holds(path, "new");
    assert_int_equal(read(old, got, sizeof(got)), 3);
    assert_string_equal(got, "old");
    close(old);
}

static void link_is_replaced_and_not_what_it_leads_to(void **state)
{
    struct stat status;
    int fd;

    (void)state;
    unlink(path);
    file_write(other, "other");
    assert_int_equal(symlink(other, path), 0);
    assert_int_equal(fresh_file_open(path, false), -EEXIST);
    fd = fresh_file_open(path, true);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(lstat(path, &status), 0);
    assert_true(S_ISREG(status.st_mode));
    assert_holds(other, "other");
}

static void old_file_stays_when_there_can_be_no_new_one(void **state)
{
    struct rlimit few, before;

    (void)state;
    file_write(path, "old");
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = (struct rlimit){0, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    assert_int_equal(fresh_file_open(path, true), -EMFILE);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_holds(path, "old");
}

static void old_file_keeps_its_name_until_the_new_one_is_complete(void **state)
{
    char name[PATH_MAX];
    int fd;

    (void)state;
    file_write(path, "old");
    assert_int_equal(fresh_file_begin(path, false, name), -EEXIST);
    fd = fresh_file_begin(path, true, name);
    assert_true(fd >= 0);
    assert_true(fresh_file_is_beside(path, name));
    assert_int_equal(write(fd, "new", 3), 3);
    close(fd);
    assert_holds(path, "old");
    assert_int_equal(fresh_file_keep(path, name), 0);
    assert_holds(path, "new");
    assert_int_equal(access(name, F_OK), -1);
}

static void new_file_where_nothing_was_has_its_name_at_once(void **state)
{
    char name[PATH_MAX];
    int fd;

    (void)state;
    unlink(path);
    fd = fresh_file_begin(path, true, name);
    assert_true(fd >= 0);
    close(fd);
    assert_false(fresh_file_is_beside(path, name));
    assert_string_equal(name, path);
    assert_int_equal(fresh_file_keep(path, name), 0);
    assert_holds(path, "");
}

/* What turned out to be for nothing has cost nothing; what did not, leaves nothing behind. */
static void old_file_is_put_back_or_goes(void **state)
{
    char old[PATH_MAX];

    (void)state;
    for (int undo = 1; undo >= 0; undo--) {
        int fd;

        file_write(path, "old");
        fd = fresh_file_exchange(path, true, old);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, "new", 3), 3);
        close(fd);
        assert_holds(path, "new");
        assert_holds(old, "old");
        if (undo)
            fresh_file_undo(path, old);
        else
            fresh_file_settle(old);
        assert_holds(path, undo ? "old" : "new");
        assert_int_equal(access(old, F_OK), -1);
    }
}

static void where_nothing_was_nothing_is_put_back(void **state)
{
    char old[PATH_MAX];
    int fd;

    (void)state;
    unlink(path);
    fd = fresh_file_exchange(path, true, old);
    assert_true(fd >= 0);
    close(fd);
    assert_string_equal(old, "");
    assert_int_equal(fresh_file_exchange(path, false, old), -EEXIST);
    *old = 0;
    fresh_file_undo(path, old);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(fresh_file_exchange(folder, true, old), -EISDIR);
}

static void folder_is_not_replaced_and_nothing_stays_beside_it(void **state)
{
    char beside[128];

    (void)state;
    assert_int_equal(fresh_file_open(folder, true), -EISDIR);
    snprintf(beside, sizeof(beside), "%s.%d-0", folder, (int)getpid());
    assert_int_equal(access(beside, F_OK), -1);
}

static void name_that_is_too_long_is_refused(void **state)
{
    char name[PATH_MAX + 8];

    (void)state;
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = 0;
    assert_int_equal(fresh_file_open(name, true), -ENAMETOOLONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(old_file_that_may_not_be_replaced_stays),
        cmocka_unit_test(old_file_is_its_readers_until_they_close_it),
        cmocka_unit_test(link_is_replaced_and_not_what_it_leads_to),
        cmocka_unit_test(old_file_stays_when_there_can_be_no_new_one),
        cmocka_unit_test(old_file_keeps_its_name_until_the_new_one_is_complete),
        cmocka_unit_test(new_file_where_nothing_was_has_its_name_at_once),
        cmocka_unit_test(old_file_is_put_back_or_goes),
        cmocka_unit_test(where_nothing_was_nothing_is_put_back),
        cmocka_unit_test(folder_is_not_replaced_and_nothing_stays_beside_it),
        cmocka_unit_test(name_that_is_too_long_is_refused),
    };

    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
