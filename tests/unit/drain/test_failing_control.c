/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session is asked while every call fails, one by one and from there on: each question has an
 * answer, a good one or why not in words, and nothing is held or lost for it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/atomic.h"
#include "call_fails.h"
#include "control_house.h"
#include "drain/control_files.h"
#include "format/trace_reader.h"
#include "own_entries.h"
#include "producer.h"

enum { PATIENCE_MS = 60000, WORDS = 4, BURST = 50 };

static char folder[32], trace[64], picture[64];

/* ---- a guest that needs no memory and no descriptor of its own ---- */

struct question {
    const char *verb, *words[WORDS];
    int status; /* when nothing fails */
};

struct reply {
    int status, fds[CONTROL_FDS_MAX];
    unsigned fd_count;
    size_t bytes;
    char body[CONTROL_PART_BYTES + 1];
};

static void question_send(int fd, const struct question *q)
{
    static char packet[sizeof(struct control_request) + CONTROL_WORDS_BYTES];
    struct control_request r = {.magic = CONTROL_MAGIC, .version = CONTROL_VERSION};
    size_t size = sizeof(r);

    strcpy(r.verb, q->verb);
    for (; r.word_count < WORDS && q->words[r.word_count]; r.word_count++) {
        strcpy(packet + size, q->words[r.word_count]);
        size += strlen(packet + size) + 1;
    }
    r.words_bytes = (uint32_t)(size - sizeof(r));
    memcpy(packet, &r, sizeof(r));
    assert_int_equal(send(fd, packet, size, MSG_NOSIGNAL), size);
}

static void descriptors_take(struct msghdr *message, struct reply *reply)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        reply->fd_count = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(reply->fds, CMSG_DATA(c), reply->fd_count * sizeof(int));
    }
}

/* All of these answers fit into one packet. */
static void reply_await(int fd, struct reply *reply)
{
    struct control_answer head;
    struct iovec pieces[] = {{&head, sizeof(head)}, {reply->body, CONTROL_PART_BYTES}};
    union {
        char bytes[CMSG_SPACE(CONTROL_FDS_MAX * sizeof(int))];
        struct cmsghdr aligned;
    } space;
    struct msghdr message = {
        .msg_iov = pieces, .msg_iovlen = 2, .msg_control = &space, .msg_controllen = sizeof(space)};
    struct pollfd look = {.fd = fd, .events = POLLIN};
    ssize_t got;

    *reply = (struct reply){0};
    assert_int_equal(poll(&look, 1, PATIENCE_MS), 1);
    got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    assert_true(got >= (ssize_t)sizeof(head)); /* whatever failed */
    reply->status = head.status;
    reply->bytes = head.bytes;
    reply->body[head.bytes] = 0;
    descriptors_take(&message, reply);
}

static void reply_drop(const struct reply *reply)
{
    for (unsigned n = 0; n < reply->fd_count; n++)
        close(reply->fds[n]);
}

/* ---- a session with one thread that writes ---- */

struct session {
    struct house house;
    struct stage stage;
    struct producer producer;
    uint64_t written;
    unsigned descriptors;
};

static int nothing_call(struct drain *drain, void *context)
{
    (void)drain;
    (void)context;
    return 0;
}

static void session_begin(struct session *s, bool flight)
{
    unsigned descriptors = own_entries(OWN_DESCRIPTORS);
    int fd = open(trace, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    if (flight)
        close(fd);
    memset(s, 0, sizeof(*s));
    s->descriptors = descriptors;
    house_open_as(&s->house, &(struct house_plan){.fd = fd, .file = trace, .flight = flight});
    stage_add(&s->stage, s->house.drain, &(struct stage_options){.ring_bytes = 65536});
    producer_claim(&s->producer, &s->stage, 0, false);
    house_is_well(&s->house);
}

/* It is taken before anything fails. */
static void session_write(struct session *s)
{
    struct ring_shared *ring = producer_ring(&s->producer);

    for (unsigned n = 0; n < BURST; n++)
        assert_true(producer_write(&s->producer, s->written++));
    /* relaxed: the calls synchronise */
    while (load_relaxed(&ring->taken) < s->written)
        assert_int_equal(drain_call(s->house.drain, nothing_call, NULL), 0);
}

struct found {
    uint64_t records;
    unsigned files, cut;
};

static void file_add(const char *path, struct found *found)
{
    struct trace_condition condition;
    struct trace_error error;
    struct trace *opened;
    int verdict = trace_verify(path, NULL, NULL);

    if (trace_open(&opened, path, &error) != 0) {
        assert_int_equal(error.code, -ENODATA); /* cut off in its first block */
        assert_int_equal(verdict, 1);
        found->cut++;
        return;
    }
    assert_true(verdict == 0 || verdict == 3);
    trace_condition(opened, &condition);
    found->records += condition.records;
    found->files++;
    found->cut += !condition.ended;
    trace_close(opened);
}

static struct found files_take(void)
{
    struct found found = {0};
    DIR *entries = opendir(folder);
    struct dirent *entry;
    char path[512];

    assert_non_null(entries);
    while ((entry = readdir(entries))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        file_add(path, &found);
        assert_int_equal(unlink(path), 0);
    }
    closedir(entries);
    return found;
}

/* What the files have not has been told. */
static void session_end(struct session *s, bool flight)
{
    struct session_files_figures figures;
    struct found found;
    int err;

    producer_retire(&s->producer);
    control_close(s->house.control);
    s->house.control = NULL;
    drain_stop(s->house.drain);
    session_files_finish(s->house.files, s->house.drain);
    err = drain_close(s->house.drain);
    session_files_figures(s->house.files, &figures);
    house_close(&s->house);
    stage_unmap(&s->stage);
    assert_int_equal(own_entries(OWN_DESCRIPTORS), s->descriptors);
    found = files_take();
    if (!flight && !err && !figures.error) {
        assert_int_equal(found.records, s->written);
        assert_int_equal(found.cut, 0);
    }
}

/* ---- questions ---- */

/* Its file is whole, or not there, or as much as there was room for. */
static void picture_await(const struct reply *reply)
{
    struct pollfd look = {.fd = reply->fds[0], .events = POLLIN};
    struct control_snapshot told;
    struct found found = {0};

    assert_int_equal(reply->fd_count, 1);
    assert_int_equal(poll(&look, 1, PATIENCE_MS), 1);
    assert_int_equal(recv(reply->fds[0], &told, sizeof(told), 0), sizeof(told));
    assert_string_equal(told.path, picture);
    (void)calls_pass();
    if (told.status == 0 || access(picture, F_OK) == 0)
        file_add(picture, &found);
    if (told.status == 0)
        assert_int_equal(found.cut, 0);
    unlink(picture);
}

static void reply_check(const struct question *q, const struct reply *reply)
{
    if (reply->status >= 0)
        return;
    assert_int_equal(reply->fd_count, 0);
    if (!reply->bytes)
        fail_msg("%s: %d without a word", q->verb, reply->status);
}

static unsigned question_sweep(const struct question *q, bool flight, unsigned kinds, int error)
{
    struct call_sweep calls = {.kinds = kinds, .error = error};
    struct reply reply;
    struct session s;

    session_begin(&s, flight);
    while (call_sweep_next(&calls)) {
        int guest = house_knock(&s.house);
        unsigned failed;

        session_write(&s);
        call_sweep_arm(&calls);
        question_send(guest, q);
        reply_await(guest, &reply);
        if (reply.status == 0 && strcmp(q->verb, "snapshot") == 0)
            picture_await(&reply);
        failed = calls_pass();
        reply_check(q, &reply);
        if (!failed)
            assert_int_equal(reply.status, q->status);
        reply_drop(&reply);
        close(guest);
        house_is_well(&s.house);
    }
    session_end(&s, flight);
    return calls.runs;
}

static void questions_sweep(bool flight, unsigned kinds, int error)
{
    const struct question questions[] = {
        {"describe", {NULL}, 0},
        {"stats", {NULL}, 0},
        {"set", {"policy=block", "ring=64K", "level=3", "wait=yield"}, 0},
        {"set", {"policy=overwrite"}, -EINVAL},
        {"set", {"colour=red"}, -EINVAL},
        {"disable", {"nobody:*"}, 0},
        {"pause", {NULL}, 0},
        {"resume", {NULL}, 0},
        {"subscribe", {NULL}, 0},
        {"rotate", {NULL}, 0},
        {"snapshot", {picture, "1", "0"}, 0},
        {"snapshot", {"picture", "1", "0"}, -EINVAL},
        {"stop", {NULL}, -ENOTSUP},
        {"dance", {NULL}, -ENOSYS},
    };
    unsigned runs = 0;

    for (unsigned n = 0; n < sizeof(questions) / sizeof(questions[0]); n++)
        if (!flight || strcmp(questions[n].verb, "rotate") != 0)
            runs += question_sweep(&questions[n], flight, kinds, error);
    print_message("%u questions\n", runs);
    assert_true(runs > 28);
}

/* ---- tests ---- */

static void questions_without_memory_are_answered_in_words(void **state)
{
    (void)state;
    questions_sweep(false, CALL_MEMORY | CALL_THREAD, 0);
}

static void flight_recorder_without_memory_answers_in_words(void **state)
{
    (void)state;
    questions_sweep(true, CALL_MEMORY | CALL_THREAD, 0);
}

static void questions_without_descriptors_are_answered_in_words(void **state)
{
    (void)state;
    questions_sweep(false, CALL_OPEN, EMFILE);
}

static void questions_on_a_failing_disk_are_answered_in_words(void **state)
{
    (void)state;
    questions_sweep(false, CALL_WRITE, ENOSPC);
    questions_sweep(false, CALL_READ, EIO);
}

static void control_that_cannot_open_leaves_nothing(unsigned kinds, int error)
{
    struct call_sweep calls = {.kinds = kinds, .error = error};
    struct house h;
    struct control_options options = house_build(&h, &(struct house_plan){.name = "failing"});
    unsigned descriptors = own_entries(OWN_DESCRIPTORS), tasks = own_entries(OWN_THREADS);

    while (call_sweep_next(&calls)) {
        int err;

        call_sweep_arm(&calls);
        err = control_open(&h.control, &options);
        if (calls_pass() == 0)
            assert_int_equal(err, 0);
        if (err == 0) {
            house_is_well(&h);
            control_close(h.control);
        }
        h.control = NULL;
        own_entries_become(OWN_THREADS, tasks);
        assert_int_equal(own_entries(OWN_DESCRIPTORS), descriptors);
    }
    assert_true(calls.runs > 6);
    assert_int_equal(session_folder_remove(&h.folder), 0); /* it is empty but for sockets */
    house_close(&h);
}

static void control_without_memory_is_not_opened(void **state)
{
    (void)state;
    control_that_cannot_open_leaves_nothing(CALL_MEMORY | CALL_THREAD, 0);
}

static void control_without_descriptors_is_not_opened(void **state)
{
    (void)state;
    control_that_cannot_open_leaves_nothing(CALL_OPEN, EMFILE);
}

static int begin(void **state)
{
    strcpy(folder, "/tmp/control-fails-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(trace, sizeof(trace), "%s/x.adatrace", folder);
    snprintf(picture, sizeof(picture), "%s/picture", folder);
    return house_runtime_folder(state);
}

static int end(void **state)
{
    return rmdir(folder) | house_runtime_folder_remove(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(questions_without_memory_are_answered_in_words),
        cmocka_unit_test(flight_recorder_without_memory_answers_in_words),
        cmocka_unit_test(questions_without_descriptors_are_answered_in_words),
        cmocka_unit_test(questions_on_a_failing_disk_are_answered_in_words),
        cmocka_unit_test(control_without_memory_is_not_opened),
        cmocka_unit_test(control_without_descriptors_is_not_opened),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
