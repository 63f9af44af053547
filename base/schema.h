/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schema: the description of an event type as bytes, and back.
 *
 * The same bytes travel from the tracer through the segment to the drain and stand in the trace
 * file (docs/FORMAT.md, item TYPE), so both ends live here. Encoding and decoding touch only their
 * arguments: any thread, async-signal-safe, no allocation.
 *
 * Layout, little-endian, packed:
 *     u16 id   u8 phase   u8 level   u16 field_count   u16 line
 *     str provider, str name, str format, str file          (str: u16 length, bytes)
 *     per field: u8 kind, u8 width, u16 count, u16 label_count, str name,
 *                per label: i64 value, str name
 */
#ifndef ADATRACE_BASE_SCHEMA_H
#define ADATRACE_BASE_SCHEMA_H

#include <stddef.h>
#include <stdint.h>

#include <adatrace/field.h>

enum {
    SCHEMA_FIELDS_MAX = 32,
    SCHEMA_NAME_MAX = 255,         /* bytes of provider, of name, of a field's name */
    SCHEMA_BYTES_MAX = 64 * 1024,  /* of one encoded schema */
    SCHEMA_PAYLOAD_MAX = 64 * 1024 /* bytes of all fixed-width fields together */
};

/* An event type's description. As encoder input the strings are NUL-terminated or NULL. */
struct schema {
    uint16_t id;
    uint8_t phase; /* enum ada_phase */
    uint8_t level; /* enum ada_level */
    uint16_t field_count;
    uint16_t line;
    const char *provider;
    const char *name;
    const char *format; /* PHASE_FORMAT, else NULL or "" */
    const char *file;   /* where it was declared, or "" */
    const struct ada_field *fields;
};

/* Bytes that schema_encode() needs. 0: not encodable (a limit above is passed). */
size_t schema_size(const struct schema *schema);

/* Encode into out[capacity]. Returns the bytes written, or -EINVAL, -ENOSPC. */
int schema_encode(const struct schema *schema, void *out, size_t capacity)
    __attribute__((warn_unused_result));

/* Fixed-width part of the payload in bytes; *variable_count gets the number of STRING and BYTES. */
uint32_t schema_fixed_bytes(const struct schema *schema, uint32_t *variable_count);

/*
 * A decoded schema owns nothing outside itself: names, fields and labels point into `storage`,
 * which is one allocation made by schema_decode() and released by schema_free().
 */
struct schema_owned {
    struct schema schema;
    void *storage;
};

/*
 * Decode untrusted bytes. Checks every length, kind, width, count and limit; on success `out` is
 * complete and names are NUL-terminated. Returns 0, -EBADMSG (malformed), -ENOMEM.
 * Allocates: not async-signal-safe.
 */
int schema_decode(const void *bytes, size_t size, struct schema_owned *out)
    __attribute__((warn_unused_result));
void schema_free(struct schema_owned *owned);

#endif
