/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rotation and snapshots, asked for from outside: which file there is then, and why there is none.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "control_house.h"
#include "drain/control_files.h"
#include "format/trace_reader.h"
#include "tests/helpers/evidence.h"

static char folder[32], trace[64], second[64], picture[64], numbered[64], taken[64];
static const char *const files[] = {trace, second, picture, numbered, taken};

static void house_begin(struct house *h, bool flight)
{
    int fd = open(trace, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    if (flight)
        close(fd);
    house_open_as(h, &(struct house_plan){.fd = fd, .file = trace, .flight = flight});
}

/* It reads as a whole trace. */
static void file_is_whole(const char *path)
{
    assert_int_equal(trace_verify(path, NULL, NULL), 0);
}

static void refused(const struct house *h, const char *verb, const char *path, int status,
                    const char *why)
{
    struct session_answer answer;

    house_ask(h, verb, path ? 3 : 0, (const char *const[]){path, "0", "0"}, &answer);
    assert_int_equal(answer.status, status);
    if (!strstr(answer.body, why))
        fail_msg("%s: %s", verb, answer.body);
    assert_int_equal(answer.fd_count, 0);
    session_answer_free(&answer);
}

/* Ask for one and wait until it is there. */
static struct control_snapshot snapshot(const struct house *h, const char *path,
                                        const char *replace)
{
    struct session_answer answer;
    struct control_snapshot told;

    house_ask(h, "snapshot", 3, (const char *const[]){path, replace, "0"}, &answer);
    assert_int_equal(answer.status, 0);
    assert_int_equal(answer.fd_count, 1);
    assert_int_equal(recv(answer.fds[0], &told, sizeof(told), 0), sizeof(told));
    session_answer_free(&answer);
    return told;
}

/* ---- tests ---- */

static void rotation_answers_with_the_new_file(void **state)
{
    struct session_answer answer;
    struct house h;

    (void)state;
    house_begin(&h, false);
    house_ask(&h, "rotate", 0, NULL, &answer);
    assert_int_equal(answer.status, 0);
    assert_string_equal(answer.body, second);
    session_answer_free(&answer);
    house_close(&h);
    file_is_whole(trace);
    file_is_whole(second);
    assert_int_equal(unlink(second), 0);
}

static void rotation_into_a_file_that_is_there_names_it(void **state)
{
    struct house h;

    (void)state;
    assert_int_equal(close(open(second, O_WRONLY | O_CREAT, 0600)), 0);
    house_begin(&h, false);
    refused(&h, "rotate", NULL, -EEXIST, "x.0002.adatrace: File exists");
    house_close(&h);
    file_is_whole(trace); /* it went on in this one */
    assert_int_equal(unlink(second), 0);
}

static void flight_recorder_is_not_rotated(void **state)
{
    struct house h;

    (void)state;
    house_begin(&h, true);
    refused(&h, "rotate", NULL, -ENOTSUP, "this session writes no file that could be left");
    house_close(&h);
}

static void pipe_is_not_rotated_nor_read_again(void **state)
{
    struct house h;
    int pipes[2];

    (void)state;
    /* What has the next file's name is not looked at, much less replaced. */
    assert_int_equal(close(open(second, O_WRONLY | O_CREAT, 0600)), 0);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    house_open_as(&h, &(struct house_plan){.fd = pipes[1], .file = trace});
    refused(&h, "rotate", NULL, -ESPIPE, "this session does not write into a regular file");
    refused(&h, "snapshot", picture, -ESPIPE, "what it has written cannot be read again");
    assert_int_equal(access(picture, F_OK), -1);
    assert_int_equal(unlink(second), 0);
    house_close(&h);
    close(pipes[0]);
}

static void snapshot_tells_its_file_and_size(void **state)
{
    struct control_snapshot told;
    struct stat status;
    struct house h;

    (void)state;
    house_begin(&h, false);
    told = snapshot(&h, picture, "0");
    assert_int_equal(told.status, 0);
    assert_string_equal(told.path, picture);
    assert_int_equal(stat(picture, &status), 0);
    assert_int_equal(told.file_bytes, status.st_size);
    file_is_whole(picture);
    told = snapshot(&h, picture, "0"); /* may not be there */
    assert_int_equal(told.status, -EEXIST);
    assert_string_equal(told.path, picture);
    told = snapshot(&h, picture, "1");
    assert_int_equal(told.status, 0);
    file_is_whole(picture);
    assert_int_equal(unlink(picture), 0);
    house_close(&h);
}

static void snapshot_without_a_name_takes_the_next_that_is_free(void **state)
{
    struct control_snapshot told;
    struct house h;

    (void)state;
    assert_int_equal(close(open(taken, O_WRONLY | O_CREAT, 0600)), 0);
    house_begin(&h, true);
    told = snapshot(&h, "", "0");
    assert_int_equal(told.status, 0);
    assert_string_equal(told.path, numbered);
    file_is_whole(numbered);
    assert_int_equal(unlink(numbered) | unlink(taken), 0);
    house_close(&h);
}

static void snapshot_where_nothing_can_be_written_says_so(void **state)
{
    char deep[4200], path[80];
    struct control_snapshot told;
    struct house h;

    (void)state;
    house_begin(&h, false);
    refused(&h, "snapshot", "x.adatrace", -EINVAL, "the snapshot's path has to be absolute");
    memset(deep, '/', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = 0;
    refused(&h, "snapshot", deep, -ENAMETOOLONG, "File name too long");
    snprintf(path, sizeof(path), "%s/nowhere/x.adatrace", folder);
    told = snapshot(&h, path, "0");
    assert_int_equal(told.status, -ENOENT);
    assert_string_equal(told.path, path);
    told = snapshot(&h, folder, "1"); /* a folder is not replaced */
    assert_int_equal(told.status, -EISDIR);
    house_close(&h);
    file_is_whole(trace);
}

static void snapshot_on_a_full_disk_leaves_no_file(void **state)
{
    struct control_snapshot told;
    struct rlimit before;
    struct house h;

    (void)state;
    house_begin(&h, true);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){0, before.rlim_max}), 0);
    told = snapshot(&h, picture, "0");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(told.status, -EFBIG);
    assert_int_equal(access(picture, F_OK), -1);
    told = snapshot(&h, picture, "0");
    assert_int_equal(told.status, 0);
    assert_int_equal(unlink(picture), 0);
    house_close(&h);
}

static ino_t inode_of(const char *path)
{
    struct stat status;

    assert_int_equal(stat(path, &status), 0);
    return status.st_ino;
}

static unsigned names_in_folder(void)
{
    DIR *names = opendir(folder);
    unsigned count = 0;

    assert_non_null(names);
    for (const struct dirent *name; (name = readdir(names));)
        count += name->d_name[0] != '.';
    closedir(names);
    return count;
}

/* Wherever writing ends: the older one is there until a whole one takes its name. */
static void snapshot_that_fails_leaves_the_one_that_it_was_to_replace(void **state)
{
    struct control_snapshot told;
    struct rlimit before;
    struct house h;
    unsigned names, failed = 0;
    rlim_t size;
    ino_t old;

    (void)state;
    house_begin(&h, true);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    told = snapshot(&h, picture, "0");
    assert_int_equal(told.status, 0);
    old = inode_of(picture);
    names = names_in_folder();
    size = told.file_bytes;
    for (rlim_t limit = 0; limit < size; limit += 7) {
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){limit, before.rlim_max}), 0);
        told = snapshot(&h, picture, "1");
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(told.status, -EFBIG);
        assert_int_equal(inode_of(picture), old);
        assert_int_equal(names_in_folder(), names);
        failed++;
    }
    file_is_whole(picture);
    told = snapshot(&h, picture, "1");
    assert_int_equal(told.status, 0);
    assert_int_not_equal(inode_of(picture), old);
    file_is_whole(picture);
    assert_int_equal(names_in_folder(), names);
    assert_int_equal(unlink(picture), 0);
    house_close(&h);
    evidence_write("replaced-stays",
                   "%u snapshots failed, each at another byte; the old one stayed", failed);
}

/* Its name would be gone, and with that all that is recorded from then on. */
static void snapshot_does_not_take_the_name_of_what_is_recorded(void **state)
{
    struct control_snapshot told;
    struct house h;
    ino_t recorded;

    (void)state;
    house_begin(&h, false);
    recorded = inode_of(trace);
    for (int replace = 0; replace < 2; replace++) {
        told = snapshot(&h, trace, replace ? "1" : "0");
        assert_int_equal(told.status, -EBUSY);
        assert_int_equal(inode_of(trace), recorded);
    }
    assert_int_equal(symlink(trace, picture), 0);
    told = snapshot(&h, picture, "1"); /* a link to it is as good as any other file */
    assert_int_equal(told.status, 0);
    house_close(&h);
    assert_int_equal(inode_of(trace), recorded);
    file_is_whole(trace);
    file_is_whole(picture);
    assert_int_equal(unlink(picture), 0);
}

/* What writing the recording has met once is the recording's: a snapshot of it is written. */
static void snapshot_of_a_recording_that_met_an_error_is_there(void **state)
{
    struct control_snapshot told;
    struct rlimit before;
    struct house h;

    (void)state;
    house_begin(&h, false);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){0, before.rlim_max}), 0);
    drain_note(h.drain, TRACE_NOTE_INFO, "that finds no room");
    told = snapshot(&h, picture, "0");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(told.status, -EFBIG);
    told = snapshot(&h, picture, "0");
    assert_int_equal(told.status, 0);
    assert_in_range(trace_verify(picture, NULL, NULL), 0, 3);
    control_close(h.control);
    h.control = NULL;
    drain_stop(h.drain);
    assert_int_equal(drain_close(h.drain), -EFBIG);
    house_close(&h);
    assert_int_equal(unlink(picture), 0);
}

/* Who asks and goes: the snapshot is made all the same. */
static void snapshot_of_who_has_gone_is_there(void **state)
{
    struct session_answer answer;
    struct house h;

    (void)state;
    house_begin(&h, false);
    house_ask(&h, "snapshot", 3, (const char *const[]){picture, "0", "0"}, &answer);
    session_answer_free(&answer);
    house_close(&h);
    file_is_whole(picture);
    assert_int_equal(unlink(picture), 0);
}

static void session_that_has_ended_makes_no_more_files(void **state)
{
    struct house h;

    (void)state;
    house_begin(&h, false);
    drain_stop(h.drain);
    refused(&h, "rotate", NULL, -ESHUTDOWN, "the session is ending");
    refused(&h, "snapshot", picture, -ESHUTDOWN, "the session is ending");
    house_close(&h);
    assert_int_equal(access(picture, F_OK), -1);
}

static bool has_note(const char *path, const char *beginning)
{
    const struct trace_note *note;
    struct trace_error error;
    struct trace *trace_read;
    bool found = false;

    assert_int_equal(trace_open(&trace_read, path, &error), 0);
    for (size_t n = 0; (note = trace_note_at(trace_read, n)); n++)
        found |= strncmp(note->text, beginning, strlen(beginning)) == 0;
    trace_close(trace_read);
    return found;
}

/* It is refused before events are off for good, and before the trace says that it was done. */
static void session_that_nobody_may_end_goes_on(void **state)
{
    struct house h;

    (void)state;
    house_begin(&h, false);
    refused(&h, "stop", NULL, -ENOTSUP, "this session cannot be ended from outside");
    house_close(&h);
    assert_false(has_note(trace, "recording ended"));
}

static int begin(void **state)
{
    strcpy(folder, "/tmp/control-files-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(trace, sizeof(trace), "%s/x.adatrace", folder);
    snprintf(second, sizeof(second), "%s/x.0002.adatrace", folder);
    snprintf(picture, sizeof(picture), "%s/picture.adatrace", folder);
    snprintf(taken, sizeof(taken), "%s/x-snapshot-0001.adatrace", folder);
    snprintf(numbered, sizeof(numbered), "%s/x-snapshot-0002.adatrace", folder);
    return house_runtime_folder(state);
}

static int end(void **state)
{
    for (unsigned n = 0; n < sizeof(files) / sizeof(files[0]); n++)
        unlink(files[n]);
    return rmdir(folder) | house_runtime_folder_remove(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rotation_answers_with_the_new_file),
        cmocka_unit_test(rotation_into_a_file_that_is_there_names_it),
        cmocka_unit_test(flight_recorder_is_not_rotated),
        cmocka_unit_test(pipe_is_not_rotated_nor_read_again),
        cmocka_unit_test(snapshot_tells_its_file_and_size),
        cmocka_unit_test(snapshot_without_a_name_takes_the_next_that_is_free),
        cmocka_unit_test(snapshot_where_nothing_can_be_written_says_so),
        cmocka_unit_test(snapshot_on_a_full_disk_leaves_no_file),
        cmocka_unit_test(snapshot_that_fails_leaves_the_one_that_it_was_to_replace),
        cmocka_unit_test(snapshot_does_not_take_the_name_of_what_is_recorded),
        cmocka_unit_test(snapshot_of_a_recording_that_met_an_error_is_there),
        cmocka_unit_test(snapshot_of_who_has_gone_is_there),
        cmocka_unit_test(session_that_has_ended_makes_no_more_files),
        cmocka_unit_test(session_that_nobody_may_end_goes_on),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
