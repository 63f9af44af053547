/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector of `adatrace record` while every call fails: what does not start leaves nothing,
 * a process gets a segment, or why not in words, or is let go; what its file has not, is told.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/machine_kind.h"
#include "call_fails.h"
#include "drain/collector.h"
#include "format/trace_reader.h"
#include "own_entries.h"
#include "producer.h"
#include "registry/handshake.h"

enum { PATIENCE_MS = 60000, RECORDS = 300 };

static char folder[48], trace[64], last[80];

/* ---- a process that knocks ---- */

/* Its socket is there before anything fails. The segment's descriptor, or -1. */
static int hello_say(int fd, const char *path)
{
    const struct handshake_hello hello = {.magic = HANDSHAKE_MAGIC,
                                          .version = HANDSHAKE_VERSION,
                                          .segment_version = SEGMENT_VERSION,
                                          .role = HANDSHAKE_AGENT,
                                          .machine = MACHINE_KIND};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct handshake_welcome welcome = {0};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } control;
    struct iovec piece = {.iov_base = &welcome, .iov_len = sizeof(welcome)};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    struct pollfd look = {.fd = fd, .events = POLLIN};
    int segment = -1;
    ssize_t got;

    strcpy(address.sun_path, path);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(send(fd, &hello, sizeof(hello), MSG_NOSIGNAL), sizeof(hello));
    assert_int_equal(poll(&look, 1, PATIENCE_MS), 1); /* nobody is left waiting */
    got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    if (got <= 0)
        return -1;
    assert_int_equal(got, sizeof(welcome));
    if (welcome.status == 0)
        memcpy(&segment, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
    else
        assert_true(welcome.text[0]); /* in words */
    return segment;
}

/* The process lives on; it writes so many records and ends its thread. */
static uint64_t process_run(int segment)
{
    struct stage stage = {.pid = (uint32_t)getpid(), .has_mapping = true};
    struct producer p;
    uint64_t n = 0;

    assert_int_equal(segment_map(&stage.segment, segment), 0);
    stage_tell_type(&stage, TYPE_NUMBER, "test", "number");
    producer_claim(&p, &stage, 0, false);
    while (n < RECORDS)
        assert_true(producer_write(&p, n++));
    producer_retire(&p);
    stage_unmap(&stage);
    return n;
}

/* ---- what it leaves ---- */

struct found {
    uint64_t records, missing;
    bool ended;
};

static struct found file_take(const char *path)
{
    struct trace_condition condition;
    struct found found = {0};
    struct trace_error error;
    struct trace *opened;
    int verdict = trace_verify(path, NULL, NULL);

    if (trace_open(&opened, path, &error) != 0) {
        assert_int_equal(error.code, -ENODATA); /* cut off in its first block */
        assert_int_equal(verdict, 1);
    } else {
        assert_true(verdict == 0 || verdict == 3);
        trace_condition(opened, &condition);
        found = (struct found){condition.records, condition.lost_records, condition.ended};
        for (size_t n = 0; trace_thread_at(opened, n); n++) {
            const struct trace_ledger *l =
                trace_ledger_of(opened, trace_thread_at(opened, n)->thread);

            found.missing += l ? l->dropped + l->damaged + l->overwritten : 0;
        }
        trace_close(opened);
    }
    unlink(path);
    return found;
}

/* ---- one recording ---- */

static void news(void *context, const char *text)
{
    (void)context;
    assert_true(text[0]);
}

static const char *const triggers[] = {"test:number.number > 249"};

static struct collector_options options_of(bool flight)
{
    return (struct collector_options){
        .geometry = {.slots = 8, .ring_bytes = 65536, .arena_bytes = 1 << 20},
        .globs = "*",
        .level = 7,
        .compression = 1,
        .command = "program word",
        .name = "failing",
        .file = trace,
        .files = {.replace = true},
        .flight = flight,
        .flight_bytes = flight ? 4 << 20 : 0,
        .last_snapshot = LAST_ALWAYS,
        .triggers = triggers,
        .trigger_count = flight ? 1 : 0,
        .timing = TRIGGER_TIMING_DEFAULT,
        .news = news,
        .trigger_news = news,
    };
}

static void recording_check(bool flight, int err, uint64_t written, unsigned failed)
{
    struct found found = {.ended = true};

    if (!flight)
        found = file_take(trace);
    if (!failed)
        assert_int_equal(err, 0);
    if (!failed && !flight)
        assert_int_equal(found.records, written);
    if (!flight && (!found.ended || found.records + found.missing < written))
        assert_int_not_equal(err, 0);
}

static void snapshots_remove(void)
{
    char path[128];

    for (unsigned n = 1; n <= 3; n++) {
        snprintf(path, sizeof(path), last, n);
        if (access(path, F_OK) == 0)
            (void)file_take(path);
    }
}

static void recording_run(bool flight, const struct call_sweep *calls)
{
    const struct collector_options o = options_of(flight);
    unsigned descriptors = own_entries(OWN_DESCRIPTORS), tasks = own_entries(OWN_THREADS), failed;
    int guest = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), segment = -1, err;
    int fd = flight ? -1 : open(trace, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    struct symbolize_figures symbols;
    struct collector *c = NULL;
    enum collector_step step;
    uint64_t written = 0;

    call_sweep_arm(calls);
    err = collector_create(&c, fd, &o, &step);
    if (err) {
        if (!calls_pass())
            fail_msg("step %d: %d", (int)step, err);
        unlink(trace);
    } else {
        collector_expect(c, "program");
        collector_program(c, (uint32_t)getpid());
        segment = hello_say(guest, collector_socket(c));
        if (segment >= 0) {
            (void)calls_pass();
            written = process_run(segment);
            calls_go_on();
            close(segment);
        }
        collector_signal(c);
        collector_note(c, TRACE_NOTE_INFO, "a note");
        err = collector_finish(c, (uint32_t)getpid(), 0, &symbols);
        failed = calls_pass();
        if (!failed)
            assert_true(segment >= 0 && !collector_has_missed(c));
        collector_destroy(c);
        recording_check(flight, err, written, failed);
    }
    snapshots_remove();
    close(guest);
    own_entries_become(OWN_THREADS, tasks);
    assert_int_equal(own_entries(OWN_DESCRIPTORS), descriptors);
}

static void recordings_sweep(bool flight, unsigned kinds, int error)
{
    struct call_sweep calls = {.kinds = kinds, .error = error};

    while (call_sweep_next(&calls))
        recording_run(flight, &calls);
    print_message("%u recordings\n", calls.runs);
    assert_true(calls.runs > 4);
}

/* ---- tests ---- */

static void recording_without_memory_says_what_is_missing(void **state)
{
    (void)state;
    recordings_sweep(false, CALL_MEMORY | CALL_THREAD, 0);
}

static void flight_recorder_without_memory_ends_in_order(void **state)
{
    (void)state;
    recordings_sweep(true, CALL_MEMORY | CALL_THREAD, 0);
}

static void recording_without_descriptors_says_what_is_missing(void **state)
{
    (void)state;
    recordings_sweep(false, CALL_OPEN, EMFILE);
    recordings_sweep(true, CALL_OPEN, EMFILE);
}

static void recording_on_a_failing_disk_says_what_is_missing(void **state)
{
    (void)state;
    recordings_sweep(false, CALL_WRITE, ENOSPC);
    recordings_sweep(true, CALL_WRITE, EIO);
}

static void *nothing(void *unused)
{
    return unused;
}

static int begin(void **state)
{
    pthread_t first;

    (void)state;
    /* With it ThreadSanitizer starts one of its own, which stays: it is not ours to count. */
    if (pthread_create(&first, NULL, nothing, NULL) || pthread_join(first, NULL))
        return -1;
    strcpy(folder, "/tmp/collector-fails-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(trace, sizeof(trace), "%s/x.adatrace", folder);
    snprintf(last, sizeof(last), "%s/x-snapshot-%%04u.adatrace", folder);
    return setenv("ADATRACE_RUNTIME_DIR", folder, 1);
}

static int end(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recording_without_memory_says_what_is_missing),
        cmocka_unit_test(flight_recorder_without_memory_ends_in_order),
        cmocka_unit_test(recording_without_descriptors_says_what_is_missing),
        cmocka_unit_test(recording_on_a_failing_disk_says_what_is_missing),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
