/* SPDX-License-Identifier: Apache-2.0 */
#include "format/catalogue_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The first row whose number is not less. */
static size_t place_of(const struct catalogue_list *list, uint64_t number)
{
    size_t low = 0, high = list->count;

    /* Numbers are handed out in ascending order: mostly it is the last one. */
    if (high && list->rows[high - 1].number < number)
        return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (list->rows[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct catalogue_row *catalogue_list_find(const struct catalogue_list *list, uint64_t number)
{
    size_t at = place_of(list, number);

    return at < list->count && list->rows[at].number == number ? &list->rows[at] : NULL;
}

static int row_make(struct catalogue_list *list, uint64_t number, struct catalogue_row **row)
{
    size_t at = place_of(list, number);

    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 16;
        struct catalogue_row *grown = realloc(list->rows, capacity * sizeof(*grown));

        if (!grown)
            return -ENOMEM;
        list->rows = grown;
        list->capacity = capacity;
    }
    memmove(&list->rows[at + 1], &list->rows[at], (list->count - at) * sizeof(list->rows[0]));
    list->rows[at] = (struct catalogue_row){.number = number};
    list->count++;
    *row = &list->rows[at];
    return 0;
}

/* The item in memory of its own, no larger than it has to be. */
static int item_encode(enum item_kind kind, const void *record, unsigned char **bytes,
                       uint32_t *size)
{
    struct byte_buffer out = {0};
    unsigned char *fitted;

    if (item_append(&out, kind, record) != 0) {
        byte_buffer_free(&out);
        return -ENOMEM;
    }
    fitted = realloc(out.bytes, out.size);
    if (fitted)
        out.bytes = fitted;
    *bytes = out.bytes;
    *size = (uint32_t)out.size;
    return 0;
}

int catalogue_list_put(struct catalogue_list *list, uint64_t number, enum item_kind kind,
                       const void *record, struct catalogue_row **out)
{
    struct catalogue_row *row = catalogue_list_find(list, number);
    unsigned char *bytes;
    uint32_t size;

    if (item_encode(kind, record, &bytes, &size) != 0)
        return -ENOMEM;
    if (!row && row_make(list, number, &row) != 0) {
        free(bytes);
        return -ENOMEM;
    }
    list->bytes += size;
    list->bytes -= row->size;
    free(row->bytes);
    row->bytes = bytes;
    row->size = size;
    *out = row;
    return 0;
}

int catalogue_row_end(struct catalogue_list *list, struct catalogue_row *row, const void *record)
{
    unsigned char *bytes;
    uint32_t size;

    if (item_encode(ITEM_PROCESS_END, record, &bytes, &size) != 0)
        return -ENOMEM;
    list->bytes += size;
    list->bytes -= row->end_size;
    free(row->end_bytes);
    row->end_bytes = bytes;
    row->end_size = size;
    return 0;
}

void catalogue_list_thin(struct catalogue_list *list,
                         bool (*goes)(void *context, const struct catalogue_row *row, size_t place),
                         void *context)
{
    size_t kept = 0;

    for (size_t i = 0; i < list->count; i++) {
        struct catalogue_row *row = &list->rows[i];

        if (goes(context, row, i)) {
            list->bytes -= row->size + row->end_size;
            free(row->bytes);
            free(row->end_bytes);
        } else {
            list->rows[kept++] = *row;
        }
    }
    list->count = kept;
}

static bool row_goes(void *context, const struct catalogue_row *row, size_t place)
{
    (void)context;
    (void)row;
    (void)place;
    return true;
}

void catalogue_list_free(struct catalogue_list *list)
{
    catalogue_list_thin(list, row_goes, NULL);
    free(list->rows);
    *list = (struct catalogue_list){0};
}

int catalogue_list_copy(const struct catalogue_list *list, struct byte_buffer *out, uint32_t *items)
{
    if (byte_buffer_reserve(out, list->bytes) != 0)
        return -ENOMEM;
    for (size_t i = 0; i < list->count; i++) {
        const struct catalogue_row *row = &list->rows[i];

        memcpy(out->bytes + out->size, row->bytes, row->size);
        out->size += row->size;
        *items += 1;
        if (!row->end_size)
            continue;
        memcpy(out->bytes + out->size, row->end_bytes, row->end_size);
        out->size += row->end_size;
        *items += 1;
    }
    return 0;
}
