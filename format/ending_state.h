/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a trace ending, for those who make one. Belongs to one thread at a time.
 */
#ifndef ADATRACE_FORMAT_ENDING_STATE_H
#define ADATRACE_FORMAT_ENDING_STATE_H

#include "format/address_set.h"
#include "format/items.h"
#include "format/trace_ending.h"
#include "format/trace_volume.h"

/* Addresses of one image. */
struct ending_addresses {
    uint64_t image;
    struct address_use *uses;
    size_t count;
};

struct trace_ending {
    struct trace_volume volume;
    struct block_encoder encoder;
    int level;
    struct byte_buffer meta; /* items that are not in the file yet */
    uint32_t meta_items;
    struct ending_addresses *addresses;
    size_t address_images;
};

/* With a volume that has no descriptor yet. NULL: no memory. */
struct trace_ending *ending_create(int level);
void ending_free(struct trace_ending *ending); /* closes the volume's descriptor */

/* One more item, at the end. 0 or a negative errno, which sticks. */
int ending_item(struct trace_ending *ending, enum item_kind kind, const void *record);
/* Write the items that wait. `last` may use the room that is kept for the end. */
int ending_meta_flush(struct trace_ending *ending, bool last) __attribute__((warn_unused_result));

/* Make room for the addresses of so many images, to be filled in. 0 or -ENOMEM. */
int ending_images(struct trace_ending *ending, size_t count) __attribute__((warn_unused_result));

#endif
