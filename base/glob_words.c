/* SPDX-License-Identifier: Apache-2.0 */
#include "base/glob_words.h"

#include <errno.h>
#include <string.h>

#include "base/glob.h"

enum { HEAD_BYTES = 8 };
static const uint64_t off_bit = 1; /* of the head; the rest is the stamp */

/* ---- walking the entries ---- */

struct entry {
    uint64_t head;
    const char *glob;
    uint32_t length, at, end; /* of the glob; of the entry in `entries` */
};

/* The entry at `at`. False: there is none, or it is no entry. */
static bool entry_at(const struct glob_words *words, uint32_t at, struct entry *e)
{
    /* Untrusted: `bytes` may be anything. */
    uint32_t bytes = words->bytes < GLOB_WORDS_BYTES ? words->bytes : GLOB_WORDS_BYTES;
    const unsigned char *nul;

    if (at >= bytes || bytes - at <= HEAD_BYTES)
        return false;
    memcpy(&e->head, words->entries + at, HEAD_BYTES);
    e->glob = (const char *)words->entries + at + HEAD_BYTES;
    nul = memchr(e->glob, 0, bytes - at - HEAD_BYTES);
    if (!nul)
        return false;
    e->at = at;
    e->length = (uint32_t)(nul - (const unsigned char *)e->glob);
    e->end = at + HEAD_BYTES + e->length + 1;
    return true;
}

/* ---- changing a list ---- */

static void word_remove(struct glob_words *words, const char *glob, size_t length)
{
    struct entry e;

    for (uint32_t at = 0; entry_at(words, at, &e); at = e.end) {
        if (e.length != length || memcmp(e.glob, glob, length) != 0)
            continue;
        memmove(words->entries + e.at, words->entries + e.end, words->bytes - e.end);
        words->bytes -= e.end - e.at;
        words->count--;
        return;
    }
}

static bool word_append(struct glob_words *words, const char *glob, size_t length, uint64_t head)
{
    unsigned char *to = words->entries + words->bytes;

    if (length >= GLOB_WORDS_BYTES || words->bytes + HEAD_BYTES + length + 1 > GLOB_WORDS_BYTES)
        return false;
    memcpy(to, &head, HEAD_BYTES);
    memcpy(to + HEAD_BYTES, glob, length);
    to[HEAD_BYTES + length] = 0;
    words->bytes += (uint32_t)(HEAD_BYTES + length + 1);
    words->count++;
    return true;
}

/* The next glob of a comma-separated list. False: there is none. */
static bool glob_next(const char **globs, const char **glob, size_t *length, bool *turned)
{
    do {
        *glob = *globs;
        *length = strcspn(*globs, ",");
        *globs += *length;
        *globs += **globs == ',';
        *turned = *length && **glob == '!';
        *glob += *turned;
        *length -= *turned;
    } while (!*length && **globs);
    return *length != 0;
}

unsigned glob_words_count(const char *globs)
{
    const char *glob;
    unsigned count = 0;
    size_t length;
    bool turned;

    while (glob_next(&globs, &glob, &length, &turned))
        count++;
    return count;
}

int glob_words_say(struct glob_words *words, struct glob_words *draft, const char *globs, bool on,
                   uint64_t stamp)
{
    const char *glob;
    size_t length;
    bool turned;
    int said = 0;

    *draft = *words;
    while (glob_next(&globs, &glob, &length, &turned)) {
        word_remove(draft, glob, length);
        if (!word_append(draft, glob, length, stamp++ << 1 | (on == turned ? off_bit : 0)))
            return -ENAMETOOLONG;
        said++;
    }
    *words = *draft;
    return said;
}

void glob_words_restamp(struct glob_words *words, uint64_t stamp)
{
    struct entry e;

    for (uint32_t at = 0; entry_at(words, at, &e); at = e.end) {
        uint64_t head = stamp++ << 1 | (e.head & off_bit);

        memcpy(words->entries + at, &head, HEAD_BYTES);
    }
}

int glob_words_repeat(struct glob_words *to, const struct glob_words *from, uint64_t since,
                      uint64_t stamp)
{
    struct entry e;

    for (uint32_t at = 0; entry_at(from, at, &e); at = e.end) {
        if (e.head >> 1 <= since)
            continue;
        word_remove(to, e.glob, e.length);
        if (!word_append(to, e.glob, e.length, stamp++ << 1 | (e.head & off_bit)))
            return -ENAMETOOLONG;
    }
    return 0;
}

/* ---- asking it ---- */

struct glob_verdict glob_words_find(const struct glob_words *words, const char *name)
{
    struct glob_verdict verdict = {0};
    struct entry e;

    for (uint32_t at = 0; entry_at(words, at, &e); at = e.end)
        if (e.head >> 1 >= verdict.stamp && glob_match(e.glob, e.length, name))
            verdict = (struct glob_verdict){.stamp = e.head >> 1, .on = !(e.head & off_bit)};
    return verdict;
}

struct glob_verdict glob_verdict_later(struct glob_verdict a, struct glob_verdict b)
{
    return b.stamp > a.stamp ? b : a;
}
