/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring as a piece of bytes, and back.
 *
 *     | header: struct spsc_image | the bytes from tail to head, in the order of their indexes |
 *
 * In the machine's own byte order, which the magic number tells.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "rings/spsc.h"

#define IMAGE_MAGIC   UINT64_C(0x474d492d41444147)
#define IMAGE_VERSION 1u

struct spsc_image {
    uint64_t magic;
    uint32_t version, header_bytes;
    uint64_t capacity, head, tail;
    uint64_t written, read, dropped, damaged_bytes;
    uint64_t writer_high_water, reader_high_water;
    uint64_t unused[3];
    uint32_t data_crc;
    uint32_t header_crc; /* of all in front of it */
};

_Static_assert(sizeof(struct spsc_image) == 120, "stands in files");
_Static_assert(offsetof(struct spsc_image, capacity) == 16, "layout");
_Static_assert(offsetof(struct spsc_image, written) == 40, "layout");
_Static_assert(offsetof(struct spsc_image, data_crc) == 112, "layout");

static uint32_t header_crc(const struct spsc_image *image)
{
    return crc32c(image, offsetof(struct spsc_image, header_crc));
}

size_t ada_ring_image_max(const struct ada_ring *r)
{
    return sizeof(struct spsc_image) + (size_t)r->capacity;
}

/* The reader may give these bytes back while we copy, and the writer write there: then the copy is
 * not used. Words, because a race is between whole words. */
__attribute__((no_sanitize("thread"))) static void copy_words(const struct ada_ring *r,
                                                              uint64_t tail, uint64_t head,
                                                              unsigned char *to)
{
    for (uint64_t at = tail; at != head; at += 8, to += 8) {
        uint64_t word = load_relaxed((uint64_t *)(void *)(r->data + (at & (r->capacity - 1))));

        memcpy(to, &word, 8);
    }
}

int64_t ada_ring_snapshot_with_data(const struct ada_ring *r, void *out, size_t bytes)
{
    struct spsc_shared *shared = r->shared;
    unsigned char *data = (unsigned char *)out + sizeof(struct spsc_image);
    struct spsc_image image = {.magic = IMAGE_MAGIC, .version = IMAGE_VERSION};
    uint64_t first, tail, head, at;
    int64_t records;
    const char *why;

    if (!spsc_indexes_read(shared, r->capacity, &head, &first))
        return -EBADMSG;
    if (bytes < sizeof(image) + (head - first))
        return -ENOBUFS;
    copy_words(r, first, head, data);
    /* Torn. Acquire fence: the copy is made before we look at tail again. What the writer has
     * written over was given back before that, and tail says so. */
    fence_acquire();
    tail = load_relaxed(&shared->tail);
    if (tail - first > head - first) /* all of it was read meanwhile */
        tail = head;
    memmove(data, data + (tail - first), (size_t)(head - tail));
    records = spsc_walk(
        &(struct spsc_walk){
            .bytes = data, .origin = tail, .mask = UINT64_MAX, .capacity = r->capacity},
        tail, head, &at, &why);
    if (records < 0)
        return -EBADMSG;
    image.header_bytes = sizeof(image);
    image.capacity = r->capacity;
    image.head = head;
    image.tail = tail;
    /* relaxed: figures, of about that moment; `read` is made to fit. */
    image.written = spsc_count_load(shared->written, head);
    image.read = load_relaxed(&shared->damaged_bytes) ? spsc_count_load(shared->read, tail)
                                                      : image.written - (uint64_t)records;
    image.dropped = load_relaxed(&shared->dropped);
    image.damaged_bytes = load_relaxed(&shared->damaged_bytes);
    image.writer_high_water = load_relaxed(&shared->writer_high_water);
    image.reader_high_water = load_relaxed(&shared->reader_high_water);
    image.data_crc = crc32c(data, (size_t)(head - tail));
    image.header_crc = header_crc(&image);
    memcpy(out, &image, sizeof(image));
    return (int64_t)(sizeof(image) + (head - tail));
}

/* Is it a header that belongs to a ring that can be? */
static int header_check(const struct spsc_image *image)
{
    if (image->magic != IMAGE_MAGIC)
        return -EBADMSG;
    if (image->version != IMAGE_VERSION || image->header_bytes != sizeof(*image))
        return -EPROTONOSUPPORT;
    if (image->header_crc != header_crc(image) || image->capacity < ADA_RING_CAPACITY_MIN ||
        image->capacity > ADA_RING_CAPACITY_MAX || (image->capacity & (image->capacity - 1)) ||
        (image->head | image->tail) & 7 || image->head - image->tail > image->capacity ||
        image->writer_high_water > image->capacity || image->reader_high_water > image->capacity)
        return -EBADMSG;
    return 0;
}

static int data_check(const struct spsc_image *image, const unsigned char *data)
{
    const struct spsc_walk walk = {
        .bytes = data, .origin = image->tail, .mask = UINT64_MAX, .capacity = image->capacity};
    const char *why;
    uint64_t at;

    if (crc32c(data, (size_t)(image->head - image->tail)) != image->data_crc ||
        spsc_walk(&walk, image->tail, image->head, &at, &why) < 0)
        return -EBADMSG;
    return 0;
}

int ada_ring_restore(struct ada_ring *r, const void *image, size_t bytes)
{
    const unsigned char *data = (const unsigned char *)image + sizeof(struct spsc_image);
    struct spsc_shared *shared = r->shared;
    struct spsc_image front;
    uint64_t offset, first;
    int err;

    if (bytes < sizeof(front))
        return -EBADMSG;
    memcpy(&front, image, sizeof(front));
    err = header_check(&front);
    if (err)
        return err;
    if (front.capacity != r->capacity)
        return -ERANGE;
    if (bytes - sizeof(front) != front.head - front.tail || data_check(&front, data))
        return -EBADMSG;
    offset = front.tail & (r->capacity - 1);
    first = front.head - front.tail < r->capacity - offset ? front.head - front.tail
                                                           : r->capacity - offset;
    memcpy(r->data + offset, data, (size_t)first);
    memcpy(r->data, data + first, (size_t)(front.head - front.tail - first));
    shared->written[0] = shared->written[1] = (struct spsc_count){front.head, front.written};
    shared->read[0] = shared->read[1] = (struct spsc_count){front.tail, front.read};
    shared->dropped = front.dropped;
    shared->damaged_bytes = front.damaged_bytes;
    shared->writer_high_water = front.writer_high_water;
    shared->reader_high_water = front.reader_high_water;
    /* relaxed: neither side works; whoever lets them orders that. */
    store_relaxed(&shared->head, front.head);
    store_relaxed(&shared->tail, front.tail);
    return spsc_handle_begin(r);
}

/* ---- files ---- */

static int write_all(int fd, const unsigned char *bytes, size_t size)
{
    while (size) {
        ssize_t done = write(fd, bytes, size);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -errno;
        bytes += done;
        size -= (size_t)done;
    }
    return 0;
}

static int read_all(int fd, unsigned char *bytes, size_t size)
{
    while (size) {
        ssize_t done = read(fd, bytes, size);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return done ? -errno : -EBADMSG; /* it ends too early */
        bytes += done;
        size -= (size_t)done;
    }
    return 0;
}

int ada_ring_save(const struct ada_ring *r, int fd)
{
    unsigned char *image = malloc(ada_ring_image_max(r));
    int64_t size;

    if (!image)
        return -ENOMEM;
    size = ada_ring_snapshot_with_data(r, image, ada_ring_image_max(r));
    if (size >= 0)
        size = write_all(fd, image, (size_t)size);
    free(image);
    return (int)size;
}

int ada_ring_load(int fd, struct ada_ring **out)
{
    struct ada_ring *r = NULL;
    unsigned char *bytes = NULL;
    struct spsc_image image;
    size_t size;
    int err;

    err = read_all(fd, (unsigned char *)&image, sizeof(image));
    if (!err)
        err = header_check(&image);
    if (err)
        return err;
    size = sizeof(image) + (size_t)(image.head - image.tail);
    bytes = malloc(size);
    if (!bytes)
        return -ENOMEM;
    memcpy(bytes, &image, sizeof(image));
    err = read_all(fd, bytes + sizeof(image), size - sizeof(image));
    if (!err)
        err = ada_ring_create(image.capacity, &r);
    if (!err)
        err = ada_ring_restore(r, bytes, size);
    free(bytes);
    if (err) {
        ada_ring_destroy(r);
        return err;
    }
    *out = r;
    return 0;
}
