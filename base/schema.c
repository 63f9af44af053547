/* SPDX-License-Identifier: Apache-2.0 */
#include "base/schema.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"

/* ---- encoding: a cursor that counts on after the end, so that size and bytes share one walk ----
 */

struct encoder {
    unsigned char *out; /* NULL: only count */
    size_t capacity, used;
};

static void put(struct encoder *e, const void *bytes, size_t size)
{
    if (size && e->out && e->used + size <= e->capacity)
        memcpy(e->out + e->used, bytes, size);
    e->used += size;
}

static void put_u16(struct encoder *e, size_t value)
{
    unsigned char bytes[2];

    le16_store(bytes, (uint16_t)value);
    put(e, bytes, sizeof(bytes));
}

static void put_i64(struct encoder *e, int64_t value)
{
    unsigned char bytes[8];

    le64_store(bytes, (uint64_t)value);
    put(e, bytes, sizeof(bytes));
}

static void put_string(struct encoder *e, const char *text)
{
    size_t length = text ? strnlen(text, UINT16_MAX) : 0;

    put_u16(e, length);
    put(e, text, length);
}

static bool is_variable(uint8_t kind)
{
    return kind == ADA_KIND_STRING || kind == ADA_KIND_BYTES;
}

static bool name_is_short(const char *name)
{
    return strnlen(name, SCHEMA_NAME_MAX + 1) <= SCHEMA_NAME_MAX;
}

static bool field_is_valid(const struct ada_field *field)
{
    if (field->name && !name_is_short(field->name))
        return false;
    if (field->kind < ADA_KIND_UNSIGNED || field->kind > ADA_KIND_BYTES || field->count < 1)
        return false;
    if (field->label_count && field->kind != ADA_KIND_ENUM)
        return false;
    if (is_variable(field->kind))
        return field->width == 0 && field->count == 1;
    if (field->kind == ADA_KIND_FLOAT)
        return field->width == 4 || field->width == 8;
    return field->width >= 1 && field->width <= 8;
}

uint32_t schema_fixed_bytes(const struct schema *schema, uint32_t *variable_count)
{
    uint32_t bytes = 0;

    *variable_count = 0;
    for (unsigned i = 0; i < schema->field_count; i++) {
        bytes += (uint32_t)schema->fields[i].width * schema->fields[i].count;
        *variable_count += is_variable(schema->fields[i].kind);
    }
    return bytes;
}

static bool schema_is_valid(const struct schema *schema)
{
    uint32_t variable;

    if (schema->field_count > SCHEMA_FIELDS_MAX || !schema->provider || !schema->name)
        return false;
    if (!*schema->provider || !name_is_short(schema->provider))
        return false;
    if (!*schema->name || !name_is_short(schema->name))
        return false;
    for (unsigned i = 0; i < schema->field_count; i++)
        if (!field_is_valid(&schema->fields[i]))
            return false;
    return schema_fixed_bytes(schema, &variable) <= SCHEMA_PAYLOAD_MAX;
}

static void put_field(struct encoder *e, const struct ada_field *field)
{
    put(e, &field->kind, 1);
    put(e, &field->width, 1);
    put_u16(e, field->count);
    put_u16(e, field->label_count);
    put_string(e, field->name);
    for (unsigned i = 0; i < field->label_count; i++) {
        put_i64(e, field->labels[i].value);
        put_string(e, field->labels[i].name);
    }
}

static void put_schema(struct encoder *e, const struct schema *schema)
{
    put_u16(e, schema->id);
    put(e, &schema->phase, 1);
    put(e, &schema->level, 1);
    put_u16(e, schema->field_count);
    put_u16(e, schema->line);
    put_string(e, schema->provider);
    put_string(e, schema->name);
    put_string(e, schema->format);
    put_string(e, schema->file);
    for (unsigned i = 0; i < schema->field_count; i++)
        put_field(e, &schema->fields[i]);
}

size_t schema_size(const struct schema *schema)
{
    struct encoder e = {0};

    if (!schema_is_valid(schema))
        return 0;
    put_schema(&e, schema);
    return e.used <= SCHEMA_BYTES_MAX ? e.used : 0;
}

int schema_encode(const struct schema *schema, void *out, size_t capacity)
{
    struct encoder e = {.out = out, .capacity = capacity};
    size_t size = schema_size(schema);

    if (!size)
        return -EINVAL;
    if (size > capacity)
        return -ENOSPC;
    put_schema(&e, schema);
    return (int)e.used;
}

/* ---- decoding: untrusted; a failed take leaves the decoder failed, and is asked once ---- */

struct decoder {
    const unsigned char *at, *end;
    char *text;               /* where the next string goes */
    struct ada_label *labels; /* where the next label goes */
    bool failed;
};

static const unsigned char *take(struct decoder *d, size_t size)
{
    const unsigned char *at = d->at;

    if (d->failed || (size_t)(d->end - d->at) < size) {
        d->failed = true;
        return NULL;
    }
    d->at += size;
    return at;
}

static uint8_t take_u8(struct decoder *d)
{
    const unsigned char *at = take(d, 1);

    return at ? *at : 0;
}

static uint16_t take_u16(struct decoder *d)
{
    const unsigned char *at = take(d, 2);

    return at ? le16_load(at) : 0;
}

static int64_t take_i64(struct decoder *d)
{
    const unsigned char *at = take(d, 8);

    return at ? (int64_t)le64_load(at) : 0;
}

static const char *take_string(struct decoder *d)
{
    uint16_t length = take_u16(d);
    const unsigned char *at = take(d, length);
    char *text = d->text;

    if (!at)
        return "";
    if (memchr(at, 0, length))
        d->failed = true;
    memcpy(text, at, length);
    text[length] = 0;
    d->text += length + 1;
    return text;
}

static void take_field(struct decoder *d, struct ada_field *field)
{
    field->kind = take_u8(d);
    field->width = take_u8(d);
    field->count = take_u16(d);
    field->label_count = take_u16(d);
    field->name = take_string(d);
    field->labels = field->label_count ? d->labels : NULL;
    if (field->label_count > (size_t)(d->end - d->at) / 10)
        d->failed = true; /* a label takes at least ten bytes: this also bounds d->labels */
    for (unsigned i = 0; i < field->label_count && !d->failed; i++) {
        d->labels->value = take_i64(d);
        d->labels->name = take_string(d);
        d->labels++;
    }
}

int schema_decode(const void *bytes, size_t size, struct schema_owned *out)
{
    struct decoder d = {.at = bytes, .end = (const unsigned char *)bytes + size};
    struct schema *s = &out->schema;
    struct ada_field *fields;
    size_t labels_max = size / 10 + 1;

    memset(out, 0, sizeof(*out));
    if (size > SCHEMA_BYTES_MAX)
        return -EBADMSG;
    /* Every string is shorter than its encoding by one byte and every label by ten, so this is room
     * enough for whatever the bytes turn out to say. */
    out->storage = calloc(1, SCHEMA_FIELDS_MAX * sizeof(*fields) +
                                 labels_max * sizeof(struct ada_label) + size + 1);
    if (!out->storage)
        return -ENOMEM;
    fields = out->storage;
    d.labels = (struct ada_label *)(fields + SCHEMA_FIELDS_MAX);
    d.text = (char *)(d.labels + labels_max);

    s->id = take_u16(&d);
    s->phase = take_u8(&d);
    s->level = take_u8(&d);
    s->field_count = take_u16(&d);
    s->line = take_u16(&d);
    s->provider = take_string(&d);
    s->name = take_string(&d);
    s->format = take_string(&d);
    s->file = take_string(&d);
    s->fields = fields;
    if (s->field_count > SCHEMA_FIELDS_MAX)
        d.failed = true;
    for (unsigned i = 0; i < s->field_count && !d.failed; i++)
        take_field(&d, &fields[i]);
    if (d.failed || d.at != d.end || s->phase > ADA_PHASE_FORMAT || !schema_is_valid(s)) {
        schema_free(out);
        return -EBADMSG;
    }
    return 0;
}

void schema_free(struct schema_owned *owned)
{
    free(owned->storage);
    memset(owned, 0, sizeof(*owned));
}
