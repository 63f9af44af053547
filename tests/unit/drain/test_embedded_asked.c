/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The application's own session, asked at the wrong time, by the wrong process, from outside, and
 * with paths of all kinds.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/session_find.h"
#include "format/trace_reader.h"
#include "registry/session_host.h"

enum { PATIENCE_MS = 60000, FDS_LOOKED_AT = 256 };

static char folder[32];
static struct segment segment;

static struct session_host_options plain(void)
{
    return (struct session_host_options){
        .geometry = {.slots = 8, .ring_bytes = 65536, .arena_bytes = 1 << 20},
        .globs = "",
        .level = 7,
        .compression = 1,
        .overwrite_file = true,
        .name = "asked",
    };
}

static int session_start(const char *path, const struct session_host_options *o)
{
    return session_host_embedded->start(path, o, &segment);
}

static void file_is_whole(const char *path)
{
    assert_int_equal(trace_verify(path, NULL, NULL), 0);
    assert_int_equal(unlink(path), 0);
}

/* ---- tests ---- */

static void nothing_is_asked_of_a_session_that_does_not_run(void **state)
{
    const struct session_host_trigger trigger = {.expression = "crash"};
    struct session_host_stats stats;

    (void)state;
    assert_int_equal(session_host_embedded->snapshot("x.adatrace"), -ESRCH);
    assert_int_equal(session_host_embedded->trigger(&trigger), -ESRCH);
    assert_int_equal(session_host_embedded->stats(&stats), -ENODATA);
    assert_false(session_host_embedded->has_ended());
    assert_int_equal(session_host_embedded->stop(), 0);
}

static void path_may_begin_where_the_application_stands(void **state)
{
    struct session_host_options o = plain();

    (void)state;
    assert_int_equal(session_start("plain.adatrace", &o), 0);
    assert_int_equal(session_host_embedded->snapshot("picture.adatrace"), 0);
    assert_int_equal(session_host_embedded->stop(), 0);
    file_is_whole("plain.adatrace");
    file_is_whole("picture.adatrace");
    /* Files of the session before give way, those of others stay. */
    o.rotate_ns = UINT64_C(3600000000000);
    assert_int_equal(session_start("plain.adatrace", &o), 0);
    assert_int_equal(session_host_embedded->stop(), 0);
    assert_int_equal(rename("plain.0001.adatrace", "plain.0007.adatrace"), 0);
    assert_int_equal(session_start("plain.adatrace", &o), 0);
    assert_int_equal(session_host_embedded->stop(), 0);
    assert_int_equal(access("plain.0007.adatrace", F_OK), -1);
    o.overwrite_file = false;
    assert_int_equal(session_start("plain.adatrace", &o), -EEXIST);
    file_is_whole("plain.0001.adatrace");
}

static void path_that_is_too_long_is_refused(void **state)
{
    struct session_host_options o = plain();
    char path[5000];

    (void)state;
    memset(path, '/', sizeof(path) - 1);
    path[sizeof(path) - 1] = 0;
    assert_int_equal(session_start(path, &o), -ENAMETOOLONG);
    o.rotate_ns = 1;
    assert_int_equal(session_start(path, &o), -ENAMETOOLONG);
    assert_false(session_host_embedded->has_ended());
}

static void policy_that_rings_are_not_laid_out_for_is_refused(void **state)
{
    struct session_host_options o = plain();

    (void)state;
    o.geometry.policy = RING_OVERWRITE;
    assert_int_equal(session_start("plain.adatrace", &o), -ENOTSUP);
    assert_int_equal(access("plain.adatrace", F_OK), -1);
}

static void trigger_that_is_none_is_refused_in_words(void **state)
{
    const struct session_host_options o = plain();
    char message[512] = "";
    struct session_host_trigger trigger = {.expression = "test:number number > 5",
                                           .message = message,
                                           .message_bytes = sizeof(message),
                                           .before_ns = 1000000,
                                           .after_ns = 1000000,
                                           .cool_down_ns = 1000000,
                                           .snapshots_max = UINT32_MAX};

    (void)state;
    assert_int_equal(session_start("plain.adatrace", &o), 0);
    assert_int_equal(session_host_embedded->trigger(&trigger), -EINVAL);
    assert_non_null(strstr(message, trigger.expression));
    trigger.message = NULL;
    assert_int_equal(session_host_embedded->trigger(&trigger), -EINVAL);
    trigger.expression = "test:number.number > 5";
    assert_int_equal(session_host_embedded->trigger(&trigger), 0);
    trigger.snapshots_max = 1;
    assert_int_equal(session_host_embedded->trigger(&trigger), 0); /* another one of the same */
    assert_int_equal(session_host_embedded->stop(), 0);
    file_is_whole("plain.adatrace");
}

/* ---- from outside ---- */

static void ask(const char *verb, struct session_answer *answer)
{
    struct session_client client;

    assert_int_equal(session_open(&client, "asked", NULL), 0);
    assert_int_equal(session_client_ask(&client, verb, 0, NULL, PATIENCE_MS, answer), 0);
    assert_int_equal(answer->status, 0);
}

static void session_that_was_ended_from_outside_says_so(void **state)
{
    const struct session_host_options o = plain();
    struct session_host_stats stats;
    struct session_answer answer;

    (void)state;
    assert_int_equal(session_start("plain.adatrace", &o), 0);
    assert_false(session_host_embedded->has_ended());
    ask("stop", &answer);
    assert_memory_equal(answer.body,
                        "error\0"
                        "0",
                        8);
    session_answer_free(&answer);
    assert_true(session_host_embedded->has_ended());
    assert_int_equal(trace_verify("plain.adatrace", NULL, NULL), 0); /* it is complete by then */
    assert_int_equal(session_host_embedded->stats(&stats), -ESHUTDOWN);
    assert_int_equal(session_host_embedded->snapshot("late.adatrace"), -ESHUTDOWN);
    assert_int_equal(session_host_embedded->stop(), 0);
    file_is_whole("plain.adatrace");
}

static void private_session_is_not_found(void **state)
{
    struct session_host_options o = plain();
    struct session_list list;

    (void)state;
    o.is_private = true;
    assert_int_equal(session_start("plain.adatrace", &o), 0);
    assert_int_equal(session_list_make(&list), 0);
    assert_int_equal(list.count, 0);
    session_list_free(&list);
    assert_int_equal(session_host_embedded->stop(), 0);
    file_is_whole("plain.adatrace");
}

static int sockets_held(void)
{
    struct stat status;
    int count = 0;

    for (int fd = 0; fd < FDS_LOOKED_AT; fd++)
        count += fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
    return count;
}

/* It would keep the door open when its parent has died; and it has no session to ask. */
static void forked_child_has_none_of_it(void **state)
{
    const struct session_host_options o = plain();
    const struct session_host_trigger trigger = {.expression = "crash"};
    struct session_host_stats stats;
    int before = sockets_held(), status;
    struct session_answer answer;
    pid_t child;

    (void)state;
    assert_int_equal(session_start("plain.adatrace", &o), 0);
    assert_true(sockets_held() > before);
    child = fork();
    assert_true(child >= 0);
    if (!child) {
        int wrong = sockets_held() != before;

        wrong |= (session_host_embedded->stats(&stats) != -ENODATA) << 1;
        wrong |= (session_host_embedded->snapshot("child.adatrace") != -ESRCH) << 2;
        wrong |= (session_host_embedded->trigger(&trigger) != -ESRCH) << 3;
        wrong |= (session_start("child.adatrace", &o) != -EALREADY) << 4;
        wrong |= (int)session_host_embedded->has_ended() << 5;
        wrong |= (session_host_embedded->stop() != 0) << 6;
        _exit(wrong);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    ask("describe", &answer); /* the parent's goes on */
    session_answer_free(&answer);
    assert_int_equal(session_host_embedded->stop(), 0);
    file_is_whole("plain.adatrace");
}

/* Unseen by ThreadSanitizer, which calls it a race with who uses the descriptor. It is one, and
 * what the test is about. */
static int close_unseen(int fd)
{
    return (int)syscall(SYS_close, fd);
}

/* Their numbers are other things now, which are not ours to use or to close. */
static void application_that_closes_our_sockets_ends_its_session(void **state)
{
    const struct session_host_options o = plain();
    struct session_client guest;
    struct stat status;
    int taken[FDS_LOOKED_AT], count = 0;

    (void)state;
    assert_int_equal(session_start("plain.adatrace", &o), 0);
    assert_int_equal(session_open(&guest, "asked", NULL), 0);
    for (int fd = 0; fd < FDS_LOOKED_AT; fd++)
        if (fd != guest.fd && fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode) &&
            !close_unseen(fd))
            taken[count++] = (int)syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(count >= 3);
    assert_int_equal(session_host_embedded->stop(), 0);
    while (count--)
        assert_int_equal(close_unseen(taken[count]), 0);
    session_client_close(&guest);
    file_is_whole("plain.adatrace");
}

static int begin(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/asked-XXXXXX");
    if (!mkdtemp(folder) || chdir(folder))
        return -1;
    return setenv("ADATRACE_RUNTIME_DIR", folder, 1);
}

static int end(void **state)
{
    (void)state;
    return chdir("/") | rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_asked_of_a_session_that_does_not_run),
        cmocka_unit_test(path_may_begin_where_the_application_stands),
        cmocka_unit_test(path_that_is_too_long_is_refused),
        cmocka_unit_test(policy_that_rings_are_not_laid_out_for_is_refused),
        cmocka_unit_test(trigger_that_is_none_is_refused_in_words),
        cmocka_unit_test(session_that_was_ended_from_outside_says_so),
        cmocka_unit_test(private_session_is_not_found),
        cmocka_unit_test(application_that_closes_our_sockets_ends_its_session),
        cmocka_unit_test(forked_child_has_none_of_it),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
