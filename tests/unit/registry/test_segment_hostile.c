/* SPDX-License-Identifier: Apache-2.0 */
/* Mapping what is no segment, a broken one, or one that lies about itself. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "registry_fixture.h"

/* A copy of a good segment's beginning in a file that can be cut. */
static int copy_of(const struct segment *s)
{
    int fd = memfd_create("adatrace-test", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, s->shared, 4096), 4096);
    assert_int_equal(ftruncate(fd, (off_t)s->bytes), 0);
    return fd;
}

static void segment_cut_short_is_refused(void **state)
{
    struct segment made, mapped;
    off_t sizes[] = {
        0,      1, sizeof(struct segment_shared) - 1, sizeof(struct segment_shared), 65536, 131072,
        196608, 0};
    int fd;

    (void)state;
    assert_int_equal(segment_create(&made, &fixture_small, NULL), 0);
    fd = copy_of(&made);
    sizes[sizeof(sizes) / sizeof(*sizes) - 1] = (off_t)made.bytes - 1;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        assert_int_equal(ftruncate(fd, sizes[i]), 0);
        /* What was cut off reads as zero afterwards: put the header back. */
        assert_int_equal(pwrite(fd, made.shared, (size_t)(sizes[i] < 4096 ? sizes[i] : 4096), 0),
                         sizes[i] < 4096 ? sizes[i] : 4096);
        assert_int_equal(segment_map(&mapped, fd), -EBADMSG);
        assert_null(mapped.shared);
        assert_int_equal(mapped.fd, -1);
    }
    assert_int_equal(ftruncate(fd, (off_t)made.bytes), 0);
    assert_int_equal(segment_map(&mapped, fd), 0); /* or the above proves nothing */
    assert_int_equal(munmap(mapped.shared, mapped.bytes), 0);
    close(fd);
    segment_destroy(&made);
}

/* Its numbers would look sound to who reads them the wrong way round. */
static void segment_of_another_machine_is_refused(void **state)
{
    struct segment made, mapped;
    struct segment_shared *header;
    int fd;

    (void)state;
    assert_int_equal(segment_create(&made, &fixture_small, NULL), 0);
    fd = copy_of(&made);
    header = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(header != MAP_FAILED);
    header->machine++;
    assert_int_equal(segment_map(&mapped, fd), -EPROTONOSUPPORT);
    header->machine--;
    header->magic = __builtin_bswap64(header->magic);
    assert_int_equal(segment_map(&mapped, fd), -EPROTONOSUPPORT);
    header->magic = __builtin_bswap64(header->magic);
    assert_int_equal(segment_map(&mapped, fd), 0); /* or the above proves nothing */
    assert_int_equal(munmap(mapped.shared, mapped.bytes), 0);
    munmap(header, 4096);
    close(fd);
    segment_destroy(&made);
}

static void segment_in_a_file_that_is_too_long_is_mapped(void **state)
{
    struct segment made, mapped;
    int fd;

    (void)state;
    assert_int_equal(segment_create(&made, &fixture_small, NULL), 0);
    fd = copy_of(&made);
    assert_int_equal(ftruncate(fd, (off_t)made.bytes + 100000), 0);
    assert_int_equal(segment_map(&mapped, fd), 0);
    assert_int_equal(mapped.bytes, made.bytes);
    assert_int_equal(munmap(mapped.shared, made.bytes + 100000), 0);
    close(fd);
    segment_destroy(&made);
}

static void descriptor_that_is_no_segment_is_refused(void **state)
{
    struct segment mapped;
    int pipes[2], zeros, folder, locked;

    (void)state;
    assert_int_equal(segment_map(&mapped, -1), -EBADF);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    assert_int_equal(segment_map(&mapped, pipes[0]), -EBADMSG);
    zeros = memfd_create("adatrace-test", MFD_CLOEXEC);
    assert_int_equal(ftruncate(zeros, 1 << 20), 0);
    assert_int_equal(segment_map(&mapped, zeros), -EBADMSG);
    folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(segment_map(&mapped, folder) < 0);
    locked = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_int_equal(segment_map(&mapped, locked), -EACCES);
    assert_null(mapped.shared);
    close(pipes[0]);
    close(pipes[1]);
    close(zeros);
    close(folder);
    close(locked);
}

/* ---- every bit of the header ---- */

enum verdict { KEPT, FOREIGN, BROKEN };

/* Offsets below the field's wrap to large ones. */
#define FIELD_IS(byte, field) \
    ((byte)-offsetof(struct segment_shared, field) < sizeof(((struct segment_shared *)NULL)->field))

/* What a bit changed in this byte has to come to. */
static enum verdict verdict_of(size_t byte)
{
    if (FIELD_IS(byte, version) || FIELD_IS(byte, machine))
        return FOREIGN;
    if (FIELD_IS(byte, magic) || FIELD_IS(byte, slots) || FIELD_IS(byte, ring_bytes) ||
        FIELD_IS(byte, arena_bytes) || FIELD_IS(byte, switches_offset) ||
        FIELD_IS(byte, slots_offset) || FIELD_IS(byte, arena_offset) ||
        FIELD_IS(byte, rings_offset) || FIELD_IS(byte, clock))
        return BROKEN;
    return KEPT;
}

static void mapping_is_within_the_file(const struct segment *s, size_t bytes)
{
    const unsigned char *base = (const unsigned char *)s->shared;

    assert_int_equal(s->bytes, bytes);
    assert_int_equal(s->geometry.slots, fixture_small.slots);
    assert_int_equal(s->geometry.ring_bytes, fixture_small.ring_bytes);
    assert_int_equal(s->geometry.arena_bytes, fixture_small.arena_bytes);
    assert_in_range(s->geometry.policy, RING_DROP, RING_BLOCK);
    assert_true(segment_ring_data(s, fixture_small.slots - 1) + fixture_small.ring_bytes <=
                base + bytes);
}

static void bit_flipped_in_the_header_is_refused_or_does_no_harm(void **state)
{
    struct segment made, mapped;
    unsigned char *header;
    unsigned kept = 0;

    (void)state;
    assert_int_equal(segment_create(&made, &fixture_small, NULL), 0);
    header = (unsigned char *)made.shared;
    for (size_t bit = 0; bit < 8 * sizeof(struct segment_shared); bit++) {
        enum verdict verdict = verdict_of(bit / 8);
        int got;

        header[bit / 8] ^= (unsigned char)(1u << bit % 8);
        got = segment_map(&mapped, made.fd);
        if (got == 0) {
            mapping_is_within_the_file(&mapped, made.bytes);
            assert_int_equal(verdict, KEPT);
            assert_int_equal(munmap(mapped.shared, mapped.bytes), 0);
            kept++;
        } else if (verdict == KEPT) {
            /* Of policies and sizes not all values are any. */
            assert_true(bit / 8 < offsetof(struct segment_shared, life));
            assert_int_equal(got, -EBADMSG);
        } else {
            assert_int_equal(got, verdict == FOREIGN ? -EPROTONOSUPPORT : -EBADMSG);
        }
        header[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    assert_true(kept > 0);
    segment_destroy(&made);
}

static void value_that_would_overflow_is_refused(void **state)
{
    struct segment made, mapped;
    struct segment_shared good;

    (void)state;
    assert_int_equal(segment_create(&made, &fixture_small, NULL), 0);
    memcpy(&good, made.shared, sizeof(good));
#define REFUSED(change)                                            \
    do {                                                           \
        change;                                                    \
        assert_int_equal(segment_map(&mapped, made.fd), -EBADMSG); \
        memcpy(made.shared, &good, sizeof(good));                  \
    } while (0)
    REFUSED(made.shared->slots = UINT32_MAX);
    REFUSED(made.shared->slots = SEGMENT_SLOTS_MAX);
    REFUSED(made.shared->ring_bytes = UINT64_MAX);
    REFUSED(made.shared->ring_bytes = UINT64_C(1) << 63);
    REFUSED(made.shared->arena_bytes = UINT64_MAX);
    REFUSED(made.shared->arena_bytes = UINT64_MAX - 65534); /* rounds up to nothing */
    REFUSED(made.shared->ring_bytes = RING_CAPACITY_MAX; made.shared->slots = SEGMENT_SLOTS_MAX);
    REFUSED(made.shared->policy = UINT32_MAX);
    REFUSED(made.shared->clock = UINT32_MAX);
    /* All consistent, and longer than the file. */
    REFUSED(made.shared->ring_bytes = 131072; made.shared->bytes = UINT64_C(8) * 65536 + 131072);
#undef REFUSED
    assert_int_equal(segment_map(&mapped, made.fd), 0);
    assert_int_equal(munmap(mapped.shared, mapped.bytes), 0);
    segment_destroy(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segment_cut_short_is_refused),
        cmocka_unit_test(segment_of_another_machine_is_refused),
        cmocka_unit_test(segment_in_a_file_that_is_too_long_is_mapped),
        cmocka_unit_test(descriptor_that_is_no_segment_is_refused),
        cmocka_unit_test(bit_flipped_in_the_header_is_refused_or_does_no_harm),
        cmocka_unit_test(value_that_would_overflow_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
