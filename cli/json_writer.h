/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON documents, indented so that people can read them too. The writer sets commas and line
 * breaks; the caller opens, fills in and closes. `name` is NULL inside arrays and for the document.
 * One writer belongs to one thread.
 */
#ifndef ADATRACE_CLI_JSON_WRITER_H
#define ADATRACE_CLI_JSON_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/out_buffer.h"

struct json_writer {
    struct out_buffer *out;
    unsigned depth;
    bool filled; /* something stands in the innermost object or array */
};

void json_object_open(struct json_writer *json, const char *name);
void json_object_close(struct json_writer *json);
void json_array_open(struct json_writer *json, const char *name);
void json_array_close(struct json_writer *json);

void json_text(struct json_writer *json, const char *name, const char *value); /* NULL: null */
void json_unsigned(struct json_writer *json, const char *name, uint64_t value);
void json_signed(struct json_writer *json, const char *name, int64_t value);
void json_number(struct json_writer *json, const char *name, double value); /* three decimals */
void json_flag(struct json_writer *json, const char *name, bool value);
void json_hex(struct json_writer *json, const char *name, uint64_t value); /* "0x7f01" */

#endif
