/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket as its guests should find it, and how sessions are found. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "accept_refused.h"
#include "cli/session_find.h"
#include "control_house.h"

enum { QUESTIONS_MAX = 10000 };

static void session_is_found_and_says_who_it_is(void **state)
{
    struct session_list list;
    struct house h;

    (void)state;
    house_open(&h, "left");
    assert_int_equal(session_list_make(&list), 0);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.entries[0].kind, "record");
    assert_string_equal(list.entries[0].name, "left");
    assert_string_equal(list.entries[0].program, "program");
    assert_string_equal(list.entries[0].command, "/usr/bin/program word");
    assert_string_equal(list.entries[0].file, "/tmp/program.adatrace");
    assert_int_equal(list.entries[0].pid, getpid());
    assert_int_equal(list.entries[0].drain_pid, getpid());
    assert_true(list.entries[0].start_ns > 0);
    session_list_free(&list);
    house_close(&h);
    assert_int_equal(session_list_make(&list), 0);
    assert_int_equal(list.count, 0);
    assert_int_equal(list.removed, 0); /* it left nothing */
}

/* As long as the application has none left; its threads have the processor meanwhile. */
static void door_without_descriptors_waits_for_some(void **state)
{
    struct house h;

    (void)state;
    house_open(&h, "full");
    accept_refuse(3);
    house_is_well(&h);
    assert_true(accept_refused_ns() > 3 * 100 * 1000 * 1000);
    house_close(&h);
}

/* Whoever finds nobody there takes the session for dead. */
static void door_without_memory_for_poll_stays_open(void **state)
{
    struct house h;
    int guest;

    (void)state;
    house_open(&h, "short");
    poll_refuse(2);
    /* Several that come quickly are met between two looks. */
    for (unsigned n = 0; n < QUESTIONS_MAX && poll_refusals_left(); n++)
        house_is_well(&h);
    assert_int_equal(poll_refusals_left(), 0);
    house_is_well(&h);
    poll_refuse(1000000);
    guest = house_knock(&h); /* which the poll before that tells of */
    house_close(&h);
    poll_refuse(0);
    close(guest);
}

static void session_is_chosen_by_name_pid_or_being_alone(void **state)
{
    struct session_client client;
    struct session_entry e;
    struct house left, right;
    char pid[16];

    (void)state;
    snprintf(pid, sizeof(pid), "%d", getpid());
    assert_int_equal(session_open(&client, NULL, NULL), 1); /* there is none */
    house_open(&left, "left");
    assert_int_equal(session_open(&client, NULL, &e), 0);
    assert_string_equal(e.name, "left");
    session_entry_free(&e);
    session_client_close(&client);
    assert_int_equal(session_open(&client, pid, NULL), 0);
    session_client_close(&client);
    house_open(&right, "right");
    assert_int_equal(session_open(&client, "right", &e), 0);
    assert_string_equal(e.name, "right");
    session_entry_free(&e);
    session_client_close(&client);
    assert_int_equal(session_open(&client, NULL, NULL), 1); /* two */
    assert_int_equal(session_open(&client, pid, NULL), 1);
    assert_int_equal(session_open(&client, "program", NULL), 1);
    assert_int_equal(session_open(&client, "middle", NULL), 1);
    house_close(&left);
    assert_int_equal(session_open(&client, "program", NULL), 0);
    session_client_close(&client);
    house_close(&right);
}

static void verb_that_is_not_known_is_refused_in_words(void **state)
{
    struct session_answer answer;
    struct house h;

    (void)state;
    house_open(&h, NULL);
    house_ask(&h, "dance", 0, NULL, &answer);
    assert_int_equal(answer.status, -ENOSYS);
    assert_string_equal(answer.body, "this session does not know 'dance'");
    session_answer_free(&answer);
    house_close(&h);
}

/* Its sockets and folder are left behind; a child that it forked still has the socket open. */
static void dead_sessions_folder_is_removed(void **state)
{
    int fds[2], status;
    struct session_list list;
    pid_t pid, child;

    (void)state;
    assert_int_equal(pipe(fds), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        struct house h;

        house_open(&h, "dead");
        child = fork();
        if (!child) {
            alarm(60); /* whatever becomes of us */
            pause();
            _exit(0);
        }
        (void)!write(fds[1], &child, sizeof(child));
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(read(fds[0], &child, sizeof(child)), sizeof(child));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(session_list_make(&list), 0);
    assert_int_equal(list.count, 0);
    assert_int_equal(list.removed, 1);
    kill(child, SIGKILL);
    close(fds[0]);
    close(fds[1]);
}

static void folder_that_is_new_or_not_ours_is_left_alone(void **state)
{
    char path[128], other[160];
    struct session_list list;

    (void)state;
    snprintf(path, sizeof(path), "%s/adatrace-abcdef", getenv("ADATRACE_RUNTIME_DIR"));
    snprintf(other, sizeof(other), "%s/adatrace-ghijkl", getenv("ADATRACE_RUNTIME_DIR"));
    assert_int_equal(mkdir(path, 0700), 0); /* a session that begins */
    assert_int_equal(symlink(path, other), 0);
    assert_int_equal(session_list_make(&list), 0);
    assert_int_equal(list.count + list.removed + list.mute, 0);
    assert_int_equal(unlink(other), 0);
    assert_int_equal(rmdir(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(session_is_found_and_says_who_it_is),
        cmocka_unit_test(door_without_descriptors_waits_for_some),
        cmocka_unit_test(door_without_memory_for_poll_stays_open),
        cmocka_unit_test(session_is_chosen_by_name_pid_or_being_alone),
        cmocka_unit_test(verb_that_is_not_known_is_refused_in_words),
        cmocka_unit_test(dead_sessions_folder_is_removed),
        cmocka_unit_test(folder_that_is_new_or_not_ours_is_left_alone),
    };

    return cmocka_run_group_tests(tests, house_runtime_folder, house_runtime_folder_remove);
}
