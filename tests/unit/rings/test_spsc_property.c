/* SPDX-License-Identifier: Apache-2.0 */
/* Random calls of both sides against a list of what has to be in the ring; checked all the way. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <adatrace/ring.h>

#include "spsc_fixture.h"

enum { MOST = 2000 };

/* Numbers below `published` and from `taken` on are in the ring; those below `released` gave their
 * room back. */
struct model {
    struct ada_ring *ring;
    size_t most; /* of a record, beyond 8 */
    uint64_t reserved, published, taken, released, refused;
    uint64_t random;
};

static void put_reserved(struct model *m)
{
    unsigned char bytes[MOST + 8];
    size_t length = fixture_record(m->reserved, m->most, bytes);
    void *payload;
    int err = ada_ring_reserve(m->ring, length, &payload);

    if (err == -EAGAIN) {
        m->refused++;
        return;
    }
    assert_int_equal(err, 0);
    memset(payload, 0xee, length);
    memcpy(payload, bytes, length);
    m->reserved++;
}

static void put(struct model *m)
{
    unsigned char bytes[MOST + 8];
    size_t length = fixture_record(m->reserved, m->most, bytes);
    int64_t room = ada_ring_room(m->ring);
    int err = ada_ring_try_write(m->ring, bytes, length);

    assert_int_equal(err, room >= (int64_t)length ? 0 : -EAGAIN);
    if (!err)
        m->published = ++m->reserved;
    else
        m->refused++;
}

static void put_batch(struct model *m)
{
    static unsigned char bytes[16][MOST + 8];
    struct ada_ring_record records[16];
    int64_t count = (int64_t)(fixture_random(&m->random) % 16 + 1), written;

    for (int64_t i = 0; i < count; i++)
        records[i] = (struct ada_ring_record){
            bytes[i], fixture_record(m->reserved + (uint64_t)i, m->most, bytes[i])};
    written = ada_ring_write_batch(m->ring, records, (size_t)count);
    if (written == -EAGAIN)
        written = 0;
    assert_in_range(written, 0, count);
    m->reserved += (uint64_t)written;
    m->published = m->reserved;
}

static void commit(struct model *m)
{
    ada_ring_commit(m->ring);
    m->published = m->reserved;
}

static void rollback(struct model *m)
{
    ada_ring_rollback(m->ring);
    m->reserved = m->published;
}

static void expect(struct model *m, const struct ada_ring_record *record)
{
    assert_int_equal(fixture_number(record->payload, record->bytes, m->most), m->taken);
    m->taken++;
}

static void take(struct model *m)
{
    struct ada_ring_record record;
    int got = ada_ring_peek(m->ring, &record);

    assert_int_equal(got, m->taken != m->published);
    if (!got)
        return;
    expect(m, &record);
    ada_ring_advance(m->ring);
}

static void take_batch(struct model *m)
{
    struct ada_ring_record records[10];
    size_t max = fixture_random(&m->random) % 10;
    int64_t got = ada_ring_read_batch(m->ring, records, max);

    assert_in_range(got, max && m->taken != m->published, max);
    for (int64_t i = 0; i < got; i++)
        expect(m, &records[i]);
}

static int visit(void *context, const struct ada_ring_record *record)
{
    struct model *m = context;

    expect(m, record);
    return fixture_random(&m->random) % 8 == 0;
}

static void drain(struct model *m)
{
    uint64_t before = m->taken;
    int64_t got = ada_ring_drain(m->ring, visit, m, fixture_random(&m->random) % 100);

    assert_int_equal(got, m->taken - before);
    m->released = m->taken;
}

static void read_copy(struct model *m)
{
    unsigned char bytes[MOST + 8];
    int64_t got = ada_ring_try_read(m->ring, bytes, sizeof(bytes));

    if (m->taken == m->published) {
        assert_int_equal(got, -EAGAIN);
        return;
    }
    assert_true(got >= 8);
    expect(m, &(struct ada_ring_record){bytes, (size_t)got});
    m->released = m->taken;
}

static void release(struct model *m)
{
    ada_ring_release(m->ring);
    m->released = m->taken;
}

/* What lies there uncommitted is nobody's business; all else has to be sound. */
static void check(struct model *m)
{
    struct ada_ring_snapshot s;
    char why[128];

    if (ada_ring_check(m->ring, why, sizeof(why)))
        fail_msg("%s", why);
    ada_ring_snapshot(m->ring, &s);
    assert_int_equal(s.written, m->published);
    assert_int_equal(s.read, m->released);
    assert_int_equal(s.dropped, m->refused);
}

static void run(uint64_t capacity, size_t most, uint64_t seed, unsigned steps)
{
    static void (*const moves[])(struct model *) = {put,    put,       put_reserved, put_batch,
                                                    commit, rollback,  take,         take_batch,
                                                    drain,  read_copy, release,      release};
    struct model m = {.most = most, .random = seed};

    assert_int_equal(ada_ring_create(capacity, &m.ring), 0);
    for (unsigned i = 0; i < steps; i++) {
        moves[fixture_random(&m.random) % (sizeof(moves) / sizeof(moves[0]))](&m);
        check(&m);
    }
    assert_true(m.published > steps / 8);
    ada_ring_destroy(m.ring);
}

static void random_calls_agree_with_a_list(void **state)
{
    uint64_t seed = fixture_seed();

    (void)state;
    for (unsigned round = 0; round < fixture_rounds(20); round++) {
        run(512, 0, seed + round, 1000);
        run(512, 200, seed + round, 1000);
        run(4096, 100, seed + round, 1000);
        run(4096, MOST, seed + round, 1000);
        run(65536, MOST, seed + round, 1000);
    }
}

/* Lengths of padding from 8 bytes to nearly half a ring: every one of them. */
static void every_padding_is_passed_over(void **state)
{
    static unsigned char bytes[2048];
    struct ada_ring *r;

    (void)state;
    assert_int_equal(ada_ring_create(4096, &r), 0);
    for (size_t place = 0; place < 4096; place += 8) {
        struct ada_ring_snapshot s;

        do { /* walk to the place */
            assert_int_equal(ada_ring_try_write(r, "", 0), 0);
            assert_int_equal(ada_ring_try_read(r, bytes, 0), 0);
            ada_ring_snapshot(r, &s);
        } while (s.head % 4096 != place);
        memset(bytes, (int)place, sizeof(bytes));
        assert_int_equal(ada_ring_try_write(r, bytes, 2040), 0);
        assert_int_equal(ada_ring_check(r, NULL, 0), 0);
        assert_int_equal(ada_ring_try_read(r, bytes, sizeof(bytes)), 2040);
        assert_int_equal(bytes[2039], place & 0xff);
    }
    ada_ring_destroy(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_calls_agree_with_a_list),
        cmocka_unit_test(every_padding_is_passed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
