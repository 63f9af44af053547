/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of every kind: long ones, with descriptors, kept, failed; and who does not take them. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/atomic.h"
#include "control_house.h"
#include "peer_pretend.h"

enum { PATIENCE_MS = 100000 };

static uint32_t gone; /* connections that were kept, and are not any more */

static void gone_count(void *context)
{
    add_acq_rel((uint32_t *)context, 1); /* Gone. Pairs with the acquire in gone_await(). */
}

/* No sleep: whoever makes it end shows up in the count. */
static void gone_await(uint32_t count)
{
    while (load_acquire(&gone) < count) /* Gone. */
        (void)poll(NULL, 0, 1);
    assert_int_equal(load_acquire(&gone), count);
}

/* ---- verbs ---- */

/* So many bytes, each its place. */
static int many_bytes(struct control_context *c)
{
    size_t size = strtoul(c->words[0], NULL, 10);

    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)(i * 7 + i / 256);

        (void)answer_add(c->answer, &byte, 1);
    }
    return 5;
}

/* As many memfds, each with its number in it. */
static int descriptors(struct control_context *c)
{
    int count = atoi(c->words[0]);

    for (int i = 0; i < count; i++) {
        int fd = memfd_create("test", MFD_CLOEXEC);

        (void)!write(fd, &i, sizeof(i));
        (void)answer_fd(c->answer, fd);
    }
    return 0;
}

static int keep(struct control_context *c)
{
    int err = answer_keep(c->answer, gone_count, &gone);

    return err ? err : atoi(c->words[0]);
}

static int word_count(struct control_context *c)
{
    return answer_print(c->answer, "%u %s|%s", c->count, c->words[0], c->words[1]);
}

/* A number in so many digits, and once more. */
static int long_words(struct control_context *c)
{
    int size = atoi(c->words[0]);

    (void)answer_print(c->answer, "%0*d", size, 7);
    (void)answer_print(c->answer, "%0*d", size, 8);
    return 0;
}

static int keep_twice(struct control_context *c)
{
    int err = answer_keep(c->answer, gone_count, &gone);

    return err ? err : answer_keep(c->answer, gone_count, &gone);
}

/* Holds the session's thread up until the test lets it go. */
static uint32_t is_held, may_go, counted;

static int hold(struct control_context *c)
{
    store_release(&is_held, 1); /* Held. */
    while (!load_acquire(&may_go))
        (void)poll(NULL, 0, 1);
    return answer_print(c->answer, "held");
}

static int count_me(struct control_context *c)
{
    add_acq_rel(&counted, 1);
    return answer_print(c->answer, "counted");
}

static const struct control_verb verbs[] = {
    {.name = "hold", .run = hold},
    {.name = "count me", .run = count_me},
    {.name = "long", .words_min = 1, .words_max = 1, .run = long_words},
    {.name = "keep twice", .run = keep_twice},
    {.name = "many", .words_min = 1, .words_max = 1, .run = many_bytes},
    {.name = "descriptors", .words_min = 1, .words_max = 1, .run = descriptors},
    {.name = "keep", .words_min = 1, .words_max = 1, .run = keep},
    {.name = "count", .words_min = 2, .words_max = CONTROL_WORDS_MAX, .run = word_count},
    {0},
};

static int ask(const struct house *h, const char *verb, const char *word,
               struct session_answer *answer)
{
    house_ask(h, verb, 1, &word, answer);
    return answer->status;
}

/* ---- tests ---- */

static void session_of_another_user_is_not_asked(void **state)
{
    enum { ANN = 1000, BOB = 1001 };
    struct session_client client;
    struct house h;

    (void)state;
    house_open(&h, NULL);
    peer_pretend(BOB, ANN);
    assert_int_equal(session_client_open(&client, h.socket), -EPERM);
    assert_int_equal(client.fd, -1);
    peer_pretend(0, ANN);
    assert_int_equal(session_client_open(&client, h.socket), 0);
    session_client_close(&client);
    peer_pretend(BOB, 0); /* root may ask anybody */
    assert_int_equal(session_client_open(&client, h.socket), 0);
    session_client_close(&client);
    peer_pretend_end();
    house_close(&h);
}

static void long_answer_arrives_whole(void **state)
{
    static const char *const sizes[] = {"0", "1", "32767", "32768", "32769", "16777216"};
    struct session_answer answer;
    struct house h;

    (void)state;
    house_open_verbs(&h, verbs);
    for (unsigned n = 0; n < sizeof(sizes) / sizeof(sizes[0]); n++) {
        assert_int_equal(ask(&h, "many", sizes[n], &answer), 5);
        assert_int_equal(answer.bytes, strtoul(sizes[n], NULL, 10));
        for (size_t i = 0; i < answer.bytes; i++)
            if (answer.body[i] != (char)(i * 7 + i / 256))
                fail_msg("byte %zu of %s", i, sizes[n]);
        assert_int_equal(answer.body[answer.bytes], 0);
        session_answer_free(&answer);
    }
    assert_int_equal(ask(&h, "many", "16777217", &answer), -E2BIG);
    assert_non_null(strstr(answer.body, "the answer cannot be given"));
    session_answer_free(&answer);
    house_close(&h);
}

static void long_words_arrive_whole(void **state)
{
    static const char *const sizes[] = {"1", "1023", "1024", "5000", "8000000"};
    struct session_answer answer;
    struct house h;

    (void)state;
    house_open_verbs(&h, verbs);
    for (unsigned n = 0; n < sizeof(sizes) / sizeof(sizes[0]); n++) {
        size_t size = strtoul(sizes[n], NULL, 10);

        assert_int_equal(ask(&h, "long", sizes[n], &answer), 0);
        assert_int_equal(answer.bytes, 2 * size);
        assert_int_equal(answer.body[size - 1], '7');
        assert_int_equal(answer.body[2 * size - 1], '8');
        session_answer_free(&answer);
    }
    assert_int_equal(ask(&h, "long", "9000000", &answer), -E2BIG);
    session_answer_free(&answer);
    assert_int_equal(ask(&h, "long", "17000000", &answer), -E2BIG);
    session_answer_free(&answer);
    house_close(&h);
}

static void connection_is_kept_once(void **state)
{
    struct session_answer answer;
    struct house h;

    (void)state;
    store_release(&gone, 0);
    house_open_verbs(&h, verbs);
    house_ask(&h, "keep twice", 0, NULL, &answer);
    assert_int_equal(answer.status, -ENOSPC);
    session_answer_free(&answer);
    gone_await(1);
    house_close(&h);
}

static void words_of_any_kind_arrive(void **state)
{
    char *words[CONTROL_WORDS_MAX + 1];
    struct session_answer answer;
    struct session_client client;
    struct house h;

    (void)state;
    house_open_verbs(&h, verbs);
    house_ask(&h, "count", 2, (const char *const[]){"", "two words\n"}, &answer);
    assert_string_equal(answer.body, "2 |two words\n");
    session_answer_free(&answer);
    for (int i = 0; i <= CONTROL_WORDS_MAX; i++)
        words[i] = "x";
    house_ask(&h, "count", CONTROL_WORDS_MAX, (const char *const *)words, &answer);
    assert_string_equal(answer.body, "64 x|x");
    session_answer_free(&answer);
    assert_int_equal(session_client_open(&client, h.socket), 0);
    assert_int_equal(session_client_ask(&client, "count", CONTROL_WORDS_MAX + 1,
                                        (const char *const *)words, PATIENCE_MS, &answer),
                     -EINVAL);
    house_close(&h);
}

static void descriptors_come_with_the_answer(void **state)
{
    struct session_answer answer;
    struct house h;

    (void)state;
    house_open_verbs(&h, verbs);
    assert_int_equal(ask(&h, "descriptors", "4", &answer), 0);
    assert_int_equal(answer.fd_count, 4);
    for (int i = 0; i < 4; i++) {
        int number = -1;

        assert_int_equal(pread(answer.fds[i], &number, sizeof(number), 0), sizeof(number));
        assert_int_equal(number, i);
    }
    session_answer_free(&answer);
    assert_int_equal(ask(&h, "descriptors", "5", &answer), -ENOSPC);
    assert_int_equal(answer.fd_count, 0);
    session_answer_free(&answer);
    house_close(&h);
}

static void verb_hears_when_a_kept_guest_goes(void **state)
{
    struct session_client clients[3];
    struct session_answer answer;
    const char *word = "0";
    struct house h;

    (void)state;
    store_release(&gone, 0);
    house_open_verbs(&h, verbs);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(session_client_open(&clients[i], h.socket), 0);
        assert_int_equal(session_client_ask(&clients[i], "keep", 1, &word, PATIENCE_MS, &answer),
                         0);
        assert_true(answer.is_kept);
        session_answer_free(&answer);
    }
    assert_int_equal(load_acquire(&gone), 0);
    session_client_close(&clients[1]);
    gone_await(1);
    session_client_close(&clients[0]);
    gone_await(2);
    house_close(&h); /* the session ends */
    gone_await(3);
    session_client_close(&clients[2]);
}

static void verb_that_keeps_and_fails_keeps_nobody(void **state)
{
    struct session_answer answer;
    struct house h;

    (void)state;
    store_release(&gone, 0);
    house_open_verbs(&h, verbs);
    assert_int_equal(ask(&h, "keep", "-5", &answer), -EIO);
    assert_false(answer.is_kept);
    assert_string_equal(answer.body, "Input/output error");
    session_answer_free(&answer);
    gone_await(1);
    house_close(&h);
    gone_await(1);
}

static void no_more_than_half_of_the_places_can_be_kept(void **state)
{
    struct session_client clients[40];
    struct session_answer answer;
    const char *word = "0";
    struct house h;
    int kept = 0;

    (void)state;
    store_release(&gone, 0);
    house_open_verbs(&h, verbs);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(session_client_open(&clients[i], h.socket), 0);
        assert_int_equal(session_client_ask(&clients[i], "keep", 1, &word, PATIENCE_MS, &answer),
                         0);
        kept += answer.status == 0;
        assert_true(answer.status == 0 || answer.status == -ENOSPC);
        session_answer_free(&answer);
    }
    assert_int_equal(kept, 32);
    for (int i = 0; i < 40; i++)
        session_client_close(&clients[i]);
    gone_await(32);
    house_close(&h);
}

/* More than sockets hold: the rest waits in the session's memory, and not for ever. */
static void guest_that_does_not_take_a_long_answer_is_sent_away(void **state)
{
    static char packet[sizeof(struct control_request) + 16];
    struct control_request head = {.magic = CONTROL_MAGIC,
                                   .version = CONTROL_VERSION,
                                   .words_bytes = 9,
                                   .word_count = 1,
                                   .verb = "many"};
    struct pollfd look = {.events = POLLRDHUP};
    struct session_answer answer;
    struct house h;

    (void)state;
    house_open_verbs(&h, verbs);
    look.fd = house_knock(&h);
    memcpy(packet, &head, sizeof(head));
    memcpy(packet + sizeof(head), "10000000", 9);
    assert_int_equal(send(look.fd, packet, sizeof(head) + 9, 0), sizeof(head) + 9);
    assert_int_equal(ask(&h, "many", "10", &answer), 5); /* others are served meanwhile */
    session_answer_free(&answer);
    assert_int_equal(poll(&look, 1, PATIENCE_MS), 1);
    assert_true(look.revents & (POLLRDHUP | POLLHUP));
    close(look.fd);
    house_close(&h);
}

static void request_send(int fd, const char *verb)
{
    struct control_request r = {.magic = CONTROL_MAGIC, .version = CONTROL_VERSION};

    strcpy(r.verb, verb);
    assert_int_equal(send(fd, &r, sizeof(r), MSG_NOSIGNAL), sizeof(r));
}

/* Whoever lost patience asks again: what he asked for first is not done for nobody. */
static void request_of_who_has_gone_is_not_done(void **state)
{
    struct session_answer answer;
    int holder, impatient;
    struct house h;

    (void)state;
    house_open_verbs(&h, verbs);
    holder = house_knock(&h);
    request_send(holder, "hold");
    while (!load_acquire(&is_held)) /* Held. */
        (void)poll(NULL, 0, 1);
    impatient = house_knock(&h);
    request_send(impatient, "count me");
    close(impatient);
    close(holder); /* nor can this one be answered any more */
    store_release(&may_go, 1);
    house_ask(&h, "count me", 0, NULL, &answer);
    assert_int_equal(answer.status, 0);
    session_answer_free(&answer);
    assert_int_equal(load_acquire(&counted), 1);
    house_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(session_of_another_user_is_not_asked),
        cmocka_unit_test(long_answer_arrives_whole),
        cmocka_unit_test(long_words_arrive_whole),
        cmocka_unit_test(connection_is_kept_once),
        cmocka_unit_test(words_of_any_kind_arrive),
        cmocka_unit_test(descriptors_come_with_the_answer),
        cmocka_unit_test(verb_hears_when_a_kept_guest_goes),
        cmocka_unit_test(verb_that_keeps_and_fails_keeps_nobody),
        cmocka_unit_test(no_more_than_half_of_the_places_can_be_kept),
        cmocka_unit_test(request_of_who_has_gone_is_not_done),
        cmocka_unit_test(guest_that_does_not_take_a_long_answer_is_sent_away),
    };

    return cmocka_run_group_tests(tests, house_runtime_folder, house_runtime_folder_remove);
}
