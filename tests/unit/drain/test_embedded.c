/* SPDX-License-Identifier: Apache-2.0 */
/* The application's own session, from the side of the tracer, with real files. */
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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "format/trace_reader.h"
#include "producer.h"
#include "registry/session_host.h"

static char folder[64], path[128];
static unsigned drain_threads; /* of the sessions that follow */

static struct session_host_options options(void)
{
    return (struct session_host_options){
        .geometry = {.slots = 8, .ring_bytes = 65536, .arena_bytes = 1 << 20},
        .globs = "",
        .level = 7,
        .compression = 1,
        .drain_threads = drain_threads,
        .overwrite_file = true,
    };
}

/* A session as the tracer sees it: a copy of the segment. */
static void session_start(struct stage *stage)
{
    const struct session_host_options o = options();

    memset(stage, 0, sizeof(*stage));
    stage->pid = (uint32_t)getpid();
    assert_int_equal(session_host_embedded->start(path, &o, &stage->segment), 0);
}

static void type_tell_once(struct stage *stage)
{
    static bool told;

    if (!told)
        stage_tell_type(stage, TYPE_NUMBER, "test", "number");
    told = true;
}

/* ThreadSanitizer does not know that the kernel lets go of a dead thread's mutex; there threads say
 * themselves that they go. */
#ifdef __SANITIZE_THREAD__
static const bool can_die = false;
#else
static const bool can_die = true;
#endif

static void *writer_run(void *argument)
{
    struct producer p;

    producer_claim(&p, argument, 0, can_die);
    for (uint64_t i = 0; i < 1000; i++)
        assert_true(producer_write(&p, i));
    if (!can_die)
        producer_retire(&p);
    return NULL;
}

static struct trace *file_open(void)
{
    struct trace_error error;
    struct trace *trace = NULL;
    int err = trace_open(&trace, path, &error);

    if (err)
        fail_msg("%s", error.message);
    return trace;
}

static void session_leaves_a_good_file(void **state)
{
    struct stage stage;
    struct trace *trace;
    struct trace_condition condition;
    const struct trace_ledger *ledger;

    (void)state;
    session_start(&stage);
    type_tell_once(&stage);
    thread_run(writer_run, &stage);
    assert_int_equal(session_host_embedded->stop(), 0);
    trace = file_open();
    trace_condition(trace, &condition);
    assert_true(condition.ended);
    assert_int_equal(condition.records, 1000);
    assert_int_equal(trace_process_at(trace, 0)->pid, getpid());
    ledger = trace_ledger_of(trace, trace_thread_at(trace, 0)->thread);
    assert_true(ledger->final);
    assert_int_equal(ledger->written, 1000);
    assert_int_equal(ledger->stored, 1000);
    trace_close(trace);
}

/* Threads of this process that encode blocks. */
static unsigned encoders(void)
{
    unsigned count = 0;
    struct dirent *task;
    DIR *tasks = opendir("/proc/self/task");

    assert_non_null(tasks);
    while ((task = readdir(tasks))) {
        char name[300], comm[32] = "";
        FILE *file;

        snprintf(name, sizeof(name), "/proc/self/task/%s/comm", task->d_name);
        file = fopen(name, "r");
        if (!file)
            continue;
        count += fgets(comm, sizeof(comm), file) && !strcmp(comm, "adatrace-encode\n");
        fclose(file);
    }
    closedir(tasks);
    return count;
}

static void session_with_more_threads_leaves_a_good_file(void **state)
{
    struct stage stage;
    struct trace *trace;
    struct trace_condition condition;
    const struct trace_ledger *ledger;

    (void)state;
    drain_threads = 3;
    session_start(&stage);
    drain_threads = 0;
    type_tell_once(&stage);
    for (unsigned i = 0; i < 20; i++)
        thread_run(writer_run, &stage);
    assert_int_equal(encoders(), 2);
    assert_int_equal(session_host_embedded->stop(), 0);
    assert_int_equal(encoders(), 0);
    trace = file_open();
    trace_condition(trace, &condition);
    assert_true(condition.ended);
    assert_int_equal(condition.records, 20 * 1000);
    for (size_t n = 0; n < 20; n++) {
        ledger = trace_ledger_of(trace, trace_thread_at(trace, n)->thread);
        assert_true(ledger->final);
        assert_int_equal(ledger->stored, 1000);
    }
    trace_close(trace);
}

static void next_session_sees_only_its_own_records(void **state)
{
    struct stage stage;
    struct producer living;
    struct trace *trace;
    struct trace_condition condition;
    const struct trace_ledger *ledger;

    (void)state;
    session_start(&stage);
    type_tell_once(&stage);
    producer_claim(&living, &stage, 0, false);
    for (uint64_t i = 0; i < 10; i++)
        producer_write(&living, i);
    assert_int_equal(session_host_embedded->stop(), 0);
    /* Between the sessions: nobody's. */
    producer_write(&living, 1);
    thread_run(writer_run, &stage);
    session_start(&stage);
    for (uint64_t i = 0; i < 7; i++)
        producer_write(&living, i);
    assert_int_equal(session_host_embedded->stop(), 0);
    trace = file_open();
    trace_condition(trace, &condition);
    assert_int_equal(condition.records, 7);
    assert_null(trace_thread_at(trace, 1));
    ledger = trace_ledger_of(trace, trace_thread_at(trace, 0)->thread);
    assert_int_equal(ledger->written, 7);
    assert_int_equal(ledger->stored, 7);
    assert_int_equal(ledger->dropped, 0);
    assert_true(ledger->final);
    trace_close(trace);
    producer_retire(&living);
}

static void file_that_is_there_is_kept_unless_told(void **state)
{
    struct session_host_options o = options();
    struct segment segment = {0};
    struct stat before, after;
    int fd;

    (void)state;
    unlink(path);
    fd = open(path, O_CREAT | O_WRONLY, 0644);
    assert_int_equal(write(fd, "precious", 8), 8);
    close(fd);
    assert_int_equal(stat(path, &before), 0);
    o.overwrite_file = false;
    assert_int_equal(session_host_embedded->start(path, &o, &segment), -EEXIST);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(after.st_size, 8);
    o.overwrite_file = true;
    assert_int_equal(session_host_embedded->start(path, &o, &segment), 0);
    assert_int_equal(session_host_embedded->stop(), 0);
    assert_int_equal(stat(path, &after), 0);
    assert_true(after.st_ino != before.st_ino || after.st_size != 8);
    assert_int_equal(after.st_mode & 0777, 0600);
}

static void place_that_cannot_be_written_is_an_error_at_start(void **state)
{
    const struct session_host_options o = options();
    struct segment segment = {0};

    (void)state;
    assert_int_equal(session_host_embedded->start("/nowhere/x.adatrace", &o, &segment), -ENOENT);
    assert_int_equal(session_host_embedded->start("/dev/full", &o, &segment), -ENOSPC);
    assert_int_equal(session_host_embedded->stop(), 0); /* nothing runs, nothing happens */
    session_start(&(struct stage){0});
    assert_int_equal(session_host_embedded->stop(), 0);
}

static void second_start_is_refused(void **state)
{
    const struct session_host_options o = options();
    struct segment segment = {0};
    struct stage stage;

    (void)state;
    session_start(&stage);
    assert_int_equal(session_host_embedded->start(path, &o, &segment), -EALREADY);
    assert_int_equal(session_host_embedded->stop(), 0);
}

static void forked_child_cannot_hang_in_stop(void **state)
{
    struct stage stage;
    int status;
    pid_t child;

    (void)state;
    session_start(&stage);
    child = fork();
    if (!child)
        _exit(session_host_embedded->stop() == 0 ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(session_host_embedded->stop(), 0);
    trace_close(file_open());
}

static int group_begin(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/test_embedded-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/session.adatrace", folder);
    return 0;
}

static int group_end(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static bool numbered_is_there(unsigned number, char name[200])
{
    struct stat status;

    snprintf(name, 200, "%.*s.%04u.adatrace", (int)(strlen(path) - strlen(".adatrace")), path,
             number);
    return stat(name, &status) == 0;
}

/* 0: there is none. */
static unsigned newest_number(void)
{
    unsigned newest = 0, number;
    struct dirent *entry;
    DIR *dir = opendir(folder);

    assert_non_null(dir);
    while ((entry = readdir(dir)))
        if (sscanf(entry->d_name, "session.%u.adatrace", &number) == 1 && number > newest)
            newest = number;
    closedir(dir);
    return newest;
}

/* Files of 50 ms, of which two stay: the first is gone when the third has come, and the others are
 * good by themselves. On a slow machine the third has gone as well when somebody looks. */
static void session_that_rotates_leaves_the_newest_files(void **state)
{
    struct session_host_options o = options();
    time_t patience = time(NULL) + 30;
    struct stage stage = {.pid = (uint32_t)getpid()};
    struct trace_condition condition;
    struct trace_error error;
    struct trace *trace;
    unsigned last;
    char name[200];

    (void)state;
    o.rotate_ns = 50 * 1000 * 1000;
    o.keep = 2;
    assert_int_equal(session_host_embedded->start(path, &o, &stage.segment), 0);
    type_tell_once(&stage);
    while (newest_number() < 3 && time(NULL) < patience)
        thread_run(writer_run, &stage);
    assert_int_equal(session_host_embedded->stop(), 0);
    last = newest_number();
    assert_true(last >= 3);
    assert_false(numbered_is_there(last - 2, name));
    for (unsigned number = last - 1; number <= last; number++) {
        assert_true(numbered_is_there(number, name));
        assert_int_equal(trace_open(&trace, name, &error), 0);
        trace_condition(trace, &condition);
        assert_true(condition.ended);
        trace_close(trace);
    }
    /* The next session replaces those of this one. */
    o = options();
    o.rotate_ns = UINT64_C(3600000000000);
    assert_int_equal(session_host_embedded->start(path, &o, &stage.segment), 0);
    assert_int_equal(session_host_embedded->stop(), 0);
    assert_false(numbered_is_there(last, name));
    assert_true(numbered_is_there(1, name));
    unlink(name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(session_leaves_a_good_file),
        cmocka_unit_test(session_with_more_threads_leaves_a_good_file),
        cmocka_unit_test(next_session_sees_only_its_own_records),
        cmocka_unit_test(file_that_is_there_is_kept_unless_told),
        cmocka_unit_test(place_that_cannot_be_written_is_an_error_at_start),
        cmocka_unit_test(second_start_is_refused),
        cmocka_unit_test(session_that_rotates_leaves_the_newest_files),
        cmocka_unit_test(forked_child_cannot_hang_in_stop),
    };

    return cmocka_run_group_tests(tests, group_begin, group_end);
}
