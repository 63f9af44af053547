/* SPDX-License-Identifier: Apache-2.0 */
/* The door, from the side of a process that says hello. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "accept_refused.h"
#include "base/atomic.h"
#include "base/clock.h"
#include "base/machine_kind.h"
#include "drain/door.h"
#include "drain/steer.h"
#include "fake_writer.h"
#include "peer_pretend.h"
#include "peer_stranger.h"
#include "registry/handshake.h"
#include "registry/registry.h"

struct house {
    struct session_folder folder;
    int listen_fd;
    struct drain *drain;
    struct door *door;
};

static void house_open(struct house *h, const char *globs)
{
    const struct drain_options options = {
        .clock = CLOCK_SOURCE_MONOTONIC, .level = 1, .watches_processes = true};
    struct door_options door = {
        .watch_fd = -1,
        .geometry = {.slots = 8,
                     .ring_bytes = 65536,
                     .arena_bytes = 1 << 20,
                     .clock = SEGMENT_CLOCK_MONOTONIC},
        .globs = globs,
        .level = 7,
    };

    assert_int_equal(session_folder_create(&h->folder), 0);
    assert_int_equal(drain_create(&h->drain, fake_writer_create(), &options), 0);
    h->listen_fd = session_folder_listen(&h->folder, "socket");
    assert_true(h->listen_fd >= 0);
    door.listen_fd = h->listen_fd;
    door.drain = h->drain;
    assert_int_equal(door_open(&h->door, &door), 0);
}

static void house_close(struct house *h)
{
    door_close(h->door);
    drain_destroy(h->drain);
    close(h->listen_fd);
    session_folder_remove(&h->folder);
}

static int knock(const struct house *h)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    session_folder_at(&h->folder, "socket", address.sun_path);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static struct handshake_hello good_hello(void)
{
    return (struct handshake_hello){.magic = HANDSHAKE_MAGIC,
                                    .version = HANDSHAKE_VERSION,
                                    .segment_version = SEGMENT_VERSION,
                                    .role = HANDSHAKE_AGENT,
                                    .machine = MACHINE_KIND};
}

/* Returns the descriptor that came with it, or -1. */
static int hear(int fd, struct handshake_welcome *welcome)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } control;
    struct iovec piece = {.iov_base = welcome, .iov_len = sizeof(*welcome)};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    struct cmsghdr *c;
    int segment = -1;

    assert_int_equal(recvmsg(fd, &message, MSG_CMSG_CLOEXEC), sizeof(*welcome));
    assert_true(welcome->magic == HANDSHAKE_MAGIC);
    c = CMSG_FIRSTHDR(&message);
    if (c)
        memcpy(&segment, CMSG_DATA(c), sizeof(int));
    return segment;
}

static int say_on(int fd, const void *hello, size_t size, struct handshake_welcome *welcome)
{
    int segment;

    assert_int_equal(send(fd, hello, size, MSG_NOSIGNAL), size);
    segment = hear(fd, welcome);
    close(fd);
    return segment;
}

static int say(const struct house *h, const void *hello, size_t size,
               struct handshake_welcome *welcome)
{
    return say_on(knock(h), hello, size, welcome);
}

/* The drain hears of a process right after the process has its answer. */
static void processes_await(struct house *h, size_t count)
{
    while (fake_count(FAKE_PROCESS, 0) < count)
        drain_round(h->drain);
    assert_int_equal(fake_count(FAKE_PROCESS, 0), count);
}

static void hello_is_answered_with_a_segment(void **state)
{
    struct house h;
    struct handshake_hello hello = good_hello();
    struct handshake_welcome welcome;
    struct segment segment;
    struct switch_rules rules;
    int fd;

    (void)state;
    house_open(&h, "memory:*");
    fd = say(&h, &hello, sizeof(hello), &welcome);
    assert_int_equal(welcome.status, 0);
    assert_int_equal(segment_map(&segment, fd), 0);
    assert_int_equal(segment.geometry.ring_bytes, 65536);
    switches_rules(&segment, &rules);
    assert_string_equal(rules.globs, "memory:*");
    assert_true(switches_pass(&segment, 7));
    assert_false(switches_pass(&segment, 8));
    /* A ring is ready at once. */
    assert_true(registry_claim(&segment, &(struct registry_claim){.pid = 1, .tid = 1}) >= 0);
    /* Nobody can take the memory away that the drain has mapped. */
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(errno, EPERM);
    close(fd);
    processes_await(&h, 1);
    assert_int_equal(fake_find(FAKE_PROCESS, 0, 0)->item.process.pid, getpid());
    assert_true(strstr(fake_find(FAKE_PROCESS, 0, 0)->text, "test_door"));
    segment_destroy(&segment);
    house_close(&h);
}

/* Whoever knocks meanwhile is let in later, and nobody turns in a circle until then. */
static void door_without_descriptors_waits_for_some(void **state)
{
    struct handshake_hello hello = good_hello();
    struct handshake_welcome welcome;
    struct house h;
    int segment;

    (void)state;
    house_open(&h, "");
    accept_refuse(6);
    segment = say(&h, &hello, sizeof(hello), &welcome);
    assert_true(segment >= 0);
    close(segment);
    assert_true(accept_refused_ns() > 5 * 10 * 1000 * 1000);
    poll_refuse(2); /* nor memory to wait for them */
    close(say(&h, &hello, sizeof(hello), &welcome));
    assert_int_equal(welcome.status, 0);
    close(say(&h, &hello, sizeof(hello), &welcome));
    assert_int_equal(poll_refusals_left(), 0);
    house_close(&h);
}

static void every_hello_gets_a_segment_of_its_own(void **state)
{
    struct house h;
    struct handshake_hello hello = good_hello();
    struct handshake_welcome welcome;
    struct stat first, second;
    int a, b;

    (void)state;
    house_open(&h, "");
    a = say(&h, &hello, sizeof(hello), &welcome);
    b = say(&h, &hello, sizeof(hello), &welcome);
    assert_int_equal(fstat(a, &first), 0);
    assert_int_equal(fstat(b, &second), 0);
    assert_true(first.st_ino != second.st_ino);
    close(a);
    close(b);
    house_close(&h);
}

static void hello_of_another_version_is_refused_in_words(void **state)
{
    char theirs[40];
    struct house h;
    struct handshake_hello hello = good_hello();
    struct handshake_welcome welcome;

    (void)state;
    snprintf(theirs, sizeof(theirs), "protocol %u.%u", HANDSHAKE_VERSION + 1, SEGMENT_VERSION);
    house_open(&h, "");
    hello.version = HANDSHAKE_VERSION + 1;
    assert_int_equal(say(&h, &hello, sizeof(hello), &welcome), -1);
    assert_int_equal(welcome.status, -EPROTONOSUPPORT);
    assert_true(strstr(welcome.text, theirs));
    hello = good_hello();
    hello.segment_version = 9;
    assert_int_equal(say(&h, &hello, sizeof(hello), &welcome), -1);
    assert_int_equal(welcome.status, -EPROTONOSUPPORT);
    drain_round(h.drain);
    assert_int_equal(fake_count(FAKE_PROCESS, 0), 0);
    assert_true(fake_has_note("is not traced"));
    house_close(&h);
}

enum { ANN = 1000, BOB = 1001 };

/* The folder keeps them out as well; here somebody has opened it. */
static void hello_of_another_user_is_refused_in_words(void **state)
{
    struct handshake_hello hello = good_hello();
    struct handshake_welcome welcome;
    struct house h;
    int segment;

    (void)state;
    house_open(&h, "");
    peer_pretend(BOB, ANN);
    assert_int_equal(say(&h, &hello, sizeof(hello), &welcome), -1);
    assert_int_equal(welcome.status, -EPERM);
    assert_string_equal(welcome.text, "it belongs to another user");
    peer_pretend(BOB, 0); /* nor does root give its rings to anybody */
    assert_int_equal(say(&h, &hello, sizeof(hello), &welcome), -1);
    assert_int_equal(welcome.status, -EPERM);
    peer_pretend(0, ANN);
    segment = say(&h, &hello, sizeof(hello), &welcome);
    assert_true(segment >= 0);
    close(segment);
    peer_pretend_end();
    processes_await(&h, 1);
    assert_true(fake_has_note("it belongs to another user"));
    house_close(&h);
}

/* Nothing is pretended: by the kernel's word. */
static void hello_of_a_process_of_another_user_is_refused(void **state)
{
    struct handshake_hello hello = good_hello();
    struct handshake_welcome welcome;
    char path[SESSION_PATH_BYTES];
    struct house h;
    int fd;

    (void)state;
    house_open(&h, "");
    session_folder_at(&h.folder, "socket", path);
    fd = peer_stranger_connect(path, BOB);
    if (fd >= 0) {
        assert_int_equal(say_on(fd, &hello, sizeof(hello), &welcome), -1);
        assert_int_equal(welcome.status, -EPERM);
        assert_string_equal(welcome.text, "it belongs to another user");
        drain_round(h.drain);
        assert_int_equal(fake_count(FAKE_PROCESS, 0), 0);
    }
    house_close(&h);
    if (fd < 0)
        skip();
}

/* A program in an emulator beside us has our files and sockets, and another clock. */
static void hello_of_another_machine_is_refused_in_words(void **state)
{
    struct house h;
    struct handshake_hello hello = good_hello();
    struct handshake_welcome welcome;

    (void)state;
    house_open(&h, "");
    hello.machine = (MACHINE_KIND_ELF == EM_AARCH64 ? EM_X86_64 : EM_AARCH64) | 8u << 16;
    assert_int_equal(say(&h, &hello, sizeof(hello), &welcome), -1);
    assert_int_equal(welcome.status, -EPROTONOSUPPORT);
    assert_true(strstr(welcome.text, machine_kind_name(hello.machine)));
    hello = good_hello();
    hello.magic = __builtin_bswap64(hello.magic);
    assert_int_equal(say(&h, &hello, sizeof(hello), &welcome), -1);
    assert_int_equal(welcome.status, -EPROTONOSUPPORT);
    assert_true(strstr(welcome.text, "byte order"));
    hello = good_hello();
    hello.version = 1; /* it was shorter */
    assert_int_equal(say(&h, &hello, 32, &welcome), -1);
    assert_int_equal(welcome.status, -EPROTONOSUPPORT);
    assert_true(strstr(welcome.text, "protocol 1."));
    drain_round(h.drain);
    assert_int_equal(fake_count(FAKE_PROCESS, 0), 0);
    house_close(&h);
}

static void hello_that_is_none_is_refused(void **state)
{
    struct house h;
    struct handshake_hello hello = good_hello();
    struct handshake_welcome welcome;

    (void)state;
    house_open(&h, "");
    hello.magic++;
    assert_int_equal(say(&h, &hello, sizeof(hello), &welcome), -1);
    assert_int_equal(welcome.status, -EPROTO);
    hello = good_hello();
    assert_int_equal(say(&h, &hello, sizeof(hello) - 4, &welcome), -1);
    assert_int_equal(welcome.status, -EPROTO);
    hello.role = 99;
    assert_int_equal(say(&h, &hello, sizeof(hello), &welcome), -1);
    assert_int_equal(welcome.status, -EINVAL);
    house_close(&h);
}

static void guest_who_says_nothing_does_not_keep_others_waiting(void **state)
{
    struct house h;
    struct handshake_hello hello = good_hello();
    struct handshake_welcome welcome;
    int silent, gone = -1, fd;

    (void)state;
    house_open(&h, "");
    silent = knock(&h);
    gone = knock(&h);
    close(gone);
    fd = say(&h, &hello, sizeof(hello), &welcome);
    assert_true(fd >= 0);
    close(fd);
    close(silent);
    house_close(&h);
}

/* They fill every place; nobody has to run out of patience before the next one is heard. */
static void thousand_silent_guests_do_not_keep_a_process_waiting(void **state)
{
    enum { SILENT = 1000 };
    const uint64_t answer_ns = UINT64_C(15000000000); /* a loaded machine; in turns it were 31 s */
    struct rlimit limit;
    struct house h;
    struct handshake_hello hello = good_hello();
    struct handshake_welcome welcome;
    int silent[SILENT], fd;
    uint64_t asked_ns;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur < 2 * SILENT + 100)
        skip();
    house_open(&h, "");
    for (int i = 0; i < SILENT; i++)
        silent[i] = knock(&h);
    asked_ns = clock_monotonic_ns();
    fd = say(&h, &hello, sizeof(hello), &welcome);
    assert_true(fd >= 0);
    assert_true(clock_monotonic_ns() - asked_ns < answer_ns);
    close(fd);
    /* They are told why, in words. */
    assert_int_equal(hear(silent[0], &welcome), -1);
    assert_int_equal(welcome.status, -ETIMEDOUT);
    assert_non_null(strstr(welcome.text, "said nothing"));
    for (int i = 0; i < SILENT; i++)
        close(silent[i]);
    house_close(&h);
}

static void second_segment_of_a_process_does_not_end_the_first(void **state)
{
    struct house h;
    struct handshake_hello hello = good_hello();
    struct handshake_welcome welcome;
    int a, b;

    (void)state;
    house_open(&h, "");
    a = say(&h, &hello, sizeof(hello), &welcome);
    hello.role = HANDSHAKE_STATIC;
    b = say(&h, &hello, sizeof(hello), &welcome);
    processes_await(&h, 2);
    drain_round(h.drain);
    assert_int_equal(fake_count(FAKE_PROCESS_END, 0), 0);
    close(a);
    close(b);
    house_close(&h);
}

static void folder_is_private_and_goes_away(void **state)
{
    struct session_folder folder;
    struct stat status;
    char path[sizeof(folder.path)];

    (void)state;
    setenv("XDG_RUNTIME_DIR", "/nowhere", 1);
    assert_int_equal(session_folder_create(&folder), 0);
    assert_memory_equal(folder.path, "/tmp/", 5);
    assert_int_equal(stat(folder.path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
    strcpy(path, folder.path);
    session_folder_remove(&folder);
    assert_int_equal(stat(path, &status), -1);
    unsetenv("XDG_RUNTIME_DIR");
}

/* In the trace a number of them is enough. */
static void refusals_without_end_are_told_of_for_a_while(void **state)
{
    enum { REFUSED = 100, TOLD = 64 };
    struct handshake_hello hello = good_hello();
    struct handshake_welcome welcome;
    struct house h;

    (void)state;
    hello.version++;
    house_open(&h, NULL);
    for (unsigned n = 0; n < REFUSED; n++) {
        assert_int_equal(say(&h, &hello, sizeof(hello), &welcome), -1);
        assert_int_equal(welcome.status, -EPROTONOSUPPORT);
        assert_true(welcome.text[0]);
    }
    drain_round(h.drain);
    assert_int_equal(fake_count(FAKE_NOTE, 0), TOLD);
    house_close(&h);
}

static void policy_that_was_set_holds_for_who_comes_later(void **state)
{
    struct handshake_hello hello = good_hello();
    struct handshake_welcome welcome;
    struct segment segment;
    struct house h;
    int fd;

    (void)state;
    house_open(&h, NULL);
    assert_int_equal(steer_policy(h.drain, RING_BLOCK, 0, "the test"), 0);
    assert_true(fake_has_note("policy block set by the test"));
    fd = say(&h, &hello, sizeof(hello), &welcome);
    assert_int_equal(segment_map(&segment, fd), 0);
    assert_int_equal(registry_claim(&segment, &(struct registry_claim){.pid = 1, .tid = 1}), 0);
    assert_int_equal(segment.slots[0].ring.policy, RING_BLOCK);
    segment_destroy(&segment);
    close(fd);
    house_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_is_answered_with_a_segment),
        cmocka_unit_test(door_without_descriptors_waits_for_some),
        cmocka_unit_test(every_hello_gets_a_segment_of_its_own),
        cmocka_unit_test(hello_of_another_version_is_refused_in_words),
        cmocka_unit_test(hello_of_another_user_is_refused_in_words),
        cmocka_unit_test(hello_of_a_process_of_another_user_is_refused),
        cmocka_unit_test(hello_of_another_machine_is_refused_in_words),
        cmocka_unit_test(hello_that_is_none_is_refused),
        cmocka_unit_test(guest_who_says_nothing_does_not_keep_others_waiting),
        cmocka_unit_test(thousand_silent_guests_do_not_keep_a_process_waiting),
        cmocka_unit_test(second_segment_of_a_process_does_not_end_the_first),
        cmocka_unit_test(folder_is_private_and_goes_away),
        cmocka_unit_test(refusals_without_end_are_told_of_for_a_while),
        cmocka_unit_test(policy_that_was_set_holds_for_who_comes_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
