/* SPDX-License-Identifier: Apache-2.0 */
/* A segment made, mapped again and given back; what is on, told through it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic.h"
#include "registry/arena.h"
#include "registry_fixture.h"

/* ---- making ---- */

static void segment_made_is_sealed_closed_on_exec_and_of_its_size(void **state)
{
    struct segment s;
    struct stat file;

    (void)state;
    assert_int_equal(segment_create(&s, &fixture_small, NULL), 0);
    assert_true(s.is_memfd);
    assert_int_equal(fstat(s.fd, &file), 0);
    assert_int_equal(file.st_size, segment_bytes(&fixture_small));
    assert_int_equal(s.bytes, segment_bytes(&fixture_small));
    assert_true(fcntl(s.fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(fcntl(s.fd, F_GET_SEALS) & (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE),
                     F_SEAL_SHRINK | F_SEAL_GROW);
    /* Whoever has the descriptor cannot make our mapping fault. */
    assert_int_equal(ftruncate(s.fd, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(s.fd, file.st_size * 2), -1);
    /* Its last owner can say that nobody writes any more. */
    assert_int_equal(fcntl(s.fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
    assert_int_equal(errno, EBUSY);
    segment_destroy(&s);
    assert_int_equal(s.fd, -1);
    assert_null(s.shared);
}

static void segment_made_has_no_ring_ready_and_everything_on(void **state)
{
    struct segment s;
    struct switch_rules rules;

    (void)state;
    assert_int_equal(segment_create(&s, &fixture_small, NULL), 0);
    assert_int_equal(owner_claim(&s, NULL), -EAGAIN);
    assert_int_equal(registry_bound(&s), 0);
    switches_rules(&s, &rules);
    assert_true(switch_verdict(&rules, "any:name").on);
    assert_true(switches_pass(&s, UINT8_MAX));
    assert_int_equal(s.shared->next_type, ADA_RECORD_FIRST_EVENT);
    assert_int_equal(s.shared->page_bytes, sysconf(_SC_PAGESIZE));
    segment_destroy(&s);
}

static void geometry_that_cannot_be_is_refused(void **state)
{
    struct segment_geometry g = fixture_small;
    struct segment s;

    (void)state;
#define REFUSED(change)                                          \
    do {                                                         \
        change;                                                  \
        assert_int_equal(segment_create(&s, &g, NULL), -EINVAL); \
        assert_int_equal(s.fd, -1);                              \
        g = fixture_small;                                       \
    } while (0)
    REFUSED(g.slots = 0);
    REFUSED(g.slots = SEGMENT_SLOTS_MAX + 1);
    REFUSED(g.ring_bytes = 0);
    REFUSED(g.ring_bytes = RING_CAPACITY_MIN / 2);
    REFUSED(g.ring_bytes = RING_CAPACITY_MIN + 8);
    REFUSED(g.ring_bytes = UINT64_C(2) * RING_CAPACITY_MAX);
    REFUSED(g.arena_bytes = 65535);
    REFUSED(g.arena_bytes = RING_CAPACITY_MAX + UINT64_C(1));
    REFUSED(g.policy = (enum ring_policy)(RING_BLOCK + 1));
    REFUSED(g.clock = (enum segment_clock)0);
    REFUSED(g.clock = (enum segment_clock)3);
#undef REFUSED
}

static void geometry_of_any_size_has_its_parts_apart(void **state)
{
    struct segment_geometry g = fixture_small;

    (void)state;
    for (g.ring_bytes = RING_CAPACITY_MIN; g.ring_bytes <= 1 << 22; g.ring_bytes *= 2)
        for (g.slots = 1; g.slots <= 9; g.slots += 4) {
            struct segment s;

            assert_int_equal(segment_create(&s, &g, NULL), 0);
            unsigned char *base = (unsigned char *)s.shared;
            unsigned char *arena = (unsigned char *)s.arena;

            assert_true((unsigned char *)s.slots >= base + sizeof(*s.shared));
            assert_true(arena >= (unsigned char *)(s.slots + g.slots));
            assert_true(s.rings >= arena + g.arena_bytes);
            for (uint32_t n = 1; n < g.slots; n++)
                assert_true(segment_ring_data(&s, n) >=
                            segment_ring_data(&s, n - 1) + g.ring_bytes);
            assert_true(segment_ring_data(&s, g.slots - 1) + g.ring_bytes <= base + s.bytes);
            segment_destroy(&s);
        }
}

/* ---- in a file ---- */

static void segment_in_a_file_is_for_its_owner_and_replaces_nothing(void **state)
{
    char folder[] = "/tmp/adatrace-test-XXXXXX", path[64], link_path[64];
    struct segment s, second;
    struct stat file;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/segment", folder);
    snprintf(link_path, sizeof(link_path), "%s/link", folder);
    assert_int_equal(segment_create(&s, &fixture_small, path), 0);
    assert_false(s.is_memfd);
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(file.st_mode & 07777, 0600);
    assert_int_equal(file.st_size, s.bytes);
    assert_int_equal(segment_create(&second, &fixture_small, path), -EEXIST);
    assert_int_equal(stat(path, &file), 0); /* still there */
    assert_int_equal(symlink("nowhere", link_path), 0);
    assert_int_equal(segment_create(&second, &fixture_small, link_path), -EEXIST);
    segment_destroy(&s);
    assert_int_equal(stat(path, &file), 0); /* it survives */
    snprintf(link_path, sizeof(link_path), "%s/none/segment", folder);
    assert_int_equal(segment_create(&second, &fixture_small, link_path), -ENOENT);
    unlink(path);
    snprintf(link_path, sizeof(link_path), "%s/link", folder);
    unlink(link_path);
    assert_int_equal(rmdir(folder), 0);
}

static void create_where_files_must_be_small(void *path)
{
    const struct rlimit limit = {.rlim_cur = 65536, .rlim_max = 65536};
    struct segment s;

    if (setrlimit(RLIMIT_FSIZE, &limit))
        _exit(1);
    if (segment_create(&s, &fixture_small, path) != -EFBIG || access(path, F_OK) == 0)
        _exit(2);
    if (segment_create(&s, &fixture_small, NULL) != -EFBIG)
        _exit(3);
}

static void create_where_files_may_just_be_so_large(void *unused)
{
    const struct rlimit limit = {.rlim_cur = segment_bytes(&fixture_small),
                                 .rlim_max = segment_bytes(&fixture_small)};
    struct segment s;

    (void)unused;
    if (setrlimit(RLIMIT_FSIZE, &limit) || segment_create(&s, &fixture_small, NULL) ||
        registry_prepare(&s, 2) != 2)
        _exit(1);
    segment_destroy(&s);
}

static void segment_at_the_limit_of_files_is_made_without_a_signal(void **state)
{
    (void)state;
    assert_int_equal(process_end(process_start(create_where_files_may_just_be_so_large, NULL)), 0);
}

static void segment_beyond_the_limit_of_files_is_refused_without_a_signal(void **state)
{
    char folder[] = "/tmp/adatrace-test-XXXXXX", path[64];

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/segment", folder);
    assert_int_equal(process_end(process_start(create_where_files_must_be_small, path)), 0);
    assert_int_equal(rmdir(folder), 0); /* nothing was left in it */
}

/* ---- mapped twice ---- */

static void two_mappings_see_each_other(void **state)
{
    struct segment made, mapped;
    static struct ada_writer writer;
    static struct arena_item item;
    struct arena_reader arena = {0};
    struct ring_reader reader;
    struct ring_record record;

    (void)state;
    assert_int_equal(segment_create(&made, &fixture_small, NULL), 0);
    assert_int_equal(registry_prepare(&made, 2), 2);
    assert_int_equal(segment_map(&mapped, made.fd), 0);
    assert_ptr_not_equal(mapped.shared, made.shared);
    assert_int_equal(mapped.bytes, made.bytes);
    assert_int_equal(mapped.geometry.slots, made.geometry.slots);
    assert_int_equal(mapped.geometry.clock, made.geometry.clock);
    assert_int_equal(mapped.fd, -1);
    assert_null(mapped.prepared);

    assert_int_equal(owner_claim(&mapped, "there"), 0);
    assert_string_equal(slot_look(&made, 0).name, "there");
    assert_int_equal(arena_append(&mapped, ARENA_NOTE, "abc", 4, NULL, 0), 0);
    assert_int_equal(arena_next(&made, &arena, &item), 1);
    assert_string_equal(item.bytes, "abc");

    owner_write_to(&writer, &mapped, 0);
    for (uint64_t i = 1; i <= 1000; i++) { /* round and round */
        assert_true(fixture_emit(&writer, 100, i));
        if (i == 1)
            assert_int_equal(ring_reader_init(&reader, &made.slots[0].ring,
                                              segment_ring_data(&made, 0), 4096, RING_DROP),
                             0);
        assert_int_equal(ring_peek(&reader, &record), 1);
        assert_int_equal(pattern_seed(&record), i);
        ring_advance(&reader, &record);
        ring_release(&reader);
    }
    ring_reader_fini(&reader);
    registry_retire(&mapped, 0);
    assert_int_equal(slot_look(&made, 0).state, SLOT_RETIRED);
    assert_int_equal(munmap(mapped.shared, mapped.bytes), 0);
    segment_destroy(&made);
}

static void mapping_outlives_the_descriptor_and_its_maker(void **state)
{
    struct segment made, mapped;

    (void)state;
    assert_int_equal(segment_create(&made, &fixture_small, NULL), 0);
    assert_int_equal(registry_prepare(&made, 1), 1);
    assert_int_equal(segment_map(&mapped, made.fd), 0);
    segment_destroy(&made);
    assert_int_equal(owner_claim(&mapped, NULL), 0);
    registry_retire(&mapped, 0);
    segment_destroy(&mapped);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segment_made_is_sealed_closed_on_exec_and_of_its_size),
        cmocka_unit_test(segment_made_has_no_ring_ready_and_everything_on),
        cmocka_unit_test(geometry_that_cannot_be_is_refused),
        cmocka_unit_test(geometry_of_any_size_has_its_parts_apart),
        cmocka_unit_test(segment_in_a_file_is_for_its_owner_and_replaces_nothing),
        cmocka_unit_test(segment_at_the_limit_of_files_is_made_without_a_signal),
        cmocka_unit_test(segment_beyond_the_limit_of_files_is_refused_without_a_signal),
        cmocka_unit_test(two_mappings_see_each_other),
        cmocka_unit_test(mapping_outlives_the_descriptor_and_its_maker),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
