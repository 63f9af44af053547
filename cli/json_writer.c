/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/json_writer.h"

#include <math.h>
#include <string.h>

#include "cli/out_text.h"

static void line_break(struct json_writer *json)
{
    out_put_char(json->out, '\n');
    out_put_spaces(json->out, (size_t)2 * json->depth);
}

static void string_put(struct json_writer *json, const char *text)
{
    out_put_char(json->out, '"');
    out_put_escaped(json->out, text_json, text, strlen(text));
    out_put_char(json->out, '"');
}

/* Comma, place and name of the next value. */
static void value_start(struct json_writer *json, const char *name)
{
    if (json->filled)
        out_put_char(json->out, ',');
    if (json->depth)
        line_break(json);
    json->filled = true;
    if (name) {
        string_put(json, name);
        out_put_text(json->out, ": ");
    }
}

static void nest(struct json_writer *json, const char *name, char bracket)
{
    value_start(json, name);
    out_put_char(json->out, bracket);
    json->depth++;
    json->filled = false;
}

static void unnest(struct json_writer *json, char bracket)
{
    json->depth--;
    if (json->filled)
        line_break(json);
    out_put_char(json->out, bracket);
    json->filled = true;
    if (!json->depth)
        out_put_char(json->out, '\n');
}

void json_object_open(struct json_writer *json, const char *name)
{
    nest(json, name, '{');
}

void json_object_close(struct json_writer *json)
{
    unnest(json, '}');
}

void json_array_open(struct json_writer *json, const char *name)
{
    nest(json, name, '[');
}

void json_array_close(struct json_writer *json)
{
    unnest(json, ']');
}

void json_text(struct json_writer *json, const char *name, const char *value)
{
    value_start(json, name);
    if (value)
        string_put(json, value);
    else
        out_put_text(json->out, "null");
}

void json_unsigned(struct json_writer *json, const char *name, uint64_t value)
{
    value_start(json, name);
    json->out->at = text_u64(out_room(json->out, TEXT_U64_MAX), value);
}

void json_signed(struct json_writer *json, const char *name, int64_t value)
{
    value_start(json, name);
    json->out->at = text_i64(out_room(json->out, TEXT_I64_MAX), value);
}

void json_number(struct json_writer *json, const char *name, double value)
{
    value_start(json, name);
    if (isfinite(value))
        out_printf(json->out, "%.3f", value);
    else
        out_put_text(json->out, "null");
}

void json_flag(struct json_writer *json, const char *name, bool value)
{
    value_start(json, name);
    out_put_text(json->out, value ? "true" : "false");
}

void json_hex(struct json_writer *json, const char *name, uint64_t value)
{
    char text[TEXT_HEX_MAX + 1];

    *text_hex(text, value) = 0;
    json_text(json, name, text);
}
