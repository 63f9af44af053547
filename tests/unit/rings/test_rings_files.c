/* SPDX-License-Identifier: Apache-2.0 */
/* Files and images whose headers say what cannot be: each field by itself, and how it is refused.
 */
#include <adatrace/broadcast.h>
#include <adatrace/fanin.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/crc32c.h"
#include "rings/broadcast_memory.h"
#include "rings/fanin_memory.h"
#include "rings/spsc_map.h"

/* A field of a header in shared memory takes another value for a moment. */
#define WITH(place, value, check)                       \
    do {                                                \
        __typeof__(place) *at_ = &(place), was_ = *at_; \
                                                        \
        *at_ = (value);                                 \
        check;                                          \
        *at_ = was_;                                    \
    } while (0)

/* ---- a ring ---- */

static void ring_expect(int fd, int error)
{
    struct ada_ring *r;

    assert_int_equal(ada_ring_attach_fd(fd, &r), error);
}

static void ring_whose_header_lies_is_not_attached(void **state)
{
    struct ada_ring *r, *again;
    int fd;

    (void)state;
    assert_int_equal(ada_ring_create_fd(4096, &r), 0);
    fd = ada_ring_fd(r);
    WITH(r->shared->magic, 0, ring_expect(fd, -EAGAIN));
    WITH(r->shared->magic, 1, ring_expect(fd, -EBADMSG));
    WITH(r->shared->version, 99, ring_expect(fd, -EPROTONOSUPPORT));
    WITH(r->shared->capacity, ADA_RING_CAPACITY_MIN / 2, ring_expect(fd, -EBADMSG));
    WITH(r->shared->capacity, ADA_RING_CAPACITY_MAX * 2, ring_expect(fd, -EBADMSG));
    WITH(r->shared->capacity, 4096 - 8, ring_expect(fd, -EBADMSG));
    WITH(r->shared->capacity, 8192, ring_expect(fd, -EBADMSG));
    WITH(r->shared->data_offset, 8, ring_expect(fd, -EBADMSG));
    WITH(r->shared->data_offset, 4097, ring_expect(fd, -EBADMSG));
    WITH(r->shared->data_offset, 1 << 20, ring_expect(fd, -EBADMSG));
    WITH(r->shared->head, 3, ring_expect(fd, -EBADMSG));
    WITH(r->shared->head, 1 << 20, ring_expect(fd, -EBADMSG));
    assert_int_equal(ada_ring_attach_fd(fd, &again), 0);
    ada_ring_destroy(again);
    ada_ring_destroy(r);
}

static void file_that_cannot_be_a_ring_is_not_mapped(void **state)
{
    int fd = memfd_create("large", MFD_CLOEXEC), pipes[2];

    (void)state;
    ring_expect(fd, -EBADMSG); /* empty */
    assert_int_equal(ftruncate(fd, (off_t)SPSC_FILE_MAX + 1), 0);
    ring_expect(fd, -EFBIG);
    close(fd);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    ring_expect(pipes[0], -EBADMSG);
    close(pipes[0]);
    close(pipes[1]);
    ring_expect(-1, -EBADF);
}

static void name_that_is_being_made_is_to_be_asked_again(void **state)
{
    char name[64], path[66];
    struct ada_ring *r;
    int fd;

    (void)state;
    snprintf(name, sizeof(name), "adatrace-files-%d", (int)getpid());
    snprintf(path, sizeof(path), "/%s", name);
    fd = shm_open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ada_ring_attach_named(name, &r), -EAGAIN);
    if (geteuid() == 0) { /* another user's, which only root can try */
        assert_int_equal(fchown(fd, 65534, 65534), 0);
        assert_int_equal(ada_ring_attach_named(name, &r), -EPERM);
    }
    close(fd);
    assert_int_equal(ada_ring_remove(name), 0);
    assert_int_equal(ada_ring_create_named(name, 0, &r), -ERANGE);
    assert_int_equal(ada_ring_attach_named(name, &r), -ENOENT); /* nothing of it is left */
    assert_int_equal(ada_ring_create_fd(UINT64_MAX, &r), -ERANGE);
    assert_int_equal(ada_ring_memory_bytes(0), 0);
    assert_int_equal(ada_ring_memory_bytes(4000), 4096 + ADA_RING_OVERHEAD);
}

/* ---- an image of a ring ---- */

enum { CRC_AT = 116, IMAGE_BYTES = 120 };

static int restore_with(struct ada_ring *r, unsigned char *image, size_t size, unsigned at,
                        uint64_t value)
{
    unsigned char was[IMAGE_BYTES];
    uint32_t crc;
    int err;

    memcpy(was, image, sizeof(was));
    memcpy(image + at, &value, 8);
    crc = crc32c(image, CRC_AT);
    memcpy(image + CRC_AT, &crc, sizeof(crc));
    err = ada_ring_restore(r, image, size);
    memcpy(image, was, sizeof(was));
    return err;
}

/* The checksum is right: who wrote it meant it. */
static void image_whose_header_lies_is_not_restored(void **state)
{
    static unsigned char image[8192];
    struct ada_ring *r;
    size_t size;

    (void)state;
    assert_int_equal(ada_ring_create(4096, &r), 0);
    assert_int_equal(ada_ring_try_write(r, "kept", 4), 0);
    size = (size_t)ada_ring_snapshot_with_data(r, image, sizeof(image));
    assert_int_equal(restore_with(r, image, size, 16, ADA_RING_CAPACITY_MIN / 2), -EBADMSG);
    assert_int_equal(restore_with(r, image, size, 16, UINT64_C(1) << 40), -EBADMSG);
    assert_int_equal(restore_with(r, image, size, 16, 4104), -EBADMSG);
    assert_int_equal(restore_with(r, image, size, 16, 8192), -ERANGE);
    assert_int_equal(restore_with(r, image, size, 24, 3), -EBADMSG); /* head */
    assert_int_equal(restore_with(r, image, size, 24, 8192), -EBADMSG);
    assert_int_equal(restore_with(r, image, size, 72, 4097), -EBADMSG); /* high water */
    assert_int_equal(restore_with(r, image, size, 80, 4097), -EBADMSG);
    assert_int_equal(restore_with(r, image, size, 40, 1), 0);
    image[IMAGE_BYTES + 1] ^= 1; /* the record's word, with a checksum that fits */
    memcpy(image + 112, &(uint32_t){crc32c(image + IMAGE_BYTES, size - IMAGE_BYTES)}, 4);
    assert_int_equal(restore_with(r, image, size, 40, 1), -EBADMSG);
    assert_int_equal(ada_ring_check(r, NULL, 0), 0);
    ada_ring_destroy(r);
}

static void ring_that_is_damaged_has_no_image(void **state)
{
    static unsigned char image[8192];
    struct ada_ring *r;
    uint64_t *word;
    char text[8];

    (void)state;
    assert_int_equal(ada_ring_create(4096, &r), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(ada_ring_try_write(r, "kept", 4), 0);
    WITH(r->shared->head, 3, {
        assert_int_equal(ada_ring_snapshot_with_data(r, image, sizeof(image)), -EBADMSG);
        assert_int_equal(ada_ring_save(r, -1), -EBADMSG);
    });
    word = (uint64_t *)(void *)r->data;
    WITH(*word, 0xffff, {
        assert_int_equal(ada_ring_snapshot_with_data(r, image, sizeof(image)), -EBADMSG);
        assert_int_equal(ada_ring_try_read(r, text, sizeof(text)), -EBADMSG);
    });
    ada_ring_release(r);
    assert_int_equal(ada_ring_try_write(r, "more", 4), 0);
    /* What was passed over was written and never read: the image knows both. */
    assert_true(ada_ring_snapshot_with_data(r, image, sizeof(image)) > 0);
    assert_int_equal(ada_ring_check(r, text, 0), 0);
    ada_ring_destroy(r);
}

/* A record's word that leads over the ring's end, with the right number. */
static void record_longer_than_its_lap_is_damaged(void **state)
{
    struct ada_ring *r;
    char eight[8] = {0};
    uint64_t *word;

    (void)state;
    assert_int_equal(ada_ring_create(1024, &r), 0);
    for (int i = 0; i < 60; i++) {
        assert_int_equal(ada_ring_try_write(r, eight, 8), 0);
        assert_int_equal(ada_ring_try_read(r, eight, 8), 8);
    }
    for (int i = 0; i < 10; i++)
        assert_int_equal(ada_ring_try_write(r, eight, 8), 0);
    word = (uint64_t *)(void *)(r->data + 960);
    *word = spsc_word(960, 64); /* 72 bytes, and the lap ends after 64 */
    assert_int_equal(ada_ring_try_read(r, eight, 8), -EBADMSG);
    ada_ring_release(r);
    assert_int_equal(ada_ring_fill(r), 0);
    ada_ring_destroy(r);
}

static void record_shrinks_and_never_grows(void **state)
{
    struct ada_ring *r;
    void *payload;

    (void)state;
    assert_int_equal(ada_ring_create(1024, &r), 0);
    assert_int_equal(ada_ring_shrink(r, 0), -EINVAL); /* nothing is reserved */
    assert_int_equal(ada_ring_reserve(r, 16, &payload), 0);
    assert_int_equal(ada_ring_shrink(r, 17), -EINVAL);
    assert_int_equal(ada_ring_shrink(r, 1 << 20), -EINVAL);
    assert_int_equal(ada_ring_shrink(r, 3), 0);
    ada_ring_commit(r);
    assert_int_equal(ada_ring_fill(r), 16);
    ada_ring_destroy(r);
}

/* ---- a fan-in ---- */

static const struct ada_fanin_options two = {.size = sizeof(two), .producers = 2, .capacity = 1024};

static void fanin_expect(int fd, int error)
{
    struct ada_fanin *f;

    assert_int_equal(ada_fanin_attach_fd(fd, &f), error);
}

static void fanin_whose_header_lies_is_not_attached(void **state)
{
    struct fanin_shared *s;
    struct ada_fanin *f;
    int fd, small;

    (void)state;
    assert_int_equal(ada_fanin_create_fd(&two, &f), 0);
    fd = ada_fanin_fd(f);
    s = f->shared;
    WITH(s->magic, 0, fanin_expect(fd, -EAGAIN));
    WITH(s->magic, 1, fanin_expect(fd, -EBADMSG));
    WITH(s->version, 99, fanin_expect(fd, -EPROTONOSUPPORT));
    WITH(s->slots, 0, fanin_expect(fd, -EBADMSG));
    WITH(s->slots, ADA_FANIN_PRODUCERS_MAX + 1, fanin_expect(fd, -EBADMSG));
    WITH(s->slots, 60, {
        /* Offsets that would be right, and no room. */
        uint64_t offset = s->rings_offset;

        s->rings_offset = (sizeof(*s) + 60 * sizeof(struct spsc_end) + 4095) & ~UINT64_C(4095);
        fanin_expect(fd, -EBADMSG);
        s->rings_offset = offset;
    });
    WITH(s->capacity, 1000, fanin_expect(fd, -EBADMSG));
    WITH(s->rings_offset, 64, fanin_expect(fd, -EBADMSG));
    WITH(s->ring_stride, 64, fanin_expect(fd, -EBADMSG));
    ada_fanin_destroy(f);
    small = memfd_create("small", MFD_CLOEXEC);
    fanin_expect(small, -EBADMSG);
    close(small);
}

static void fanin_options_that_cannot_be_are_refused(void **state)
{
    struct ada_fanin_options bad = two;
    struct ada_fanin_stats stats;
    struct ada_fanin *f;
    char name[64];

    (void)state;
    snprintf(name, sizeof(name), "adatrace-files-%d", (int)getpid());
    bad.size--;
    assert_int_equal(ada_fanin_create(&bad, &f), -EINVAL);
    assert_int_equal(ada_fanin_create_fd(&bad, &f), -EINVAL);
    assert_int_equal(ada_fanin_create_named(name, &bad, &f), -EINVAL);
    assert_int_equal(ada_fanin_attach_named(name, &f), -ENOENT);
    bad = two;
    bad.reserved = 1;
    assert_int_equal(ada_fanin_create(&bad, &f), -EINVAL);
    assert_int_equal(ada_fanin_create(NULL, &f), 0); /* the defaults */
    ada_fanin_stats(f, &stats);
    assert_int_equal(stats.producers_max, 64);
    assert_int_equal(stats.capacity, 64 * 1024);
    assert_int_equal(ada_fanin_fd(f), -EBADF);
    ada_fanin_destroy(f);
}

static int count(void *seen, const struct ada_fanin_producer *who,
                 const struct ada_ring_record *record)
{
    (void)who;
    ((int *)seen)[record == NULL]++;
    return 1; /* one at a time */
}

/* The index of a producer that has ended leads nowhere: its slot is for the next one. */
static void fanin_slot_of_a_scribbler_is_used_again(void **state)
{
    int seen[2] = {0, 0};
    struct ada_fanin *f;
    struct ada_ring *ring;

    (void)state;
    assert_int_equal(ada_fanin_create_fd(&two, &f), 0);
    f->readers[0].shared->head = 1 << 20; /* before anybody has come */
    assert_int_equal(ada_fanin_join(f, &ring), -EBADMSG);
    assert_int_equal(ada_fanin_poll(f, count, seen, 8), 0);
    assert_int_equal(seen[1], 1);
    assert_int_equal(ada_fanin_join(f, &ring), 0);
    assert_int_equal(ada_ring_try_write(ring, "x", 1), 0);
    ring->shared->head |= 4;
    assert_int_equal(ada_fanin_poll(f, count, seen, 8), 0);
    assert_int_equal(ada_fanin_wait(f, 1000), -ETIMEDOUT); /* of him nothing more is expected */
    ada_fanin_leave(f, ring);
    assert_int_equal(ada_fanin_poll(f, count, seen, 8), 0);
    assert_int_equal(seen[1], 2);
    assert_int_equal(ada_fanin_join(f, &ring), 0);
    assert_int_equal(ada_ring_try_write(ring, "y", 1), 0);
    assert_int_equal(ada_fanin_poll(f, count, seen, 8), 1);
    assert_int_equal(seen[0], 1);
    ada_fanin_leave(f, ring);
    ada_fanin_destroy(f);
}

/* ---- a broadcast buffer ---- */

static void broadcast_expect(int fd, int error)
{
    struct ada_broadcast *b;

    assert_int_equal(ada_broadcast_map(&b, fd), error);
    assert_null(b);
}

static void buffer_whose_header_lies_is_not_mapped(void **state)
{
    struct ada_broadcast_options options = {
        .size = sizeof(options), .capacity_bytes = 4096, .in_memfd = 1};
    int fd = memfd_create("large", MFD_CLOEXEC);
    struct ada_broadcast *b;

    (void)state;
    assert_int_equal(ada_broadcast_create(&b, &options), 0);
    WITH(b->shared->magic, 1, broadcast_expect(b->fd, -EPROTO));
    WITH(b->shared->version, 99, broadcast_expect(b->fd, -EPROTO));
    WITH(b->shared->data_offset, 99, broadcast_expect(b->fd, -EPROTO));
    WITH(b->shared->capacity, 2048, broadcast_expect(b->fd, -EPROTO));
    WITH(b->shared->capacity, 2 * BROADCAST_CAPACITY_MAX, broadcast_expect(b->fd, -EPROTO));
    WITH(b->shared->capacity, 4104, broadcast_expect(b->fd, -EPROTO));
    WITH(b->shared->capacity, 8192, broadcast_expect(b->fd, -EPROTO));
    ada_broadcast_destroy(b);
    assert_int_equal(ftruncate(fd, BROADCAST_DATA_OFFSET + BROADCAST_CAPACITY_MAX + 1), 0);
    broadcast_expect(fd, -EPROTO);
    close(fd);
    broadcast_expect(-1, -EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ring_whose_header_lies_is_not_attached),
        cmocka_unit_test(file_that_cannot_be_a_ring_is_not_mapped),
        cmocka_unit_test(name_that_is_being_made_is_to_be_asked_again),
        cmocka_unit_test(image_whose_header_lies_is_not_restored),
        cmocka_unit_test(ring_that_is_damaged_has_no_image),
        cmocka_unit_test(record_longer_than_its_lap_is_damaged),
        cmocka_unit_test(record_shrinks_and_never_grows),
        cmocka_unit_test(fanin_whose_header_lies_is_not_attached),
        cmocka_unit_test(fanin_options_that_cannot_be_are_refused),
        cmocka_unit_test(fanin_slot_of_a_scribbler_is_used_again),
        cmocka_unit_test(buffer_whose_header_lies_is_not_mapped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
