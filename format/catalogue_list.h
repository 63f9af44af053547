/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Catalogue list: encoded items of one kind, in ascending order of a number. Inside of the
 * catalogue. Belongs to one thread at a time.
 */
#ifndef ADATRACE_FORMAT_CATALOGUE_LIST_H
#define ADATRACE_FORMAT_CATALOGUE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/byte_buffer.h"
#include "format/items.h"

struct catalogue_row {
    uint64_t number;  /* of what the item is about; of notes and the like: their place in time */
    uint32_t process; /* whose it is; of a process itself: its own number */
    bool ended;       /* a process, a thread; a module: unmapped */
    uint64_t image;   /* a process: what it runs */
    uint64_t ticks;   /* a module: when it was unmapped; a clock pair: its counter */
    uint64_t ns;      /* a clock pair: CLOCK_MONOTONIC */
    unsigned char *bytes;
    uint32_t size;
    unsigned char *end_bytes; /* a process: its PROCESS_END item */
    uint32_t end_size;
};

struct catalogue_list {
    struct catalogue_row *rows; /* sorted by number */
    size_t count, capacity;
    size_t bytes; /* of all items */
};

/* The row of this number, or NULL. */
struct catalogue_row *catalogue_list_find(const struct catalogue_list *list, uint64_t number);

/* Encode the item into the row of this number, which is made when there is none. *row is valid
 * until the list changes. 0 or -ENOMEM: nothing changed. */
int catalogue_list_put(struct catalogue_list *list, uint64_t number, enum item_kind kind,
                       const void *record, struct catalogue_row **row)
    __attribute__((warn_unused_result));

/* Give row `at` the item of how it ended. 0 or -ENOMEM. */
int catalogue_row_end(struct catalogue_list *list, struct catalogue_row *row, const void *record)
    __attribute__((warn_unused_result));

/* Take out all rows for which `goes` says so. */
void catalogue_list_thin(struct catalogue_list *list,
                         bool (*goes)(void *context, const struct catalogue_row *row, size_t place),
                         void *context);
void catalogue_list_free(struct catalogue_list *list);

/* Append all items. 0 or -ENOMEM. */
int catalogue_list_copy(const struct catalogue_list *list, struct byte_buffer *out, uint32_t *items)
    __attribute__((warn_unused_result));

#endif
