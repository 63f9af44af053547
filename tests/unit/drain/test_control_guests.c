/* SPDX-License-Identifier: Apache-2.0 */
/* Guests of the control socket that mean no good. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "control_house.h"
#include "peer_pretend.h"
#include "peer_stranger.h"

enum { PATIENCE_MS = 30000, CROWD = 1000, QUESTIONS = 300 };

static struct control_request good_request(void)
{
    return (struct control_request){
        .magic = CONTROL_MAGIC, .version = CONTROL_VERSION, .verb = "describe"};
}

/* Send these bytes; returns the status that is answered, and its words in text. The connection is
 * closed. */
static int say_on(int fd, const void *bytes, size_t size, char *text, size_t text_size)
{
    struct {
        struct control_answer head;
        char body[CONTROL_PART_BYTES];
    } packet;
    ssize_t got;

    assert_int_equal(send(fd, bytes, size, MSG_NOSIGNAL), size);
    got = recv(fd, &packet, sizeof(packet), 0);
    assert_true(got >= (ssize_t)sizeof(packet.head));
    assert_true(packet.head.magic == CONTROL_MAGIC);
    assert_int_equal(packet.head.bytes, got - (ssize_t)sizeof(packet.head));
    assert_true(packet.head.bytes < text_size);
    memcpy(text, packet.body, packet.head.bytes);
    text[packet.head.bytes] = 0;
    close(fd);
    return packet.head.status;
}

static int say(const struct house *h, const void *bytes, size_t size, char *text, size_t text_size)
{
    return say_on(house_knock(h), bytes, size, text, text_size);
}

static void request_that_is_none_is_refused_in_words(void **state)
{
    struct control_request r = good_request();
    char text[256];
    struct house h;

    (void)state;
    house_open(&h, NULL);
    r.magic++;
    assert_int_equal(say(&h, &r, sizeof(r), text, sizeof(text)), -EPROTO);
    assert_string_equal(text, "that is no request");
    assert_int_equal(say(&h, "x", 1, text, sizeof(text)), -EPROTO);
    r = good_request();
    assert_int_equal(say(&h, &r, sizeof(r) - 1, text, sizeof(text)), -EPROTO);
    r.version++;
    assert_int_equal(say(&h, &r, sizeof(r), text, sizeof(text)), -EPROTONOSUPPORT);
    assert_non_null(strstr(text, "use those of one version"));
    house_is_well(&h);
    house_close(&h);
}

static void request_whose_words_are_not_there_is_refused(void **state)
{
    struct {
        struct control_request head;
        char words[64];
    } r = {.head = good_request()};
    char text[256];
    struct house h;

    (void)state;
    house_open(&h, NULL);
    r.head.words_bytes = 1000;
    assert_int_equal(say(&h, &r, sizeof(r.head) + 2, text, sizeof(text)), -EPROTO);
    r.head.words_bytes = 2; /* without the NUL at the end */
    memcpy(r.words, "ab", 2);
    r.head.word_count = 1;
    assert_int_equal(say(&h, &r, sizeof(r.head) + 2, text, sizeof(text)), -EPROTO);
    memcpy(r.words, "a", 2);
    r.head.word_count = 2; /* there is one */
    assert_int_equal(say(&h, &r, sizeof(r.head) + 2, text, sizeof(text)), -EPROTO);
    r.head.word_count = 1; /* this verb takes none */
    assert_int_equal(say(&h, &r, sizeof(r.head) + 2, text, sizeof(text)), -EINVAL);
    assert_non_null(strstr(text, "'describe' takes 0 to 0 words"));
    memset(r.head.verb, 'x', sizeof(r.head.verb));
    assert_int_equal(say(&h, &r, sizeof(r.head) + 2, text, sizeof(text)), -EPROTO);
    house_is_well(&h);
    house_close(&h);
}

enum { ANN = 1000, BOB = 1001 };

static void request_of_another_user_is_refused_in_words(void **state)
{
    struct control_request r = good_request();
    char text[1024];
    int guests[3];
    struct house h;

    (void)state;
    house_open(&h, NULL);
    for (int i = 0; i < 3; i++)
        guests[i] = house_knock(&h); /* which looks at its peer itself */
    peer_pretend(BOB, ANN);
    assert_int_equal(say_on(guests[0], &r, sizeof(r), text, sizeof(text)), -EPERM);
    assert_string_equal(text, "this session belongs to another user");
    peer_pretend(BOB, 0);
    assert_int_equal(say_on(guests[1], &r, sizeof(r), text, sizeof(text)), -EPERM);
    peer_pretend(0, ANN);
    assert_true(say_on(guests[2], &r, sizeof(r), text, sizeof(text)) >= 0);
    peer_pretend_end();
    house_is_well(&h);
    house_close(&h);
}

/* Nothing is pretended: by the kernel's word. */
static void request_of_a_process_of_another_user_is_refused(void **state)
{
    struct control_request r = good_request();
    char text[1024];
    struct house h;
    int fd;

    (void)state;
    house_open(&h, NULL);
    fd = peer_stranger_connect(h.socket, BOB);
    if (fd >= 0) {
        assert_int_equal(say_on(fd, &r, sizeof(r), text, sizeof(text)), -EPERM);
        assert_string_equal(text, "this session belongs to another user");
    }
    house_is_well(&h);
    house_close(&h);
    if (fd < 0)
        skip();
}

/* ---- while a verb runs ---- */

/* The drain, or a verb, waits here. */
struct gate {
    sem_t reached, opened;
};

static struct gate gate;
static unsigned order[8], order_count; /* by the verbs' thread */

static int gate_wait(struct drain *d, void *context)
{
    struct gate *g = context;

    (void)d;
    assert_int_equal(sem_post(&g->reached), 0);
    assert_int_equal(sem_wait(&g->opened), 0);
    return 0;
}

static void *drain_hold(void *context)
{
    struct house *h = context;

    assert_int_equal(drain_call(h->drain, gate_wait, &gate), 0);
    return NULL;
}

static void gate_make(void)
{
    assert_int_equal(sem_init(&gate.reached, 0, 0), 0);
    assert_int_equal(sem_init(&gate.opened, 0, 0), 0);
}

static int ask_only(const struct house *h, const char *verb)
{
    struct control_request r = good_request();
    int fd = house_knock(h);

    snprintf(r.verb, sizeof(r.verb), "%s", verb);
    assert_int_equal(send(fd, &r, sizeof(r), MSG_NOSIGNAL), sizeof(r));
    return fd;
}

static int answer_status(int fd)
{
    char packet[sizeof(struct control_answer) + CONTROL_PART_BYTES];
    struct control_answer head = {0};

    assert_true(recv(fd, packet, sizeof(packet), 0) >= (ssize_t)sizeof(head));
    memcpy(&head, packet, sizeof(head));
    close(fd);
    return head.status;
}

static void who_it_is_is_told_while_the_drain_keeps_another_waiting(void **state)
{
    pthread_t holder;
    struct house h;
    int asks;

    (void)state;
    gate_make();
    house_open(&h, NULL);
    assert_int_equal(pthread_create(&holder, NULL, drain_hold, &h), 0);
    assert_int_equal(sem_wait(&gate.reached), 0);
    asks = ask_only(&h, "stats");
    for (int i = 0; i < 3; i++)
        house_is_well(&h);
    assert_int_equal(sem_post(&gate.opened), 0);
    pthread_join(holder, NULL);
    assert_true(answer_status(asks) >= 0);
    house_is_well(&h);
    house_close(&h);
}

static int verb_held(struct control_context *c)
{
    order[order_count++] = 0;
    return gate_wait(c->drain, &gate);
}

static int verb_first(struct control_context *c)
{
    (void)c;
    order[order_count++] = 1;
    return 0;
}

static int verb_second(struct control_context *c)
{
    (void)c;
    order[order_count++] = 2;
    return 0;
}

static int verb_quick(struct control_context *c)
{
    (void)c;
    return 7;
}

static int verb_look_held(struct control_context *c)
{
    (void)c;
    return gate_wait(NULL, &gate);
}

static const struct control_verb queueing[] = {
    {.name = "held", .run = verb_held},
    {.name = "look held", .looks = true, .run = verb_look_held},
    {.name = "look", .looks = true, .run = verb_quick},
    {.name = "first", .run = verb_first},
    {.name = "second", .run = verb_second},
    {.name = "quick", .at_once = true, .run = verb_quick},
    {0},
};

static void commands_come_one_after_the_other_and_only_for_who_waits(void **state)
{
    struct house h;
    int held, first, gone, second;

    (void)state;
    gate_make();
    order_count = 0;
    house_open_verbs(&h, queueing);
    held = ask_only(&h, "held");
    assert_int_equal(sem_wait(&gate.reached), 0);
    first = ask_only(&h, "first");
    assert_int_equal(answer_status(ask_only(&h, "quick")), 7); /* so the one before has been seen */
    gone = ask_only(&h, "first");
    assert_int_equal(answer_status(ask_only(&h, "quick")), 7);
    second = ask_only(&h, "second");
    assert_int_equal(answer_status(ask_only(&h, "quick")), 7);
    close(gone);
    assert_int_equal(order_count, 1);
    assert_int_equal(sem_post(&gate.opened), 0);
    assert_int_equal(answer_status(held), 0);
    assert_int_equal(answer_status(first), 0);
    assert_int_equal(answer_status(second), 0);
    assert_int_equal(order_count, 3);
    assert_int_equal(order[1], 1);
    assert_int_equal(order[2], 2);
    house_close(&h);
}

/* Neither waits for the other; looks wait for looks. */
static void looks_and_changes_do_not_wait_for_each_other(void **state)
{
    struct house h;
    int held, look;

    (void)state;
    gate_make();
    order_count = 0;
    house_open_verbs(&h, queueing);
    held = ask_only(&h, "held");
    assert_int_equal(sem_wait(&gate.reached), 0);
    assert_int_equal(answer_status(ask_only(&h, "look")), 7);
    assert_int_equal(sem_post(&gate.opened), 0);
    assert_int_equal(answer_status(held), 0);
    held = ask_only(&h, "look held");
    assert_int_equal(sem_wait(&gate.reached), 0);
    look = ask_only(&h, "look");
    assert_int_equal(answer_status(ask_only(&h, "quick")), 7); /* so the one before has been seen */
    assert_int_equal(answer_status(ask_only(&h, "first")), 0);
    assert_int_equal(recv(look, &(char){0}, 1, MSG_DONTWAIT | MSG_PEEK), -1);
    assert_int_equal(sem_post(&gate.opened), 0);
    assert_int_equal(answer_status(held), 0);
    assert_int_equal(answer_status(look), 7);
    house_close(&h);
}

static int end_held(void *context)
{
    return gate_wait(NULL, context);
}

/* Symbols are looked up, snapshots written: that may take long. */
static void figures_are_there_while_a_recording_ends(void **state)
{
    struct session_answer answer;
    struct house h;
    int stops;

    (void)state;
    gate_make();
    house_open_as(&h, &(struct house_plan){.end = end_held, .end_context = &gate});
    stops = ask_only(&h, "stop");
    assert_int_equal(sem_wait(&gate.reached), 0);
    house_ask(&h, "stats", 0, NULL, &answer);
    assert_int_equal(answer.status, 0);
    session_answer_free(&answer);
    drain_stop(h.drain);
    house_ask(&h, "stats", 0, NULL, &answer);
    assert_int_equal(answer.status, -ESHUTDOWN);
    assert_string_equal(answer.body, "the session is ending");
    session_answer_free(&answer);
    assert_int_equal(sem_post(&gate.opened), 0);
    assert_int_equal(answer_status(stops), 0);
    house_close(&h);
}

/* ---- words ---- */

static void request_that_is_too_long_is_refused(void **state)
{
    size_t size = sizeof(struct control_request) + CONTROL_WORDS_BYTES + 1;
    struct control_request r = good_request();
    char *packet = calloc(1, size), text[256];
    struct house h;

    (void)state;
    assert_non_null(packet);
    house_open(&h, NULL);
    r.words_bytes = CONTROL_WORDS_BYTES + 1;
    memcpy(packet, &r, sizeof(r));
    assert_int_equal(say(&h, packet, size, text, sizeof(text)), -E2BIG);
    house_is_well(&h);
    house_close(&h);
    free(packet);
}

static void thousand_silent_guests_do_not_keep_others_out(void **state)
{
    struct rlimit limit;
    int fds[CROWD], count = 0;
    uint64_t begin_ns;
    struct house h;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur < CROWD + 128)
        skip();
    house_open(&h, NULL);
    for (; count < CROWD; count++)
        fds[count] = house_knock(&h);
    begin_ns = clock_monotonic_ns();
    house_is_well(&h);
    /* It made room at once instead of waiting for them: with 64 places that would take seconds. */
    assert_true(clock_monotonic_ns() - begin_ns < UINT64_C(10000000000));
    for (int i = 0; i < CROWD; i++)
        close(fds[i]);
    house_is_well(&h);
    house_close(&h);
}

/* Who asks and does not listen. Its questions end when its own queue is full. */
static void guest_that_never_reads_loses_only_its_connection(void **state)
{
    const struct control_request r = good_request();
    int fds[QUESTIONS];
    struct house h;

    (void)state;
    house_open(&h, NULL);
    for (int i = 0; i < QUESTIONS; i++) {
        int size = 1;

        fds[i] = house_knock(&h);
        (void)setsockopt(fds[i], SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
        assert_int_equal(send(fds[i], &r, sizeof(r), MSG_NOSIGNAL), sizeof(r));
    }
    house_is_well(&h);
    for (int i = 0; i < QUESTIONS; i++) {
        struct pollfd look = {.fd = fds[i], .events = POLLIN};

        assert_int_equal(poll(&look, 1, PATIENCE_MS), 1);
        close(fds[i]);
    }
    house_is_well(&h);
    house_close(&h);
}

static void guest_that_says_nothing_is_sent_away_in_time(void **state)
{
    struct pollfd look = {.events = POLLIN};
    uint64_t begin_ns;
    struct house h;

    (void)state;
    house_open(&h, NULL);
    begin_ns = clock_monotonic_ns();
    look.fd = house_knock(&h);
    assert_int_equal(poll(&look, 1, PATIENCE_MS), 1);
    assert_true(look.revents & POLLHUP);
    assert_true(clock_monotonic_ns() - begin_ns >= (uint64_t)CONTROL_PATIENCE_MS * 1000000);
    close(look.fd);
    house_is_well(&h);
    house_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_that_is_none_is_refused_in_words),
        cmocka_unit_test(request_whose_words_are_not_there_is_refused),
        cmocka_unit_test(request_of_another_user_is_refused_in_words),
        cmocka_unit_test(request_of_a_process_of_another_user_is_refused),
        cmocka_unit_test(request_that_is_too_long_is_refused),
        cmocka_unit_test(who_it_is_is_told_while_the_drain_keeps_another_waiting),
        cmocka_unit_test(commands_come_one_after_the_other_and_only_for_who_waits),
        cmocka_unit_test(looks_and_changes_do_not_wait_for_each_other),
        cmocka_unit_test(figures_are_there_while_a_recording_ends),
        cmocka_unit_test(thousand_silent_guests_do_not_keep_others_out),
        cmocka_unit_test(guest_that_never_reads_loses_only_its_connection),
        cmocka_unit_test(guest_that_says_nothing_is_sent_away_in_time),
    };

    return cmocka_run_group_tests(tests, house_runtime_folder, house_runtime_folder_remove);
}
