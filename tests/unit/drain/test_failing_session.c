/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The application's own session, with rotation, snapshots, triggers and figures, while every call
 * fails: what starts has a reason when it is not complete, what does not start leaves nothing, and
 * the next session is good.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "call_fails.h"
#include "format/trace_reader.h"
#include "own_entries.h"
#include "producer.h"
#include "registry/session_host.h"

enum { RECORDS = 300, FILES_MAX = 64 };

static char folder[64], sessions[64], path[128], copy[128];

/* ---- what a session leaves ---- */

static const struct call_sweep *running;

struct found {
    uint64_t records, missing;
    unsigned files;
    bool unended; /* one of them */
};

/* Told as missing by the file, whatever the reason. */
static uint64_t missing_in(const struct trace *trace)
{
    struct trace_condition condition;
    uint64_t missing;

    trace_condition(trace, &condition);
    missing = condition.lost_records;
    for (size_t n = 0; trace_thread_at(trace, n); n++) {
        const struct trace_ledger *l = trace_ledger_of(trace, trace_thread_at(trace, n)->thread);

        missing += l ? l->dropped + l->damaged + l->overwritten : 0;
        missing += l && l->written > l->stored + l->damaged + l->overwritten
                       ? l->written - l->stored - l->damaged - l->overwritten
                       : 0;
    }
    return missing;
}

static void say(void *context, const struct trace_finding *finding)
{
    if (finding->severity == TRACE_SEVERITY_DAMAGE)
        snprintf(context, 512, "%s", finding->text);
}

static void file_add(const char *file, struct found *found)
{
    char damage[512] = "";
    int verdict = trace_verify(file, say, damage);
    struct trace_error error;
    struct trace_condition condition;
    struct trace *trace;

    /* It may have been cut off in its first block: nothing is in it then. */
    if (trace_open(&trace, file, &error) != 0) {
        assert_int_equal(error.code, -ENODATA);
        assert_int_equal(verdict, 1);
        return;
    }
    if (verdict != 0 && verdict != 3)
        fail_msg("%s: verify %d: %s (call %u%s fails)", file, verdict, damage, running->first,
                 running->for_ever ? " and all after it" : "");
    trace_condition(trace, &condition);
    found->records += condition.records;
    found->missing += missing_in(trace);
    found->files++;
    found->unended |= !condition.ended;
    trace_close(trace);
}

/* All files of the folder but snapshots, which hold the same once more; they are removed. */
static struct found files_take(void)
{
    struct found found = {0}, again = {0};
    DIR *entries = opendir(folder);
    struct dirent *entry;

    assert_non_null(entries);
    while ((entry = readdir(entries))) {
        char file[512];

        if (entry->d_name[0] == '.')
            continue;
        snprintf(file, sizeof(file), "%s/%s", folder, entry->d_name);
        if (strcmp(file, copy) != 0)
            file_add(file, strstr(entry->d_name, "-snapshot-") ? &again : &found);
        unlink(file);
    }
    closedir(entries);
    return found;
}

/* ---- one session ---- */

static const struct session_host_options *current;

static void type_tell_once(struct stage *stage)
{
    static bool told;

    if (!told)
        stage_tell_type(stage, TYPE_NUMBER, "test", "number");
    told = true;
}

static void work(struct stage *stage)
{
    struct session_host_trigger trigger = {.expression = "test:number.number > 250"};
    struct session_host_stats stats;
    struct producer p;
    int triggered;

    producer_claim(&p, stage, 0, false);
    for (uint64_t i = 0; i < RECORDS; i++)
        assert_true(producer_write(&p, i));
    (void)session_host_embedded->stats(&stats);
    triggered = session_host_embedded->trigger(&trigger);
    if (calls_pass() == 0)
        assert_int_equal(triggered, 0);
    calls_go_on();
    if (session_host_embedded->snapshot(copy) == 0) {
        unsigned failed = calls_pass();
        struct found found = {0};

        file_add(copy, &found);
        calls_go_on();
        if (!failed && !current->rotate_ns)
            assert_int_equal(found.records + found.missing, RECORDS);
    }
    for (uint64_t i = 0; i < RECORDS; i++)
        assert_true(producer_write(&p, i));
    producer_retire(&p);
}

static void session_run(const struct call_sweep *calls)
{
    unsigned descriptors = own_entries(OWN_DESCRIPTORS), tasks = own_entries(OWN_THREADS);
    struct stage stage = {.pid = (uint32_t)getpid()};
    struct found found;
    int started, stopped = 0;

    running = calls;
    call_sweep_arm(calls);
    started = session_host_embedded->start(path, current, &stage.segment);
    if (started == 0) {
        work(&stage);
        stopped = session_host_embedded->stop();
    }
    if (calls_pass() == 0) {
        assert_int_equal(started, 0);
        assert_int_equal(stopped, 0);
    }
    own_entries_become(OWN_THREADS, tasks);
    assert_int_equal(own_entries(OWN_DESCRIPTORS), descriptors);
    found = files_take();
    if (started != 0)
        assert_int_equal(found.files, 0);
    else if (found.unended || (found.records + found.missing < 2 * RECORDS && !current->flight))
        assert_int_not_equal(stopped, 0);
}

static void sweep(const struct session_host_options *options, unsigned kinds, int error)
{
    struct call_sweep calls = {.kinds = kinds, .error = error};

    current = options;
    while (call_sweep_next(&calls))
        session_run(&calls);
    print_message("%u runs\n", calls.runs);
    assert_true(calls.runs > 20);
}

/* ---- tests ---- */

static struct session_host_options plain(void)
{
    return (struct session_host_options){
        .geometry = {.slots = 8, .ring_bytes = 65536, .arena_bytes = 1 << 20},
        .globs = "",
        .level = 7,
        .compression = 1,
        .overwrite_file = true,
    };
}

static void session_without_memory_says_what_is_missing(void **state)
{
    struct session_host_options o = plain();

    (void)state;
    sweep(&o, CALL_MEMORY | CALL_THREAD, 0);
}

static void rotation_without_memory_says_what_is_missing(void **state)
{
    struct session_host_options o = plain();

    (void)state;
    o.rotate_ns = 1;
    o.drain_threads = 2;
    sweep(&o, CALL_MEMORY | CALL_THREAD, 0);
}

static void flight_recorder_without_memory_ends_in_order(void **state)
{
    struct session_host_options o = plain();

    (void)state;
    o.flight = true;
    o.flight_bytes = 4 << 20;
    sweep(&o, CALL_MEMORY, 0);
}

static void session_on_a_failing_disk_says_what_is_missing(void **state)
{
    struct session_host_options o = plain();

    (void)state;
    sweep(&o, CALL_WRITE, EIO);
    o.rotate_ns = 1;
    sweep(&o, CALL_WRITE, ENOSPC);
}

static void session_without_descriptors_says_what_is_missing(void **state)
{
    struct session_host_options o = plain();

    (void)state;
    o.rotate_ns = 1;
    sweep(&o, CALL_OPEN, EMFILE);
}

/* The segment is made by the first session, and stays. */
static int folder_make(void **state)
{
    const struct session_host_options o = plain();
    struct stage stage = {.pid = (uint32_t)getpid()};

    (void)state;
    strcpy(folder, "/tmp/adatrace-test-XXXXXX");
    strcpy(sessions, "/tmp/adatrace-test-XXXXXX");
    if (!mkdtemp(folder) || !mkdtemp(sessions) || setenv("ADATRACE_RUNTIME_DIR", sessions, 1))
        return -1;
    snprintf(path, sizeof(path), "%s/trace.adatrace", folder);
    snprintf(copy, sizeof(copy), "%s/snapshot.adatrace", folder);
    assert_int_equal(session_host_embedded->start(path, &o, &stage.segment), 0);
    type_tell_once(&stage);
    assert_int_equal(session_host_embedded->stop(), 0);
    (void)files_take();
    return 0;
}

static int folder_remove(void **state)
{
    (void)state;
    return rmdir(folder) | rmdir(sessions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(session_without_memory_says_what_is_missing),
        cmocka_unit_test(rotation_without_memory_says_what_is_missing),
        cmocka_unit_test(flight_recorder_without_memory_ends_in_order),
        cmocka_unit_test(session_on_a_failing_disk_says_what_is_missing),
        cmocka_unit_test(session_without_descriptors_says_what_is_missing),
    };

    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
