/* SPDX-License-Identifier: Apache-2.0 */
/* Segments and their memory where any call can fail: what went wrong is said, nothing is kept, and
 * what can go on goes on. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "faulty.h"
#include "registry_fixture.h"

static char folder[] = "/tmp/adatrace-faulty-XXXXXX", path[64];

static int folder_make(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/segment", folder);
    return 0;
}

static int folder_remove(void **state)
{
    (void)state;
    return rmdir(folder);
}

/* What was not made can be destroyed. */
static int made_or_nothing(struct segment *s, int err)
{
    if (!err)
        return 0;
    assert_int_equal(s->fd, -1);
    assert_null(s->shared);
    segment_destroy(s);
    return err;
}

static int make_and_map(const char *where)
{
    struct segment s, again;
    int err = made_or_nothing(&s, segment_create(&s, &fixture_small, where));

    if (err)
        return err;
    if (where) /* a descriptor that cannot be looked at may be another's, and stays open */
        faulty_rest();
    err = registry_prepare(&s, 1);
    if (err >= 0)
        err = made_or_nothing(&again, segment_map(&again, s.fd));
    if (!err)
        segment_destroy(&again);
    faulty_rest(); /* the same */
    segment_destroy(&s);
    return err;
}

static int in_memory(void *unused)
{
    (void)unused;
    return make_and_map(NULL);
}

static int in_a_file(void *unused)
{
    int err = make_and_map(path);

    (void)unused;
    if (!err || access(path, F_OK) == 0)
        unlink(path);
    return err;
}

static int copied(void *fd)
{
    struct segment s;
    int err = made_or_nothing(&s, segment_map_copy(&s, *(int *)fd));

    if (!err)
        segment_destroy(&s);
    return err;
}

static void whatever_fails_is_said_and_nothing_is_kept(void **state)
{
    /* Rings that do not grow are tried when memory is short; memory ahead is only ahead, and whose
     * file it is can be asked in vain. */
    static const char *const harmless[] = {"mmap", "calloc", "madvise", "fstat", "strdup", NULL};
    struct segment s;

    (void)state;
    assert_true(faulty_sweep(in_memory, NULL, harmless, NULL) > 10);
    assert_true(faulty_sweep(in_a_file, NULL, harmless, NULL) > 8);
    assert_int_equal(segment_create(&s, &fixture_small, NULL), 0);
    assert_int_equal(faulty_sweep(copied, &s.fd, NULL, NULL), 4);
    segment_destroy(&s);
}

static void memory_that_stays_short_is_no_memory(void **state)
{
    static const struct {
        const char *name;
        int error, told;
    } rows[] = {{"mmap", ENOMEM, -ENOMEM},         {"mmap", EINVAL, -ENOMEM}, /* valgrind's word */
                {"mmap", EPERM, -EPERM},           {"calloc", ENOMEM, -ENOMEM},
                {"memfd_create", EINVAL, -EINVAL}, {"fcntl", EPERM, -EPERM}};

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        faulty_next(rows[i].name, rows[i].error, UINT_MAX);
        assert_int_equal(in_memory(NULL), rows[i].told);
        faulty_next(NULL, 0, 0);
    }
}

static void kernel_without_sealed_memory_without_code_has_memory(void **state)
{
    (void)state;
    faulty_next("memfd_create", EINVAL, 1);
    assert_int_equal(in_memory(NULL), 0);
    faulty_next(NULL, 0, 0);
}

static void who_is_interrupted_allocates_again(void **state)
{
    (void)state;
    faulty_next("fallocate", EINTR, 5);
    assert_int_equal(in_memory(NULL), 0);
    faulty_next("fallocate", EINTR, 5);
    assert_int_equal(in_a_file(NULL), 0);
    faulty_next(NULL, 0, 0);
}

/* ---- rings' memory ---- */

static void kernel_that_populates_nothing_allocates(void **state)
{
    struct segment s;

    (void)state;
    assert_int_equal(segment_create(&s, &fixture_small, NULL), 0);
    faulty_next("madvise", EINVAL, UINT_MAX);
    assert_int_equal(registry_prepare(&s, 1), 1);
    assert_int_equal(s.there_bytes[0], fixture_small.ring_bytes);
    faulty_next("fallocate", ENOSPC, UINT_MAX); /* the older kernel's madvise() does not fail */
    assert_int_equal(registry_prepare(&s, 2), 2);
    faulty_next(NULL, 0, 0);
    segment_destroy(&s);
}

static void ring_without_memory_is_not_offered(void **state)
{
    struct segment s;

    (void)state;
    assert_int_equal(segment_create(&s, &fixture_small, NULL), 0);
    faulty_next("madvise", ENOMEM, UINT_MAX);
    assert_int_equal(registry_prepare(&s, 1), -ENOMEM);
    assert_int_equal(owner_claim(&s, NULL), -EAGAIN);
    faulty_next(NULL, 0, 0);
    assert_int_equal(registry_prepare(&s, 1), 1);
    assert_int_equal(owner_claim(&s, NULL), 0);
    faulty_next("madvise", ENOMEM, UINT_MAX);
    assert_int_equal(registry_prepare(&s, 1), -ENOMEM);
    registry_spare(&s, 1); /* better one whose memory comes when it is touched than none */
    assert_int_equal(slot_is_ready(&s, 1), true);
    faulty_next(NULL, 0, 0);
    segment_destroy(&s);
}

static void file_that_is_full_or_gone_is_an_error_and_memory_is_not(void **state)
{
    struct segment file, memory;

    (void)state;
    assert_int_equal(segment_create(&file, &fixture_small, path), 0);
    assert_int_equal(segment_create(&memory, &fixture_small, NULL), 0);
    faulty_next("fallocate", ENOSPC, UINT_MAX);
    assert_int_equal(registry_prepare(&file, 2), -ENOSPC);
    assert_int_equal(registry_reserve(&file, 1, 0, 4096), -ENOSPC);
    assert_int_equal(registry_reserve(&memory, 1, 0, 4096), 0);
    faulty_next(NULL, 0, 0);
    registry_spare(&file, 2); /* of a file nothing that is not there */
    assert_int_equal(slot_is_ready(&file, 0), false);
    /* The program has closed descriptors that it does not know, and the file is gone. */
    assert_int_equal(unlink(path), 0);
    close(file.fd);
    close(memory.fd);
    assert_int_equal(registry_reserve(&file, 1, 0, 4096), -EBADF);
    assert_int_equal(registry_prepare(&file, 1), -EBADF);
    faulty_next("madvise", EINVAL, UINT_MAX);
    assert_int_equal(registry_prepare(&memory, 1), 1);
    faulty_next(NULL, 0, 0);
    segment_destroy(&file);
    segment_destroy(&memory);
}

/* ---- what is no segment ---- */

static void what_is_too_short_or_no_file_is_refused(void **state)
{
    int fd = memfd_create("short", MFD_CLOEXEC);
    struct segment s;

    (void)state;
    assert_int_equal(ftruncate(fd, sizeof(struct segment_shared) - 1), 0);
    assert_int_equal(segment_map(&s, fd), -EBADMSG);
    assert_int_equal(segment_map_copy(&s, fd), -EBADMSG);
    assert_int_equal(ftruncate(fd, sizeof(struct segment_shared)), 0);
    assert_int_equal(segment_map(&s, fd), -EBADMSG); /* no magic number */
    assert_int_equal(segment_map_copy(&s, fd), -EBADMSG);
    close(fd);
    assert_int_equal(segment_map(&s, -1), -EBADF);
    assert_int_equal(segment_map_copy(&s, -1), -EBADF);
}

static void sizes_that_nobody_names_are_sensible(void **state)
{
    struct segment_geometry g = fixture_small;
    struct segment s;

    (void)state;
    assert_int_equal(segment_ring_max_for(1 << 20), 8 << 20);
    assert_int_equal(segment_ring_max_for(16 << 20), SEGMENT_RING_MAX_DEFAULT);
    assert_int_equal(segment_ring_max_for(64 << 20), 64 << 20);
    assert_int_equal(segment_slots_for(1 << 20), SEGMENT_SLOTS_MAX);
    assert_int_equal(segment_slots_for(UINT64_C(1) << 30), 64);
    g.ring_max_bytes = 5000;
    assert_int_equal(segment_create(&s, &g, NULL), -EINVAL);
}

static void end_of_the_drain_is_seen(void **state)
{
    struct segment s;

    (void)state;
    assert_int_equal(segment_create(&s, &fixture_small, NULL), 0);
    assert_false(segment_is_abandoned(&s));
    s.shared->life.word = FUTEX_OWNER_DIED | 4711;
    assert_true(segment_is_abandoned(&s));
    s.shared->life.word = 0;
    s.shared->closed = 1;
    assert_true(segment_is_abandoned(&s));
    segment_destroy(&s);
}

static void kernel_without_robust_lists_is_noticed(void **state)
{
    (void)state;
    if (!registry_death_is_told()) /* some emulators are one */
        skip();
    faulty_next("set_robust_list", ENOSYS, 1);
    errno = 77;
    assert_false(registry_death_is_told());
    assert_int_equal(errno, 77);
    faulty_next(NULL, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_fails_is_said_and_nothing_is_kept),
        cmocka_unit_test(memory_that_stays_short_is_no_memory),
        cmocka_unit_test(kernel_without_sealed_memory_without_code_has_memory),
        cmocka_unit_test(who_is_interrupted_allocates_again),
        cmocka_unit_test(kernel_that_populates_nothing_allocates),
        cmocka_unit_test(ring_without_memory_is_not_offered),
        cmocka_unit_test(file_that_is_full_or_gone_is_an_error_and_memory_is_not),
        cmocka_unit_test(what_is_too_short_or_no_file_is_refused),
        cmocka_unit_test(sizes_that_nobody_names_are_sensible),
        cmocka_unit_test(end_of_the_drain_is_seen),
        cmocka_unit_test(kernel_without_robust_lists_is_noticed),
    };

    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
