/* SPDX-License-Identifier: Apache-2.0 */
/* No call of the API changes errno, whatever comes of it. */
#include "tracer_fixture.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

enum { UNTOUCHED = 4711, RING_BYTES = 4096 };

ADA_EVENT(error, event, (u64, n), (string, text))
ADA_COUNTER(error, counter)

static int visit(void *context, const struct ada_thread_stats *stats)
{
    (void)context;
    (void)stats;
    return 0;
}

static void emit_events(void)
{
    ada_trace_error_event(1, "text");
    ada_count_error_counter(1);
    ADA_SCOPE(error, scope);
    ADA_PRINTF(error, line, "%d %s", 1, "text");
}

static void emit_by_hand(void)
{
    static const char payload[12];
    const struct ada_batch_item items[] = {
        {&ada_event_error_event, payload, sizeof(payload)},
        {&ada_event_error_event, payload, sizeof(payload)},
    };
    struct ada_record record = ada_reserve(&ada_event_error_event, sizeof(payload));

    if (record.payload)
        ada_rollback(&record);
    record = ada_reserve(&ada_event_error_event, sizeof(payload));
    if (record.payload) {
        memcpy(record.payload, payload, sizeof(payload));
        ada_commit(&record);
    }
    (void)ada_emit(&ada_event_error_event, payload, sizeof(payload));
    (void)ada_emit_batch(items, 2);
    (void)ada_emit_batch(items, 100000);
}

static void emit_too_much(void)
{
    for (int i = 0; i < 200; i++)
        ada_trace_error_event(1, "more than the ring holds before anybody reads it");
}

static void switch_types(void)
{
    static struct ada_event good = {.provider = "error", .name = "good"}, bad;

    (void)ada_events_disable("error:c*");
    (void)ada_events_enable("*");
    (void)ada_events_enable(NULL);
    (void)ada_event_register(&good);
    (void)ada_event_register(&bad);
    ada_event_unregister(&good);
    (void)ada_events_unload((const void *)&good);
}

static void look_and_name(void)
{
    struct ada_thread_stats stats;

    (void)ada_thread_stats_read(&stats);
    (void)ada_threads_visit(visit, NULL);
    (void)ada_session_is_active();
    (void)ada_error_text(-EEXIST);
    (void)ada_error_text(-12345);
    (void)ada_version();
    ada_thread_name("somebody");
}

/* The last one only while another session runs. */
static void start_in_vain(void)
{
    (void)!ada_session_start("/nowhere/at.all", NULL);
    (void)!ada_session_start(NULL, NULL);
    (void)!ada_session_start(recording_path(), NULL);
}

static const struct {
    const char *name;
    void (*call)(void);
} calls[] = {
    {"emitting by macro", emit_events},    {"emitting by hand", emit_by_hand},
    {"a full ring", emit_too_much},        {"switching", switch_types},
    {"looking and naming", look_and_name}, {"starting in vain", start_in_vain},
};

static void expect_untouched(void)
{
    for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        errno = UNTOUCHED;
        calls[i].call();
        if (errno != UNTOUCHED)
            fail_msg("%s changes errno to %d", calls[i].name, errno);
    }
}

static void *touched_in_thread(void *argument)
{
    for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        errno = UNTOUCHED;
        calls[i].call();
        if (errno != UNTOUCHED)
            *(const char **)argument = calls[i].name;
    }
    return NULL;
}

static void without_a_session(void **state)
{
    (void)state;
    calls[5].call(); /* makes the file's folder */
    (void)ada_session_stop();
    unlink(recording_path());
    expect_untouched();
    (void)ada_session_stop();
}

static void session_s_start_and_stop(void **state)
{
    const struct ada_session_options options = {.size = sizeof(options), .replace = 1};

    (void)state;
    unlink(recording_path());
    errno = UNTOUCHED;
    assert_int_equal(ada_session_start(recording_path(), &options), 0);
    assert_int_equal(errno, UNTOUCHED);
    assert_int_equal(ada_session_stop(), 0);
    assert_int_equal(errno, UNTOUCHED);
}

static void with_each_policy_and_a_small_ring(void **state)
{
    /* Overwrite lays its rings out otherwise, so it is not for a process that had another. */
    const enum ada_policy policies[] = {ADA_POLICY_DROP, ADA_POLICY_BLOCK};
    const char *touched = NULL;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        const struct ada_session_options options = {
            .ring_bytes = RING_BYTES, .policy = policies[i], .timeout_ms = 20};

        recording_start(&options);
        expect_untouched();
        thread_run(touched_in_thread, &touched);
        assert_int_equal(ada_session_stop(), 0);
        if (touched)
            fail_msg("in a thread of its own: %s", touched);
    }
}

static void in_a_forked_child(void **state)
{
    const char *touched = NULL;
    int status;
    pid_t child;

    (void)state;
    recording_start(NULL);
    child = fork();
    if (!child) {
        touched_in_thread(&touched);
        _exit(touched != NULL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(ada_session_stop(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_each_policy_and_a_small_ring),
        cmocka_unit_test(without_a_session),
        cmocka_unit_test(session_s_start_and_stop),
        cmocka_unit_test(in_a_forked_child),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
