/* SPDX-License-Identifier: Apache-2.0 */
#include "output_check.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz_target.h"

enum { DEPTH_MAX = 16, OUTPUT_BYTES_MAX = 8 << 20 };

static int printed = -1;
static char *text; /* NUL-terminated */
static size_t text_bytes;

void output_capture(void)
{
    fuzz_silence();
    printed = memfd_create("printed", MFD_CLOEXEC);
    FUZZ_CHECK(printed >= 0 && dup2(printed, STDOUT_FILENO) >= 0);
}

void output_clear(void)
{
    free(text);
    text = NULL;
    text_bytes = 0;
    FUZZ_CHECK(ftruncate(printed, 0) == 0 && lseek(printed, 0, SEEK_SET) == 0);
}

/* False: more than is worth looking at. */
static bool output_load(void)
{
    struct stat about;
    size_t done = 0;

    FUZZ_CHECK(fstat(printed, &about) == 0);
    if (about.st_size > OUTPUT_BYTES_MAX)
        return false;
    text_bytes = (size_t)about.st_size;
    free(text);
    text = calloc(1, text_bytes + 1);
    FUZZ_CHECK(text);
    while (done < text_bytes) {
        ssize_t part = pread(printed, text + done, text_bytes - done, (off_t)done);

        FUZZ_CHECK(part > 0);
        done += (size_t)part;
    }
    return true;
}

/* ---- characters ---- */

static bool is_continued(const unsigned char *at, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (at[i] >> 6 != 2)
            return false;
    return true;
}

/* The character at `at`, which moves behind it. The process ends where none is. */
static unsigned character_take(const char **at)
{
    static const unsigned least[] = {0, 0x80, 0x800, 0x10000};
    const unsigned char *from = (const unsigned char *)*at;
    unsigned more = *from < 0x80 ? 0 : (*from & 0xe0) == 0xc0 ? 1 : (*from & 0xf0) == 0xe0 ? 2 : 3;
    unsigned code = more ? *from & (0x3fu >> more) : *from;

    FUZZ_CHECK(more < 3 || (*from & 0xf8) == 0xf0);
    FUZZ_CHECK(is_continued(from + 1, more));
    for (unsigned i = 1; i <= more; i++)
        code = code << 6 | (from[i] & 0x3f);
    FUZZ_CHECK(code >= least[more] && code <= 0x10ffff && code >> 11 != 0x1b);
    *at += more + 1;
    return code;
}

static bool is_control(unsigned code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

static uint64_t lines_check(void)
{
    uint64_t lines = 0;

    for (const char *at = text; at < text + text_bytes;) {
        unsigned code = character_take(&at);

        FUZZ_CHECK(code == '\n' || !is_control(code));
        lines += code == '\n';
    }
    FUZZ_CHECK(!text_bytes || text[text_bytes - 1] == '\n');
    return lines;
}

/* ---- JSON (RFC 8259) ---- */

static const char *space_skip(const char *at)
{
    while (*at == ' ' || *at == '\n')
        at++;
    return at;
}

static const char *string_skip(const char *at)
{
    FUZZ_CHECK(*at++ == '"');
    while (*at != '"') {
        if (*at == '\\' && at[1] == 'u') {
            for (int i = 2; i < 6; i++)
                FUZZ_CHECK(isxdigit((unsigned char)at[i]));
            at += 6;
        } else if (*at == '\\') {
            FUZZ_CHECK(at[1] && strchr("\"\\/bfnrt", at[1]));
            at += 2;
        } else {
            FUZZ_CHECK(character_take(&at) >= 0x20);
        }
    }
    return at + 1;
}

static const char *digits_skip(const char *at)
{
    FUZZ_CHECK(isdigit((unsigned char)*at));
    while (isdigit((unsigned char)*at))
        at++;
    return at;
}

static const char *number_skip(const char *at)
{
    at += *at == '-';
    FUZZ_CHECK(*at != '0' || !isdigit((unsigned char)at[1]));
    at = digits_skip(at);
    if (*at == '.')
        at = digits_skip(at + 1);
    if (*at == 'e' || *at == 'E') {
        at++;
        at = digits_skip(at + (*at == '+' || *at == '-'));
    }
    return at;
}

static const char *value_skip(const char *at, unsigned depth);

static const char *members_skip(const char *at, char close, unsigned depth)
{
    FUZZ_CHECK(depth < DEPTH_MAX);
    at = space_skip(at);
    if (*at == close)
        return at + 1;
    for (;; at++) {
        at = space_skip(at);
        if (close == '}') {
            at = space_skip(string_skip(at));
            FUZZ_CHECK(*at++ == ':');
        }
        at = space_skip(value_skip(at, depth + 1));
        if (*at == close)
            return at + 1;
        FUZZ_CHECK(*at == ',');
    }
}

static const char *value_skip(const char *at, unsigned depth)
{
    static const char *const words[] = {"true", "false", "null"};

    at = space_skip(at);
    if (*at == '{' || *at == '[')
        return members_skip(at + 1, *at == '{' ? '}' : ']', depth);
    if (*at == '"')
        return string_skip(at);
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (strncmp(at, words[i], strlen(words[i])) == 0)
            return at + strlen(words[i]);
    return number_skip(at);
}

static uint64_t json_check(bool one_a_line)
{
    const char *at = text;
    uint64_t count = 0;

    while (at < text + text_bytes) {
        const char *end = value_skip(at, 0);

        FUZZ_CHECK(*end == '\n' && end < text + text_bytes);
        FUZZ_CHECK(!one_a_line || !memchr(at, '\n', (size_t)(end - at)));
        at = end + 1;
        count++;
    }
    FUZZ_CHECK(one_a_line || count == 1);
    return count;
}

/* ---- CSV (RFC 4180) ---- */

static const char *cell_skip(const char *at)
{
    bool quoted = *at == '"';

    for (at += quoted; quoted ? *at != '"' || at[1] == '"' : *at != ',' && *at != '\n';) {
        unsigned code = character_take(&at);

        FUZZ_CHECK(quoted ? code == '\n' || code == '\t' || !is_control(code)
                          : code != '"' && !is_control(code));
        if (code == '"')
            at++; /* stands for one */
    }
    return at + quoted;
}

static uint64_t csv_check(void)
{
    uint64_t records = 0, cells = 0, head_cells = 0;

    for (const char *at = text; at < text + text_bytes; at++) {
        at = cell_skip(at);
        cells++;
        FUZZ_CHECK(at < text + text_bytes && (*at == ',' || *at == '\n'));
        if (*at == ',')
            continue;
        if (!records++)
            head_cells = cells;
        FUZZ_CHECK(cells == head_cells);
        cells = 0;
    }
    FUZZ_CHECK(cells == 0);
    return records;
}

/* ---- all of it ---- */

uint64_t output_check(enum output_kind kind)
{
    if (!output_load())
        return UINT64_MAX;
    if (kind == OUTPUT_TEXT)
        return lines_check();
    if (kind == OUTPUT_CSV)
        return csv_check();
    return json_check(kind == OUTPUT_JSON_LINES);
}

uint64_t output_sum(const char *from, const char *to, const char *name)
{
    const char *at = strstr(text, from), *end = at ? strstr(at, to) : NULL;
    uint64_t sum = 0;

    FUZZ_CHECK(end);
    while ((at = strstr(at, name)) && at < end) {
        at += strlen(name);
        sum += strtoull(at, NULL, 10);
    }
    return sum;
}
