/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_grammar.h"

#include <string.h>

enum { DEPTH_MAX = 8 };

struct writing {
    const uint8_t *next, *end;
    char *out;
    size_t size;
    unsigned depth;
};

/* 0 to below - 1. */
static unsigned choose(struct writing *w, size_t below)
{
    return w->next < w->end ? *w->next++ % (unsigned)below : 0;
}

static void put(struct writing *w, const char *text)
{
    size_t length = strlen(text);

    if (length >= GRAMMAR_TEXT_MAX - w->size)
        return;
    memcpy(w->out + w->size, text, length + 1);
    w->size += length;
}

#define CHOOSE(w, list) ((list)[choose(w, sizeof(list) / sizeof(*(list)))])

/* ---- what stands between operators ---- */

static const char *const numbers[] = {"a",
                                      "b",
                                      "c",
                                      "latency_us",
                                      "e",
                                      "address",
                                      "id",
                                      "ok",
                                      "ratio",
                                      "price",
                                      "amount",
                                      "frame",
                                      "value",
                                      "duration",
                                      "row[0]",
                                      "row[6]",
                                      "row[7]",
                                      "long[299]",
                                      "six[2]",
                                      "row[3]",
                                      "shop:numbers.latency_us",
                                      "pid",
                                      "tid",
                                      "time",
                                      "level",
                                      "b[0]",
                                      "nothing",
                                      "shop:*.amount",
                                      "code",
                                      "colour",
                                      "*:call.frame",
                                      "shop:arrays.row[1]",
                                      "slow(parse)",
                                      "slow(shop:word)",
                                      "slow(*a?[b-r]*)",
                                      "shop:mixed.price",
                                      "long[0]",
                                      "shop:word.value",
                                      "shop:call.function"};
static const char *const texts[] = {"item",    "raw",      "thread", "process",         "name",
                                    "code",    "function", "colour", "shop:texts.item", "six[0]",
                                    "address", "*:*.item", "state"};
static const char *const literals[] = {"0",
                                       "1",
                                       "-1",
                                       "7",
                                       "255",
                                       "65536",
                                       "0x7fffffff",
                                       "4294967296",
                                       "1e308",
                                       "2.5",
                                       "50ms",
                                       "1us",
                                       "0.5ns",
                                       "2h",
                                       "3min",
                                       "64K",
                                       "4KiB",
                                       "1T",
                                       "1e-300",
                                       "true",
                                       "false",
                                       "0x7fffffffffffffff",
                                       "9223372036854775808",
                                       "18446744073709551615",
                                       "-9223372036854775808",
                                       "1_000_000",
                                       "5124095h",
                                       "15TiB",
                                       "0.1s",
                                       "3"};
static const char *const words[] = {
    "\"\"",     "\"jam\"",   "'worker1'", "\"*a*\"", "\"shop\"",      "\"w*[0-9]\"", "\"\\x00\\n\"",
    "\"[!a-\"", "\"parse\"", "\"??\"",    "'\\\\*'", "\"[]a]*[^b]\"", "\"red\""};

static void number(struct writing *w)
{
    static const char *const signs[] = {" + ", " - ", " * ", " / ", " % "};

    switch (w->depth > DEPTH_MAX ? 0 : choose(w, 8)) {
    case 0:
    case 1:
    case 2:
        put(w, CHOOSE(w, numbers));
        return;
    case 3:
    case 4:
        put(w, CHOOSE(w, literals));
        return;
    case 5:
        put(w, "-(");
        break;
    default:
        put(w, "(");
        w->depth++;
        number(w);
        w->depth--;
        put(w, CHOOSE(w, signs));
    }
    w->depth++;
    number(w);
    w->depth--;
    put(w, ")");
}

/* ---- conditions ---- */

static void number_compare(struct writing *w)
{
    static const char *const signs[] = {" == ", " != ", " < ", " <= ", " > ", " >= "};

    number(w);
    put(w, CHOOSE(w, signs));
    number(w);
}

static void text_compare(struct writing *w)
{
    static const char *const signs[] = {
        " == ", " != ",       " < ",          " <= ",       " > ",
        " >= ", " contains ", " startswith ", " endswith ", " matches "};

    put(w, CHOOSE(w, texts));
    put(w, CHOOSE(w, signs));
    put(w, choose(w, 4) ? CHOOSE(w, words) : CHOOSE(w, texts));
}

static void list(struct writing *w)
{
    unsigned more = choose(w, 4);

    if (choose(w, 2)) {
        number(w);
        put(w, " in (");
        for (put(w, CHOOSE(w, literals)); more--; put(w, CHOOSE(w, literals)))
            put(w, ", ");
    } else {
        put(w, CHOOSE(w, texts));
        put(w, " in (");
        for (put(w, CHOOSE(w, words)); more--; put(w, CHOOSE(w, words)))
            put(w, ", ");
    }
    put(w, ")");
}

static void other(struct writing *w)
{
    static const char *const others[] = {
        "shop:numbers",          "shop:*",          "*:[m-x]*",           "adatrace:gap",
        "`shop:texts`",          "colour == green", "colour in (red, 7)", "level <= warning",
        "colour != \"red\"",     "kind == dropped", "ok == true",         "red == colour",
        "duration > latency_us", "state == paid"};

    put(w, CHOOSE(w, others));
}

static void condition(struct writing *w)
{
    unsigned what = w->depth > DEPTH_MAX ? 0 : choose(w, 12);

    switch (what) {
    case 1:
    case 2:
    case 3:
        number_compare(w);
        return;
    case 4:
    case 5:
        text_compare(w);
        return;
    case 6:
        list(w);
        return;
    case 7:
        number(w);
        return;
    case 8:
        put(w, "!(");
        break;
    case 9:
    case 10:
    case 11:
        put(w, "(");
        w->depth++;
        condition(w);
        w->depth--;
        put(w, what == 9 ? " || " : " && ");
        break;
    default:
        other(w);
        return;
    }
    w->depth++;
    condition(w);
    w->depth--;
    put(w, ")");
}

void fuzz_condition(const uint8_t *choices, size_t count, char out[GRAMMAR_TEXT_MAX])
{
    struct writing w = {.next = choices, .end = choices + count, .out = out};

    out[0] = 0;
    condition(&w);
}
