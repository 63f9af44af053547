/* SPDX-License-Identifier: Apache-2.0 */
/* Rings made ready for threads to come: how many, of which memory, with which policy. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic.h"
#include "registry_fixture.h"

enum { MEGABYTE = 1 << 20 };

static uint64_t file_bytes(const struct segment *s)
{
    struct stat file;

    assert_int_equal(fstat(s->fd, &file), 0);
    return (uint64_t)file.st_blocks * 512;
}

static unsigned ready_count(const struct segment *s)
{
    unsigned count = 0;

    for (uint32_t n = 0; n < s->geometry.slots; n++)
        count += slot_is_ready(s, n);
    return count;
}

static void prepare_makes_as_many_ready_as_it_is_asked(void **state)
{
    struct registry_fixture *f = registry_fixture_open(8, 4096, 3);

    (void)state;
    assert_int_equal(ready_count(&f->segment), 3);
    assert_int_equal(registry_prepare(&f->segment, 3), 3);
    assert_int_equal(ready_count(&f->segment), 3);
    assert_int_equal(owner_claim(&f->segment, NULL), 0);
    assert_int_equal(registry_prepare(&f->segment, 3), 3);
    assert_int_equal(ready_count(&f->segment), 3);
    assert_true(slot_is_ready(&f->segment, 3));
    assert_int_equal(registry_prepare(&f->segment, 100), 7); /* all that there are */
    assert_int_equal(ready_count(&f->segment), 7);
    registry_retire(&f->segment, 0);
    registry_fixture_close(f);
}

static void prepare_allocates_the_beginning_and_extend_more_of_it(void **state)
{
    struct registry_fixture *f = registry_fixture_open(4, 2 * MEGABYTE, 2);
    struct segment *s = &f->segment;
    uint64_t before = file_bytes(s), extended;

    (void)state;
    assert_int_equal(registry_prepare(s, 3), 3);
    assert_int_equal(file_bytes(s), before + REGISTRY_EAGER_BYTES);
    assert_int_equal(registry_extend(s, 2, REGISTRY_BUSY_BYTES), 0);
    extended = file_bytes(s);
    assert_in_range(extended, before + 2 * REGISTRY_EAGER_BYTES, before + 2 * MEGABYTE);
    assert_int_equal(registry_extend(s, 2, REGISTRY_BUSY_BYTES), 0); /* once is enough */
    assert_int_equal(file_bytes(s), extended);
    memset(segment_ring_data(s, 2), 1, 2 * MEGABYTE);
    assert_int_equal(file_bytes(s), before + 2 * MEGABYTE); /* of this ring, no other */
    registry_fixture_close(f);
}

static void small_ring_is_allocated_whole(void **state)
{
    struct registry_fixture *f = registry_fixture_open(2, 65536, 1);
    uint64_t before = file_bytes(&f->segment);

    (void)state;
    memset(segment_ring_data(&f->segment, 0), 1, 65536);
    assert_int_equal(registry_extend(&f->segment, 0, 65536), 0);
    assert_int_equal(file_bytes(&f->segment), before);
    registry_fixture_close(f);
}

static void spare_rings_take_no_memory_until_they_are_touched(void **state)
{
    struct registry_fixture *f = registry_fixture_open(64, MEGABYTE, 2);
    uint64_t before = file_bytes(&f->segment);
    static struct ada_writer writer;

    (void)state;
    registry_spare(&f->segment, 40);
    assert_int_equal(ready_count(&f->segment), 40);
    assert_int_equal(file_bytes(&f->segment), before);
    for (int n = 0; n < 40; n++)
        assert_int_equal(owner_claim(&f->segment, NULL), n);
    owner_write_to(&writer, &f->segment, 39);
    assert_true(fixture_emit(&writer, 64, 1));
    assert_true(file_bytes(&f->segment) > before);
    for (uint32_t n = 0; n < 40; n++)
        registry_retire(&f->segment, n);
    assert_int_equal(registry_fixture_round(f), 0);
    assert_int_equal(f->taken, 1);
    registry_fixture_close(f);
}

static void spare_ring_is_allocated_when_it_is_prepared(void **state)
{
    struct registry_fixture *f = registry_fixture_open(4, MEGABYTE, 1);
    uint64_t before = file_bytes(&f->segment);

    (void)state;
    registry_spare(&f->segment, 3);
    assert_int_equal(registry_prepare(&f->segment, 2), 2);
    assert_int_equal(ready_count(&f->segment), 3);
    assert_int_equal(file_bytes(&f->segment), before + REGISTRY_EAGER_BYTES);
    registry_fixture_close(f);
}

/* ---- a file instead of a memfd ---- */

static bool small_filesystem(const char *folder, const char *options)
{
    return unshare(CLONE_NEWNS) == 0 &&
           mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("small", folder, "tmpfs", 0, options) == 0;
}

/* Header, slots, arena: three times 64 KiB; then two rings and a half. */
static void file_without_room_gives_as_many_rings_as_fit(void **state)
{
    const struct segment_geometry g = {
        .slots = 8, .ring_bytes = MEGABYTE, .arena_bytes = 65536, .clock = SEGMENT_CLOCK_MONOTONIC};
    char folder[] = "/tmp/adatrace-test-XXXXXX", path[sizeof(folder) + 8];
    struct segment s;

    (void)state;
    assert_non_null(mkdtemp(folder));
    if (!small_filesystem(folder, "size=2752k")) {
        rmdir(folder);
        skip();
    }
    snprintf(path, sizeof(path), "%s/segment", folder);
    assert_int_equal(segment_create(&s, &g, path), 0);
    assert_false(s.is_memfd);
    registry_spare(&s, 4); /* nobody promises that memory */
    assert_int_equal(ready_count(&s), 0);
    assert_int_equal(registry_prepare(&s, 4), 2);
    assert_int_equal(owner_claim(&s, NULL), 0);
    assert_int_equal(registry_prepare(&s, 4), 1);
    assert_int_equal(owner_claim(&s, NULL), 1);
    assert_int_equal(registry_prepare(&s, 4), -ENOSPC);
    assert_int_equal(owner_claim(&s, NULL), -EAGAIN);
    memset(segment_ring_data(&s, 0), 1, 2 * MEGABYTE); /* no SIGBUS */
    registry_retire(&s, 0);
    registry_retire(&s, 1);
    segment_destroy(&s);
    umount2(folder, MNT_DETACH);
    rmdir(folder);
}

/* ---- policies ---- */

static void policy_set_holds_for_rings_that_are_there_and_for_those_to_come(void **state)
{
    struct registry_fixture *f = registry_fixture_open(3, 4096, 2);
    struct segment *s = &f->segment;

    (void)state;
    assert_int_equal(owner_claim(s, NULL), 0);
    assert_int_equal(registry_set_policy(s, RING_BLOCK, 77), 0);
    assert_int_equal(registry_prepare(s, 2), 2);
    for (int n = 0; n < 3; n++) {
        assert_int_equal(s->slots[n].ring.policy, RING_BLOCK);
        assert_int_equal(s->slots[n].ring.timeout_ns, 77);
    }
    assert_int_equal(registry_set_policy(s, RING_DROP, 0), 0);
    for (int n = 0; n < 3; n++)
        assert_int_equal(s->slots[n].ring.policy, RING_DROP);
    registry_retire(s, 0);
    registry_fixture_close(f);
}

static void policy_that_cannot_be_set_changes_nothing(void **state)
{
    struct registry_fixture *f = registry_fixture_open(2, 4096, 1);
    struct segment *s = &f->segment;

    (void)state;
    assert_int_equal(registry_set_policy(s, RING_OVERWRITE, 5), -ENOTSUP);
    assert_int_equal(registry_prepare(s, 2), 2);
    for (int n = 0; n < 2; n++) {
        assert_int_equal(s->slots[n].ring.policy, RING_DROP);
        assert_int_equal(s->slots[n].ring.timeout_ns, 0);
    }
    assert_int_equal(s->geometry.policy, RING_DROP);
    assert_int_equal(s->geometry.timeout_ns, 0);
    registry_fixture_close(f);
}

static void rings_have_the_policy_that_the_segment_was_made_with(void **state)
{
    struct segment_geometry g = fixture_small;
    struct segment s;

    (void)state;
    for (enum ring_policy policy = RING_DROP; policy <= RING_BLOCK; policy++) {
        g.policy = policy;
        g.timeout_ns = 1000 + policy;
        assert_int_equal(segment_create(&s, &g, NULL), 0);
        assert_int_equal(registry_prepare(&s, 1), 1);
        assert_int_equal(s.slots[0].ring.policy, policy);
        assert_int_equal(s.slots[0].ring.timeout_ns, 1000 + policy);
        assert_int_equal(s.slots[0].ring.block_bytes,
                         policy == RING_OVERWRITE ? 4096 / RING_BLOCKS : 4096);
        segment_destroy(&s);
    }
}

/* ---- what a traced program may scribble ---- */

static void bits_beyond_the_last_slot_are_nobodys(void **state)
{
    struct registry_fixture *f = registry_fixture_open(2, 4096, 2);

    (void)state;
    memset(f->segment.shared->ready, 0xff, sizeof(f->segment.shared->ready));
    assert_int_equal(owner_claim(&f->segment, NULL), 0);
    assert_int_equal(owner_claim(&f->segment, NULL), 1);
    for (int i = 0; i < 2000; i++)
        assert_int_equal(owner_claim(&f->segment, NULL), -EAGAIN);
    store_relaxed(&f->segment.shared->slots_touched, UINT32_MAX);
    assert_int_equal(registry_bound(&f->segment), 2);
    registry_retire(&f->segment, 0);
    registry_retire(&f->segment, 1);
    registry_fixture_close(f);
}

static void slot_scribbled_over_is_looked_at_within_bounds(void **state)
{
    struct registry_fixture *f = registry_fixture_open(2, 4096, 1);
    struct slot_shared *slot = &f->segment.slots[0];
    struct registry_view view;

    (void)state;
    memset(slot, 0xff, sizeof(*slot));
    assert_false(registry_look(&f->segment, 0, &view)); /* no such state */
    slot->state = SLOT_RETIRED;
    assert_int_equal(strlen(slot_look(&f->segment, 0).name), sizeof(view.name) - 1);
    registry_free(&f->segment, 0);
    assert_int_equal(registry_prepare(&f->segment, 1), 1);
    assert_int_equal(owner_claim(&f->segment, "sound again"), 0);
    assert_string_equal(slot_look(&f->segment, 0).name, "sound again");
    assert_false(slot_look(&f->segment, 0).dead);
    assert_int_equal(f->segment.slots[0].ring.magic, RING_MAGIC);
    registry_retire(&f->segment, 0);
    registry_fixture_close(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prepare_makes_as_many_ready_as_it_is_asked),
        cmocka_unit_test(prepare_allocates_the_beginning_and_extend_more_of_it),
        cmocka_unit_test(small_ring_is_allocated_whole),
        cmocka_unit_test(spare_rings_take_no_memory_until_they_are_touched),
        cmocka_unit_test(spare_ring_is_allocated_when_it_is_prepared),
        cmocka_unit_test(file_without_room_gives_as_many_rings_as_fit),
        cmocka_unit_test(policy_set_holds_for_rings_that_are_there_and_for_those_to_come),
        cmocka_unit_test(policy_that_cannot_be_set_changes_nothing),
        cmocka_unit_test(rings_have_the_policy_that_the_segment_was_made_with),
        cmocka_unit_test(bits_beyond_the_last_slot_are_nobodys),
        cmocka_unit_test(slot_scribbled_over_is_looked_at_within_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
