/* SPDX-License-Identifier: Apache-2.0 */
/* Broadcast where it ends: defaults, wishes that are refused, who may only read, damage. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rings/broadcast_memory.h"

static struct ada_broadcast *buffer, *other, *mapped;

static int buffers_make(void **state)
{
    struct ada_broadcast_options options = {
        .size = sizeof(options), .capacity_bytes = 65536, .in_memfd = 1};

    (void)state;
    return ada_broadcast_create(&buffer, &options) || ada_broadcast_create(&other, &options) ||
           ada_broadcast_map(&mapped, ada_broadcast_fd(buffer));
}

static int buffers_destroy(void **state)
{
    (void)state;
    ada_broadcast_destroy(mapped);
    ada_broadcast_destroy(other);
    ada_broadcast_destroy(buffer);
    ada_broadcast_destroy(NULL);
    ada_broadcast_leave(NULL);
    return 0;
}

static int put(size_t bytes)
{
    static unsigned char zero[8192];
    const struct iovec part = {zero, bytes};

    return ada_broadcast_write(buffer, 7, &part, 1, 0);
}

static void nothing_asked_for_takes_the_defaults(void **state)
{
    struct ada_broadcast_options options = {.size = sizeof(options)};
    struct ada_broadcast *b;

    (void)state;
    assert_int_equal(ada_broadcast_create(&b, NULL), 0);
    assert_int_equal(ada_broadcast_capacity(b), 1 << 20);
    ada_broadcast_destroy(b);
    options.producer_wait = (enum ada_broadcast_wait)(ADA_BROADCAST_SPIN + 1);
    assert_int_equal(ada_broadcast_create(&b, &options), -EINVAL);
    assert_null(b);
}

static void expect_refused(struct ada_broadcast *b, struct ada_broadcast_join_options options,
                           int error)
{
    struct ada_broadcast_consumer *c = (void *)&options;

    assert_int_equal(ada_broadcast_join(b, &options, &c), error);
    assert_null(c);
}

static void joining_in_ways_that_cannot_be_is_refused(void **state)
{
    const struct ada_broadcast_join_options good = {.size = sizeof(good)};
    struct ada_broadcast_join_options bad = good;
    struct ada_broadcast_consumer *theirs;
    struct ada_broadcast_place here;

    (void)state;
    bad.size = 8;
    expect_refused(buffer, bad, -EINVAL);
    bad = good, bad.kind = (enum ada_broadcast_kind)(ADA_BROADCAST_GATING + 1);
    expect_refused(buffer, bad, -EINVAL);
    bad = good, bad.wait = (enum ada_broadcast_wait)(ADA_BROADCAST_SPIN + 1);
    expect_refused(buffer, bad, -EINVAL);
    ada_broadcast_here(buffer, &here);
    bad = good, bad.kind = ADA_BROADCAST_GATING, bad.from = &here;
    expect_refused(buffer, bad, -EINVAL);
    assert_int_equal(ada_broadcast_join(other, NULL, &theirs), 0);
    bad = good, bad.after = &theirs, bad.after_count = 1;
    expect_refused(buffer, bad, -EINVAL);
    expect_refused(mapped, bad, -EROFS);
    bad = good, bad.kind = ADA_BROADCAST_GATING;
    expect_refused(mapped, bad, -EROFS);
    ada_broadcast_leave(theirs);
}

static void who_may_only_read_changes_nothing(void **state)
{
    struct ada_broadcast_claim claim;
    struct ada_broadcast_consumer *c;
    struct ada_broadcast_message message;
    struct ada_broadcast_counts counts;
    uint32_t signal = load_relaxed(&buffer->shared->signal);

    (void)state;
    assert_int_equal(ada_broadcast_join(mapped, NULL, &c), 0);
    assert_int_equal(ada_broadcast_claim(mapped, 0, 8, 0, &claim), -EROFS);
    ada_broadcast_close(mapped);
    assert_int_equal(buffer->shared->closed, 0);
    ada_broadcast_wake(mapped);
    assert_int_equal(load_relaxed(&buffer->shared->signal), signal);
    assert_int_equal(put(16), 0);
    assert_int_equal(put(6000), 0); /* more than the first copy has room for */
    ada_broadcast_counts(c, &counts);
    assert_true(counts.lag_bytes > 6000);
    assert_int_equal(ada_broadcast_read(c, &message, 1000000), 1);
    assert_int_equal(message.bytes, 16);
    assert_int_equal(ada_broadcast_read(c, &message, UINT64_MAX - 1), 1);
    assert_int_equal(message.bytes, 6000);
    assert_int_equal(ada_broadcast_read(c, &message, 1000000), 0); /* nobody wakes it: by time */
    ada_broadcast_release(c);
    ada_broadcast_counts(c, &counts);
    assert_int_equal(counts.lag_bytes, 0);
    ada_broadcast_leave(c);
}

static void messages_that_are_too_long_are_refused(void **state)
{
    const struct iovec far[] = {{"x", SIZE_MAX}, {"x", 2}};
    struct ada_broadcast_claim claim;

    (void)state;
    assert_int_equal(ada_broadcast_write(buffer, 0, far, 2, 0), -EMSGSIZE);
    assert_int_equal(ada_broadcast_write(buffer, 0, far, 1, 0), -EMSGSIZE);
    assert_int_equal(
        ada_broadcast_claim(buffer, 0, ada_broadcast_message_max(buffer) + 1, 0, &claim),
        -EMSGSIZE);
}

/* Heads that say what cannot be are an error, and no way out of the buffer. */
static void damaged_heads_are_told(void **state)
{
    uint32_t pad = BROADCAST_PAD | 64, longest = ada_broadcast_message_max(buffer);
    const uint32_t lengths[] = {pad, longest + 1, longest, BROADCAST_LENGTH};

    (void)state;
    for (unsigned i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        struct ada_broadcast_consumer *c;
        struct ada_broadcast_message message;
        struct ada_broadcast_place place;

        ada_broadcast_here(buffer, &place);
        assert_int_equal(ada_broadcast_join(buffer, NULL, &c), 0);
        assert_int_equal(put(16), 0);
        broadcast_head_at(buffer, place.position)->length = lengths[i];
        assert_int_equal(ada_broadcast_read(c, &message, 0), -EBADMSG);
        assert_int_equal(ada_broadcast_read(c, &message, 0), -EBADMSG);
        ada_broadcast_leave(c);
    }
}

static void *claim_for_ever(void *claim)
{
    return (void *)(intptr_t)ada_broadcast_claim(other, 0, 4096, ADA_BROADCAST_FOREVER, claim);
}

static void producer_that_waits_for_room_is_told_of_the_end(void **state)
{
    const struct ada_broadcast_join_options options = {.size = sizeof(options),
                                                       .kind = ADA_BROADCAST_GATING};
    struct ada_broadcast_consumer *c;
    struct ada_broadcast_claim claim;
    pthread_t thread;
    void *got;

    (void)state;
    assert_int_equal(ada_broadcast_join(other, &options, &c), 0);
    while (!ada_broadcast_claim(other, 0, 4096, 0, &claim))
        ada_broadcast_commit(other, &claim);
    assert_int_equal(pthread_create(&thread, NULL, claim_for_ever, &claim), 0);
    while (!load_acquire(&other->shared->room_waiters))
        sched_yield();
    ada_broadcast_close(other);
    assert_int_equal(pthread_join(thread, &got), 0);
    assert_int_equal((intptr_t)got, -EPIPE);
    ada_broadcast_leave(c);
}

static void patience_beyond_all_time_does_not_end(void **state)
{
    struct broadcast_patience patience;
    uint32_t word = 0;

    (void)state;
    broadcast_patience_init(&patience, UINT64_MAX - 1);
    assert_false(broadcast_time_is_up(&patience));
    patience.deadline_ns = 1; /* long ago */
    assert_true(broadcast_time_is_up(&patience));
    broadcast_sleep(&word, 0, UINT64_MAX, &patience);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_asked_for_takes_the_defaults),
        cmocka_unit_test(joining_in_ways_that_cannot_be_is_refused),
        cmocka_unit_test(who_may_only_read_changes_nothing),
        cmocka_unit_test(messages_that_are_too_long_are_refused),
        cmocka_unit_test(damaged_heads_are_told),
        cmocka_unit_test(patience_beyond_all_time_does_not_end),
        cmocka_unit_test(producer_that_waits_for_room_is_told_of_the_end),
    };

    return cmocka_run_group_tests(tests, buffers_make, buffers_destroy);
}
