/* SPDX-License-Identifier: Apache-2.0 */
/* Names of a session's further files, which of them give way, and who has a file mapped. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "drain/file_names.h"
#include "drain/file_users.h"
#include "drain/session_folder.h"

static char folder[] = "/tmp/names-XXXXXX";

static void numbers_stand_in_front_of_the_suffix(void **state)
{
    char out[64];

    (void)state;
    assert_int_equal(file_name_rotated(out, sizeof(out), "/a/x.adatrace", 2), 0);
    assert_string_equal(out, "/a/x.0002.adatrace");
    assert_int_equal(file_name_rotated(out, sizeof(out), "/a.adatrace/x", 12345), 0);
    assert_string_equal(out, "/a.adatrace/x.12345");
    assert_int_equal(file_name_rotated(out, sizeof(out), "x.adatracy", 1), 0);
    assert_string_equal(out, "x.adatracy.0001");
    /* A suffix alone is a name. */
    assert_int_equal(file_name_rotated(out, sizeof(out), "/a/.adatrace", 3), 0);
    assert_string_equal(out, "/a/.adatrace.0003");
    assert_int_equal(file_name_snapshot(out, sizeof(out), "/a/x.adatrace", 7), 0);
    assert_string_equal(out, "/a/x-snapshot-0007.adatrace");
}

static void name_that_finds_no_room_is_refused(void **state)
{
    char out[20];

    (void)state;
    assert_int_equal(file_name_rotated(out, sizeof(out), "/abc/x.adatrace", 1), -ENAMETOOLONG);
    assert_int_equal(file_name_snapshot(out, sizeof(out), "/a/x.adatrace", 1), -ENAMETOOLONG);
}

static void files_make(const char *const *names)
{
    for (; *names; names++)
        assert_int_equal(close(open(*names, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
}

static void what_is_made_of_a_file_is_named_after_it(void **state)
{
    char out[64];

    (void)state;
    file_name_derived(out, sizeof(out), "/a.b/x.0002.adatrace", "replay");
    assert_string_equal(out, "x.0002.replay.adatrace");
    file_name_derived(out, sizeof(out), "x", "cut");
    assert_string_equal(out, "x.cut.adatrace");
    file_name_derived(out, sizeof(out), "/a/.adatrace", "cut");
    assert_string_equal(out, ".adatrace.cut.adatrace");
    file_name_derived(out, 8, "/a/x.adatrace", "cut");
    assert_string_equal(out, "x.cut.a");
}

static void only_files_of_that_name_give_way(void **state)
{
    static const char *const ours[] = {"x.0003.adatrace", "x.0002.adatrace", "x.12345.adatrace",
                                       NULL};
    static const char *const others[] = {"x.adatrace",
                                         "x.001.adatrace",
                                         "x.+001.adatrace",
                                         "x.0001.adatracy",
                                         "xy.0001.adatrace",
                                         "x-0001.adatrace",
                                         "x.4294967295.adatrace",
                                         "x.0001",
                                         "x.:001.adatrace",
                                         NULL};

    (void)state;
    files_make(ours);
    files_make(others);
    assert_int_equal(file_names_clear("x.adatrace", 2), 0); /* where we stand; this one is ours */
    assert_int_equal(access(ours[0], F_OK) | access(ours[2], F_OK), -1);
    assert_int_equal(access(ours[1], F_OK), 0);
    for (unsigned n = 0; others[n]; n++)
        assert_int_equal(unlink(others[n]), 0);
    assert_int_equal(unlink(ours[1]), 0);
}

static void file_that_cannot_give_way_is_an_error(void **state)
{
    char path[64];

    (void)state;
    assert_int_equal(mkdir("x.0003.adatrace", 0700), 0);
    strcat(strcpy(path, folder), "/x.adatrace");
    assert_int_equal(file_names_clear(path, 0), -EISDIR);
    assert_int_equal(rmdir("x.0003.adatrace"), 0);
    assert_int_equal(file_names_clear(path, 0), 0);
    assert_int_equal(file_names_clear("/nowhere/at/all/x.adatrace", 0), -ENOENT);
}

/* ---- who uses a file ---- */

static void file_is_used_by_who_has_mapped_it(void **state)
{
    int fd = open("mapped", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    void *map;

    (void)state;
    assert_int_equal(ftruncate(fd, 4096), 0);
    assert_int_equal(file_user_find(fd), 0);
    map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    assert_int_equal(file_user_find(fd), getpid());
    assert_int_equal(rename("mapped", "moved"), 0);
    assert_int_equal(file_user_find(fd), getpid());
    munmap(map, 4096);
    assert_int_equal(file_user_find(fd), 0);
    close(fd);
    assert_int_equal(file_user_find(fd), 0);
    assert_int_equal(unlink("moved"), 0);
}

/* ---- where sessions are ---- */

static void folders_are_where_the_environment_says(void **state)
{
    (void)state;
    assert_int_equal(setenv("ADATRACE_RUNTIME_DIR", "/only", 1), 0);
    assert_string_equal(session_folder_parent(0), "/only");
    assert_null(session_folder_parent(1));
    assert_int_equal(setenv("ADATRACE_RUNTIME_DIR", "here", 1), 0); /* not absolute */
    assert_int_equal(setenv("XDG_RUNTIME_DIR", "/run/own", 1), 0);
    assert_string_equal(session_folder_parent(0), "/run/own");
    assert_string_equal(session_folder_parent(1), "/tmp");
    assert_null(session_folder_parent(2));
    assert_int_equal(setenv("XDG_RUNTIME_DIR", "own", 1), 0);
    assert_string_equal(session_folder_parent(0), "/tmp");
    assert_null(session_folder_parent(1));
}

static void folder_that_cannot_be_made_is_an_error(void **state)
{
    struct session_folder f;
    char deep[200];

    (void)state;
    assert_int_equal(setenv("ADATRACE_RUNTIME_DIR", "/nowhere/at/all", 1), 0);
    assert_int_equal(session_folder_create(&f), -ENOENT);
    assert_int_equal(session_folder_remove(&f), 0); /* there is none */
    memset(deep, '/', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = 0;
    assert_int_equal(setenv("ADATRACE_RUNTIME_DIR", deep, 1), 0);
    assert_int_equal(session_folder_create(&f), -ENAMETOOLONG); /* of a socket's address */
}

static int begin(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    return chdir("/") | rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_stand_in_front_of_the_suffix),
        cmocka_unit_test(name_that_finds_no_room_is_refused),
        cmocka_unit_test(what_is_made_of_a_file_is_named_after_it),
        cmocka_unit_test(only_files_of_that_name_give_way),
        cmocka_unit_test(file_that_cannot_give_way_is_an_error),
        cmocka_unit_test(file_is_used_by_who_has_mapped_it),
        cmocka_unit_test(folders_are_where_the_environment_says),
        cmocka_unit_test(folder_that_cannot_be_made_is_an_error),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
