/* SPDX-License-Identifier: Apache-2.0 */
/* Broadcast by one thread, step by step: what is read, what is refused, what is counted. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <adatrace/broadcast.h>

enum { CAPACITY = 4096, MESSAGE_MAX = CAPACITY / 8 - 24 };

static struct ada_broadcast *buffer_make(int many, int in_memfd)
{
    const struct ada_broadcast_options options = {.size = sizeof(options),
                                                  .capacity_bytes = CAPACITY,
                                                  .many_producers = many,
                                                  .in_memfd = in_memfd};
    struct ada_broadcast *b;

    assert_int_equal(ada_broadcast_create(&b, &options), 0);
    return b;
}

static struct ada_broadcast_consumer *join(struct ada_broadcast *b, enum ada_broadcast_kind kind)
{
    const struct ada_broadcast_join_options options = {.size = sizeof(options), .kind = kind};
    struct ada_broadcast_consumer *c;

    assert_int_equal(ada_broadcast_join(b, &options, &c), 0);
    return c;
}

/* Message n has (n * 37) % (MESSAGE_MAX + 1) bytes of a pattern of its own. */
static uint32_t size_of(uint64_t n)
{
    return (uint32_t)(n * 37 % (MESSAGE_MAX + 1));
}

static unsigned char byte_of(uint64_t n, uint32_t at)
{
    return (unsigned char)(n * 101 + at * 7);
}

static int message_write(struct ada_broadcast *b, uint64_t n)
{
    unsigned char bytes[MESSAGE_MAX];
    uint32_t size = size_of(n), half = size / 3;
    const struct iovec parts[] = {{bytes, half}, {bytes + half, size - half}};

    for (uint32_t i = 0; i < size; i++)
        bytes[i] = byte_of(n, i);
    return ada_broadcast_write(b, (uint32_t)n + 5, parts, 2, 0);
}

static void message_check(const struct ada_broadcast_message *m, uint64_t n)
{
    const unsigned char *bytes = m->payload;

    assert_int_equal(m->type, n + 5);
    assert_int_equal(m->sequence, n);
    assert_int_equal(m->bytes, size_of(n));
    for (uint32_t i = 0; i < m->bytes; i++)
        assert_int_equal(bytes[i], byte_of(n, i));
}

/* ---- reading ---- */

static void messages_of_every_size_come_as_they_were_over_many_laps(void **state)
{
    for (int many = 0; many < 2; many++) {
        struct ada_broadcast *b = buffer_make(many, 0);
        struct ada_broadcast_consumer *gating = join(b, ADA_BROADCAST_GATING);
        struct ada_broadcast_consumer *skipping = join(b, ADA_BROADCAST_SKIPPING);
        struct ada_broadcast_message m;

        (void)state;
        for (uint64_t n = 0; n < 1000; n++) {
            assert_int_equal(message_write(b, n), 0);
            assert_int_equal(ada_broadcast_read(gating, &m, 0), 1);
            message_check(&m, n);
            assert_int_equal(m.missed_messages, 0);
            ada_broadcast_release(gating);
            assert_int_equal(ada_broadcast_read(skipping, &m, 0), 1);
            message_check(&m, n);
            assert_int_equal(m.missed_messages, 0);
            assert_int_equal(ada_broadcast_read(gating, &m, 0), 0);
            assert_int_equal(ada_broadcast_read(skipping, &m, 0), 0);
        }
        ada_broadcast_leave(gating);
        ada_broadcast_leave(skipping);
        ada_broadcast_destroy(b);
    }
}

static void a_gating_consumer_holds_the_producer_until_it_lets_go(void **state)
{
    struct ada_broadcast *b = buffer_make(0, 0);
    struct ada_broadcast_consumer *c = join(b, ADA_BROADCAST_GATING);
    struct ada_broadcast_message m;
    uint64_t written = 0, read = 0;

    (void)state;
    for (int rounds = 0; rounds < 50; rounds++) {
        int err;

        while (!(err = message_write(b, written)))
            written++;
        assert_int_equal(err, -EAGAIN);
        assert_in_range(written - read, 1, CAPACITY / 24);
        while (ada_broadcast_read(c, &m, 0) == 1)
            message_check(&m, read++);
        assert_int_equal(read, written);
        assert_int_equal(message_write(b, written), -EAGAIN); /* read, but not let go of */
        ada_broadcast_release(c);
    }
    assert_int_equal(ada_broadcast_write(b, 0, NULL, 0, 0), 0);
    ada_broadcast_leave(c);
    for (int n = 0; n < 1000; n++) /* nobody holds it any more */
        assert_int_equal(message_write(b, (uint64_t)n), 0);
    ada_broadcast_destroy(b);
}

static void a_producer_gives_up_when_its_time_is_up(void **state)
{
    static const enum ada_broadcast_wait waits[] = {ADA_BROADCAST_BLOCK, ADA_BROADCAST_SLEEP,
                                                    ADA_BROADCAST_YIELD, ADA_BROADCAST_SPIN};

    (void)state;
    for (unsigned i = 0; i < sizeof(waits) / sizeof(*waits); i++) {
        const struct ada_broadcast_options options = {
            .size = sizeof(options), .capacity_bytes = CAPACITY, .producer_wait = waits[i]};
        struct ada_broadcast *b;
        struct ada_broadcast_consumer *c;

        assert_int_equal(ada_broadcast_create(&b, &options), 0);
        c = join(b, ADA_BROADCAST_GATING);
        while (!ada_broadcast_write(b, 0, NULL, 0, 0))
            ;
        assert_int_equal(ada_broadcast_write(b, 0, &(struct iovec){"", 1}, 1, 2000000), -ETIMEDOUT);
        ada_broadcast_leave(c);
        ada_broadcast_destroy(b);
    }
}

static void who_is_overtaken_counts_exactly_what_it_missed(void **state)
{
    struct ada_broadcast *b = buffer_make(0, 0);
    struct ada_broadcast_consumer *c = join(b, ADA_BROADCAST_SKIPPING);
    struct ada_broadcast_counts counts;
    struct ada_broadcast_message m;
    uint64_t written = 0, bytes = 0, next = 0, jumps = 0;

    (void)state;
    for (int rounds = 0; rounds < 200; rounds++) {
        for (int n = 0; n < 7 * rounds; n++, written++) {
            assert_int_equal(message_write(b, written), 0);
            bytes += size_of(written);
        }
        for (int n = 0; n < rounds % 5 && ada_broadcast_read(c, &m, 0) == 1; n++) {
            message_check(&m, m.sequence);
            assert_int_equal(m.sequence, next + m.missed_messages);
            next = m.sequence + 1;
            jumps += m.missed_messages != 0;
        }
    }
    ada_broadcast_close(b);
    while (ada_broadcast_read(c, &m, 0) == 1)
        message_check(&m, m.sequence);
    assert_int_equal(ada_broadcast_read(c, &m, ADA_BROADCAST_FOREVER), -EPIPE);
    ada_broadcast_counts(c, &counts);
    assert_true(jumps > 100);
    assert_true(counts.messages > 300);
    assert_int_equal(counts.messages + counts.missed_messages, written);
    assert_int_equal(counts.bytes + counts.missed_bytes, bytes);
    assert_int_equal(counts.lag_bytes, 0);
    ada_broadcast_leave(c);
    ada_broadcast_destroy(b);
}

static void who_was_overtaken_goes_on_near_the_middle(void **state)
{
    struct ada_broadcast *b = buffer_make(0, 0);
    struct ada_broadcast_consumer *c = join(b, ADA_BROADCAST_SKIPPING);
    struct ada_broadcast_message m;
    unsigned left = 1;

    (void)state;
    for (uint64_t n = 0; n < 100000; n++)
        assert_int_equal(ada_broadcast_write(b, 1, &(struct iovec){"12345678", 8}, 1, 0), 0);
    assert_int_equal(ada_broadcast_read(c, &m, 0), 1);
    while (ada_broadcast_read(c, &m, 0) == 1)
        left++;
    /* 128 messages of 32 bytes fit. */
    assert_in_range(left, 128 / 2 - 8, 128 * 3 / 4);
    ada_broadcast_leave(c);
    ada_broadcast_destroy(b);
}

static void who_comes_later_sees_what_comes_later(void **state)
{
    struct ada_broadcast *b = buffer_make(0, 0);
    struct ada_broadcast_place here;
    struct ada_broadcast_consumer *c;
    struct ada_broadcast_message m;

    (void)state;
    for (uint64_t n = 0; n < 3; n++)
        assert_int_equal(message_write(b, n), 0);
    ada_broadcast_here(b, &here);
    assert_int_equal(here.messages, 3);
    assert_int_equal(here.bytes, size_of(0) + size_of(1) + size_of(2));
    assert_int_equal(message_write(b, 3), 0);
    c = join(b, ADA_BROADCAST_SKIPPING);
    assert_int_equal(ada_broadcast_read(c, &m, 0), 0);
    assert_int_equal(message_write(b, 4), 0);
    assert_int_equal(ada_broadcast_read(c, &m, 0), 1);
    message_check(&m, 4);
    assert_int_equal(m.missed_messages, 0);
    ada_broadcast_leave(c);
    /* And from a place that somebody told. */
    assert_int_equal(
        ada_broadcast_join(b,
                           &(struct ada_broadcast_join_options){
                               .size = sizeof(struct ada_broadcast_join_options), .from = &here},
                           &c),
        0);
    assert_int_equal(ada_broadcast_read(c, &m, 0), 1);
    message_check(&m, 3);
    assert_int_equal(m.missed_messages, 0);
    ada_broadcast_leave(c);
    ada_broadcast_destroy(b);
}

static void who_stands_behind_others_waits_for_all_of_them(void **state)
{
    struct ada_broadcast *b = buffer_make(0, 0);
    struct ada_broadcast_consumer *one = join(b, ADA_BROADCAST_GATING);
    struct ada_broadcast_consumer *two = join(b, ADA_BROADCAST_GATING), *last;
    struct ada_broadcast_consumer *const both[] = {one, two};
    const struct ada_broadcast_join_options options = {
        .size = sizeof(options), .kind = ADA_BROADCAST_GATING, .after = both, .after_count = 2};
    struct ada_broadcast_message m;
    uint64_t written = 0;

    (void)state;
    assert_int_equal(ada_broadcast_join(b, &options, &last), 0);
    assert_int_equal(message_write(b, written++), 0);
    assert_int_equal(ada_broadcast_read(one, &m, 0), 1);
    ada_broadcast_release(one);
    assert_int_equal(ada_broadcast_read(last, &m, 0), 0);
    assert_int_equal(ada_broadcast_read(two, &m, 0), 1);
    assert_int_equal(ada_broadcast_read(last, &m, 0), 0);
    ada_broadcast_release(two);
    assert_int_equal(ada_broadcast_read(last, &m, 0), 1);
    message_check(&m, 0);
    /* The last one holds the producer although the others have long gone on. */
    while (!message_write(b, written))
        written++;
    while (ada_broadcast_read(one, &m, 0) == 1 && ada_broadcast_read(two, &m, 0) == 1)
        ;
    ada_broadcast_release(one);
    ada_broadcast_release(two);
    assert_int_equal(message_write(b, written), -EAGAIN);
    while (ada_broadcast_read(last, &m, 0) == 1)
        ;
    assert_int_equal(m.sequence, written - 1);
    ada_broadcast_release(last);
    assert_int_equal(message_write(b, written), 0);
    ada_broadcast_leave(last);
    ada_broadcast_leave(two);
    ada_broadcast_leave(one);
    ada_broadcast_destroy(b);
}

static void nobody_gets_past_a_claim_that_is_not_committed(void **state)
{
    struct ada_broadcast *b = buffer_make(1, 0);
    struct ada_broadcast_consumer *c = join(b, ADA_BROADCAST_SKIPPING);
    struct ada_broadcast_claim first, second;
    struct ada_broadcast_message m;
    unsigned n;

    (void)state;
    assert_int_equal(ada_broadcast_claim(b, 1, 8, 0, &first), 0);
    assert_int_equal(ada_broadcast_claim(b, 2, 8, 0, &second), 0);
    ada_broadcast_commit(b, &second);
    assert_int_equal(ada_broadcast_read(c, &m, 0), 0);
    /* Nor does anybody lap it. */
    for (n = 0; !ada_broadcast_write(b, 3, NULL, 0, 0); n++)
        assert_in_range(n, 0, CAPACITY);
    assert_int_equal(ada_broadcast_read(c, &m, 0), 0);
    ada_broadcast_commit(b, &first);
    assert_int_equal(ada_broadcast_read(c, &m, 0), 1);
    assert_int_equal(m.type, 1);
    assert_int_equal(ada_broadcast_read(c, &m, 0), 1);
    assert_int_equal(m.type, 2);
    ada_broadcast_leave(c);
    ada_broadcast_destroy(b);
}

/* ---- limits ---- */

static void what_cannot_be_is_refused(void **state)
{
    struct ada_broadcast *b, *none;
    struct ada_broadcast_consumer *all[ADA_BROADCAST_CONSUMERS], *c;
    struct ada_broadcast_options options = {.size = sizeof(options), .capacity_bytes = 4095};
    char bytes[MESSAGE_MAX + 1] = {0};

    (void)state;
    assert_int_equal(ada_broadcast_create(&none, &options), -ERANGE);
    assert_null(none);
    options.capacity_bytes = (UINT64_C(1) << 30) + 1;
    assert_int_equal(ada_broadcast_create(&none, &options), -ERANGE);
    options = (struct ada_broadcast_options){.size = 8};
    assert_int_equal(ada_broadcast_create(&none, &options), -EINVAL);
    options = (struct ada_broadcast_options){.size = sizeof(options), .capacity_bytes = 4097};
    assert_int_equal(ada_broadcast_create(&b, &options), 0);
    assert_int_equal(ada_broadcast_capacity(b), 8192);
    assert_int_equal(ada_broadcast_fd(b), -ENOENT);
    ada_broadcast_destroy(b);

    b = buffer_make(0, 0);
    assert_int_equal(ada_broadcast_message_max(b), MESSAGE_MAX);
    assert_int_equal(ada_broadcast_write(b, 0, &(struct iovec){bytes, MESSAGE_MAX + 1}, 1, 0),
                     -EMSGSIZE);
    assert_int_equal(ada_broadcast_write(b, 0, &(struct iovec){bytes, MESSAGE_MAX}, 1, 0), 0);
    for (int i = 0; i < ADA_BROADCAST_CONSUMERS; i++)
        all[i] = join(b, i % 2 ? ADA_BROADCAST_GATING : ADA_BROADCAST_SKIPPING);
    assert_int_equal(ada_broadcast_join(b, NULL, &c), -EUSERS);
    ada_broadcast_leave(all[3]);
    assert_int_equal(ada_broadcast_join(b, NULL, &all[3]), 0);
    for (int i = 0; i < ADA_BROADCAST_CONSUMERS; i++)
        ada_broadcast_leave(all[i]);
    ada_broadcast_close(b);
    assert_int_equal(ada_broadcast_write(b, 0, NULL, 0, 0), -EPIPE);
    ada_broadcast_destroy(b);
}

/* ---- another process ---- */

/* Status 0: all was as it should be. */
static int other_process(int fd, const struct ada_broadcast_place *from, int go)
{
    const struct ada_broadcast_join_options options = {.size = sizeof(options), .from = from};
    const struct ada_broadcast_join_options gating = {.size = sizeof(gating),
                                                      .kind = ADA_BROADCAST_GATING};
    struct ada_broadcast *b;
    struct ada_broadcast_consumer *c;
    struct ada_broadcast_counts counts;
    struct ada_broadcast_message m;
    char byte;

    if (mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED)
        return 1;
    if (ftruncate(fd, 0) == 0 || ada_broadcast_map(&b, fd))
        return 2;
    if (ada_broadcast_join(b, &gating, &c) != -EROFS ||
        ada_broadcast_write(b, 0, NULL, 0, 0) != -EROFS)
        return 3;
    if (ada_broadcast_join(b, &options, &c))
        return 4;
    if (read(go, &byte, 1) != 1)
        return 5;
    for (int got; (got = ada_broadcast_read(c, &m, ADA_BROADCAST_FOREVER)) != -EPIPE;)
        if (got != 1 || m.bytes != size_of(m.sequence))
            return 6;
    ada_broadcast_counts(c, &counts);
    ada_broadcast_leave(c);
    ada_broadcast_destroy(b);
    return counts.messages + counts.missed_messages == 2000 && counts.missed_messages > 1000 ? 0
                                                                                             : 7;
}

static void another_process_reads_and_cannot_write(void **state)
{
    struct ada_broadcast *b = buffer_make(0, 1);
    struct ada_broadcast_place here;
    int go[2], status;
    pid_t child;

    (void)state;
    ada_broadcast_here(b, &here);
    assert_int_equal(pipe(go), 0);
    child = fork();
    assert_true(child >= 0);
    if (!child) {
        status = other_process(ada_broadcast_fd(b), &here, go[0]);
        ada_broadcast_destroy(b);
        _exit(status);
    }
    for (uint64_t n = 0; n < 1500; n++)
        assert_int_equal(message_write(b, n), 0);
    assert_int_equal(write(go[1], "", 1), 1);
    for (uint64_t n = 1500; n < 2000; n++) {
        assert_int_equal(message_write(b, n), 0);
        ada_broadcast_wake(b);
    }
    ada_broadcast_close(b);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(go[0]);
    close(go[1]);
    ada_broadcast_destroy(b);
}

static void what_is_no_buffer_is_not_mapped(void **state)
{
    int fd = memfd_create("test", MFD_CLOEXEC);
    struct ada_broadcast *b;

    (void)state;
    assert_int_equal(ada_broadcast_map(&b, fd), -EPROTO);
    assert_int_equal(ftruncate(fd, 65536 + CAPACITY), 0);
    assert_int_equal(ada_broadcast_map(&b, fd), -EPROTO);
    assert_null(b);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_of_every_size_come_as_they_were_over_many_laps),
        cmocka_unit_test(a_gating_consumer_holds_the_producer_until_it_lets_go),
        cmocka_unit_test(a_producer_gives_up_when_its_time_is_up),
        cmocka_unit_test(who_is_overtaken_counts_exactly_what_it_missed),
        cmocka_unit_test(who_was_overtaken_goes_on_near_the_middle),
        cmocka_unit_test(who_comes_later_sees_what_comes_later),
        cmocka_unit_test(who_stands_behind_others_waits_for_all_of_them),
        cmocka_unit_test(nobody_gets_past_a_claim_that_is_not_committed),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(another_process_reads_and_cannot_write),
        cmocka_unit_test(what_is_no_buffer_is_not_mapped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
