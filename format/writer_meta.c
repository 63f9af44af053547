/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/writer_state.h"
#include "format/xxh64.h"

enum {
    META_BLOCK_BYTES = 64 * 1024,   /* waiting metadata becomes a block at this size */
    META_HELD_BYTES_MAX = 16 << 20, /* kept for the end when the disk is full */
    SCHEMA_ID_BYTES = 2,            /* an encoded schema begins with its id */
};

/* ---- items ---- */

/* Items that other threads could not write stand before those that came since. */
int writer_meta_join(struct trace_writer *w)
{
    struct byte_buffer back = w->meta_back;

    if (w->meta_back_items == 0)
        return 0;
    if (byte_buffer_append(&back, w->meta.bytes, w->meta.size) != 0)
        return -ENOMEM;
    w->meta_back = w->meta;
    w->meta_back.size = 0;
    w->meta = back;
    w->meta_items += w->meta_back_items;
    w->meta_back_items = 0;
    return 0;
}

static int items_write(struct trace_writer *w, struct byte_buffer *items, uint32_t *count,
                       bool last)
{
    struct block_header header = {.kind = BLOCK_META, .records = *count};
    int status;

    if (*count == 0)
        return 0;
    status = writer_block_write(w, &header, items->bytes, items->size, w->level, last);
    if (status == 0) {
        items->size = 0;
        *count = 0;
    }
    return status;
}

int writer_meta_end(struct trace_writer *w)
{
    int status = items_write(w, &w->meta_back, &w->meta_back_items, true);

    return status ? status : items_write(w, &w->meta, &w->meta_items, true);
}

int writer_meta_flush(struct trace_writer *w)
{
    int status = writer_error(w);

    if (w->meta_items == 0 || status != 0)
        return status;
    if (w->queue) {
        status = block_queue_meta(w->queue, &w->meta, w->meta_items);
        w->meta_items = status == 0 ? 0 : w->meta_items;
    } else {
        status = items_write(w, &w->meta, &w->meta_items, false);
    }
    w->meta_urgent &= status != 0;
    return status;
}

/* Into what waits to be written, and nowhere without memory. */
static int item_take_in(struct trace_writer *w, enum item_kind kind, const void *record)
{
    size_t before = w->meta.size;
    int status = catalogue_add(w->catalogue, kind, record);

    if (status != 0)
        return status;
    if (w->store) /* the catalogue is all there is, until there is a file */
        return kind == ITEM_LEDGER ? block_store_ledger(w->store, record) : 0;
    if (before >= META_HELD_BYTES_MAX)
        return writer_error(w) ? writer_error(w) : -ENOMEM;
    status = item_append(&w->meta, kind, record);
    if (status != 0)
        return status;
    if (w->listener)
        w->listener->items(w->listener->context, w->meta.bytes + before, w->meta.size - before);
    w->meta_items++;
    return 0;
}

int writer_item_keep(struct trace_writer *w, enum item_kind kind, const void *record, bool urgent)
{
    int status = item_take_in(w, kind, record);

    if (status != 0)
        writer_loss_count(w, 0, status);
    else
        w->meta_urgent |= urgent;
    return status;
}

/* Once the disk is full items are only kept: the end of the file has room for them, data does not.
 */
int writer_items_follow(struct trace_writer *w)
{
    return w->meta.size >= META_BLOCK_BYTES ? writer_meta_flush(w) : writer_error(w);
}

int writer_item_append(struct trace_writer *w, enum item_kind kind, const void *record, bool urgent)
{
    int status = writer_item_keep(w, kind, record, urgent);

    return status ? status : writer_items_follow(w);
}

int trace_writer_clock(struct trace_writer *w, const struct trace_clock_pair *pair)
{
    return writer_item_append(w, ITEM_CLOCK, pair, false);
}

struct catalogue *trace_writer_catalogue(struct trace_writer *w)
{
    return w->catalogue;
}

int trace_writer_process_end(struct trace_writer *w, const struct trace_process_end *end)
{
    return writer_item_append(w, ITEM_PROCESS_END, end, false);
}

int trace_writer_ledger(struct trace_writer *w, const struct trace_ledger *ledger)
{
    return writer_item_append(w, ITEM_LEDGER, ledger, false);
}

int trace_writer_module(struct trace_writer *w, const struct trace_module *module)
{
    return writer_item_append(w, ITEM_MODULE, module, true);
}

int trace_writer_symbol(struct trace_writer *w, const struct trace_symbol *symbol)
{
    return writer_item_append(w, ITEM_SYMBOL, symbol, false);
}

int trace_writer_note(struct trace_writer *w, const struct trace_note *note)
{
    return writer_item_append(w, ITEM_NOTE, note, false);
}

/* ---- types ---- */

int writer_list_grow(void **list, size_t count, size_t *capacity)
{
    size_t wanted = *capacity ? *capacity * 2 : 16;
    void *grown;

    if (count < *capacity)
        return 0;
    grown = realloc(*list, wanted * sizeof(void *));
    if (!grown)
        return -ENOMEM;
    *list = grown;
    *capacity = wanted;
    return 0;
}

void writer_type_free(struct writer_type *type)
{
    if (!type)
        return;
    schema_free(&type->owned);
    free(type->bytes);
    free(type);
}

struct writer_type *writer_type_create(const void *schema, size_t size, int *status)
{
    struct writer_type *type = calloc(1, sizeof(*type));
    const struct schema *decoded;

    *status = -ENOMEM;
    if (!type)
        return NULL;
    type->bytes = malloc(size ? size : 1);
    if (type->bytes)
        *status = schema_decode(schema, size, &type->owned);
    if (*status != 0) {
        writer_type_free(type);
        return NULL;
    }
    memcpy(type->bytes, schema, size);
    type->size = size;
    decoded = &type->owned.schema;
    type->fixed_bytes = schema_fixed_bytes(decoded, &type->variable_count);
    for (unsigned i = 0; i < decoded->field_count; i++)
        type->has_code |= decoded->fields[i].kind == ADA_KIND_CODE;
    return type;
}

static bool types_are_equal(const struct writer_type *a, const struct writer_type *b)
{
    return a->size == b->size && memcmp(a->bytes + SCHEMA_ID_BYTES, b->bytes + SCHEMA_ID_BYTES,
                                        a->size - SCHEMA_ID_BYTES) == 0;
}

int writer_type_keep(struct trace_writer *w, struct writer_type *type)
{
    if (writer_list_grow((void **)&w->types, w->type_count, &w->type_capacity) != 0)
        return -ENOMEM;
    w->types[w->type_count++] = type;
    return 0;
}

/* Declare `fresh` in the file, or free it and return the equal one that is there already. */
static struct writer_type *type_intern(struct trace_writer *w, struct writer_type *fresh,
                                       int *status)
{
    uint64_t hash = xxh64(fresh->bytes + SCHEMA_ID_BYTES, fresh->size - SCHEMA_ID_BYTES);
    uint32_t place = number_map_find(&w->type_of_hash, hash);
    struct item_type item = {.schema = fresh->bytes, .schema_bytes = (uint32_t)fresh->size};

    if (place != NUMBER_MAP_NONE && types_are_equal(w->types[place], fresh)) {
        writer_type_free(fresh);
        return w->types[place];
    }
    *status = writer_type_keep(w, fresh);
    if (*status != 0) {
        writer_type_free(fresh);
        return NULL;
    }
    fresh->number = item.type = (uint32_t)w->type_count;
    *status = writer_item_keep(w, ITEM_TYPE, &item, true);
    if (*status != 0) { /* records of a type that is not in the file would be of none */
        w->type_count--;
        writer_type_free(fresh);
        return NULL;
    }
    /* Without a name to be found by, an equal one is described once more. */
    (void)!number_map_set(&w->type_of_hash, hash, (uint32_t)w->type_count - 1);
    *status = writer_items_follow(w);
    return fresh;
}

int writer_ids_grow(struct writer_image *image, uint32_t id)
{
    struct writer_type **grown;
    uint32_t count;

    if (id < image->id_count)
        return 0;
    count = id / 64 * 64 + 64;
    grown = realloc(image->type_of_id, count * sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    memset(grown + image->id_count, 0, (count - image->id_count) * sizeof(*grown));
    image->type_of_id = grown;
    image->id_count = count;
    return 0;
}

static int type_tell(struct trace_writer *w, uint64_t image_number, const void *schema, size_t size)
{
    struct writer_image *image;
    struct writer_type *type;
    uint32_t place, id;
    int status;

    type = writer_type_create(schema, size, &status);
    if (!type)
        return status;
    id = type->owned.schema.id;
    place = writer_image_place(w, image_number);
    image = place == NUMBER_MAP_NONE ? NULL : w->images[place];
    if (image && id < image->id_count && image->type_of_id[id]) {
        writer_type_free(type);
        return -EEXIST;
    }
    if (!image || writer_ids_grow(image, id) != 0) {
        writer_type_free(type);
        return -ENOMEM;
    }
    status = 0;
    image->type_of_id[id] = type_intern(w, type, &status);
    if (w->listener && image->type_of_id[id])
        w->listener->declared(w->listener->context, image_number, id,
                              image->type_of_id[id]->number);
    return status;
}

int trace_writer_type(struct trace_writer *w, uint64_t image, const void *schema, size_t size)
{
    int status = type_tell(w, image, schema, size);

    if (status == -ENOMEM)
        writer_loss_count(w, 0, status);
    return status;
}

void writer_meta_free(struct trace_writer *w)
{
    for (size_t i = 0; i < w->type_count; i++)
        writer_type_free(w->types[i]);
    address_set_free(&w->copied.addresses);
    free(w->copied.type_of_id);
    free(w->types);
    byte_buffer_free(&w->meta);
    byte_buffer_free(&w->meta_back);
    number_map_free(&w->type_of_hash);
    writer_images_free(w);
}
