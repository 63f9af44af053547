/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/switches.h"

#include <errno.h>
#include <string.h>

#include "base/atomic.h"
#include "base/glob.h"
#include "registry/segment.h"

enum {
    TRIES_MAX = 1000, /* the other side may be hostile, or die in the middle */
    LEVEL_SHIFT = 1,
    TYPE_SHIFT = 9,
    STAMP_SHIFT = 23,
};

/* What the session's globs say comes before all that is said in words. */
static const uint64_t session_stamp = 1;

_Static_assert(ADA_RECORD_TYPES == 1u << (STAMP_SHIFT - TYPE_SHIFT), "a type's id fits the word");

/* ---- a word ---- */

static uint64_t word_of(uint32_t type, uint8_t level, struct glob_verdict v)
{
    return v.stamp << STAMP_SHIFT | (uint64_t)type << TYPE_SHIFT | (uint64_t)level << LEVEL_SHIFT |
           v.on;
}

static uint32_t word_type(uint64_t word)
{
    return (uint32_t)(word >> TYPE_SHIFT) & (ADA_RECORD_TYPES - 1);
}

static uint8_t word_level(uint64_t word)
{
    return (uint8_t)(word >> LEVEL_SHIFT);
}

static struct glob_verdict word_verdict(uint64_t word)
{
    return (struct glob_verdict){.stamp = word >> STAMP_SHIFT, .on = word & 1};
}

/* ---- rules ---- */

static uint32_t change_begin(struct switches_shared *h)
{
    uint32_t generation = load_relaxed(&h->generation) | 1; /* relaxed: we are its only writer */

    store_relaxed(&h->generation, generation);
    /* Control. Release fence: readers see "being changed" before any change. Pairs with the acquire
     * fence in switches_rules(). */
    fence_release();
    return generation;
}

static void change_end(struct switches_shared *h, uint32_t generation)
{
    /* Control. Release: the changes are visible before "done". Pairs with the acquire in
     * switches_rules(). */
    store_release(&h->generation, generation + 1);
}

/* Byte by byte: others read it meanwhile, and find out. */
static void bytes_put(void *to, const void *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        store_relaxed((unsigned char *)to + i, ((const unsigned char *)from)[i]);
}

static void bytes_get(void *to, const void *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ((unsigned char *)to)[i] = load_relaxed((const unsigned char *)from + i);
}

static void words_put(struct glob_words *to, const struct glob_words *from)
{
    store_relaxed(&to->count, from->count);
    bytes_put(to->entries, from->entries, from->bytes);
    store_relaxed(&to->bytes, from->bytes);
}

static void words_get(struct glob_words *to, const struct glob_words *from)
{
    uint32_t bytes = load_relaxed(&from->bytes);

    to->count = load_relaxed(&from->count);
    to->bytes = bytes < GLOB_WORDS_BYTES ? bytes : GLOB_WORDS_BYTES;
    bytes_get(to->entries, from->entries, to->bytes);
}

void switches_format(struct segment *s)
{
    s->switches->generation = 2; /* 0 is no generation */
    s->switches->gate = SWITCH_GATE_OPEN;
    s->switches->stamp = session_stamp + 1;
}

int switches_begin(struct segment *s, const char *globs, uint32_t level)
{
    static const struct glob_words nothing;
    struct switches_shared *h = s->switches;
    size_t length = globs ? strlen(globs) : 0;
    uint32_t generation, taken = switches_taken(s);

    if (length >= SEGMENT_GLOBS_BYTES)
        return -ENAMETOOLONG;
    switches_gate_set(s, SWITCH_GATE_SHUT);
    generation = change_begin(h);
    bytes_put(h->globs, globs ? globs : "", length);
    store_relaxed(&h->globs[length], 0);
    words_put(&h->words, &nothing);
    change_end(h, generation);
    for (uint32_t n = 0; n < taken; n++) {
        uint64_t word = load_relaxed(&h->decided[n]);
        struct glob_verdict undecided = {0};

        if (word)
            store_relaxed(&h->decided[n], word_of(word_type(word), word_level(word), undecided));
    }
    switches_gate_set(s, switch_gate(level));
    return 0;
}

void switches_say(struct segment *s, const struct glob_words *words, uint64_t since)
{
    struct switches_shared *h = s->switches;
    struct switch_rules now;
    uint32_t generation;

    switches_rules(s, &now);
    /* Full only where somebody scribbles on it: these words are bounded already. */
    (void)!glob_words_repeat(&now.words, words, since, switches_stamp(s, words->count));
    generation = change_begin(h);
    words_put(&h->words, &now.words);
    change_end(h, generation);
    /* Gate. Full fence: the rules, then the types that there are. Pairs with the one in
     * switches_rules_hold(): either we find the type, or who registers it finds the rules. */
    fence_seq_cst();
}

void switches_rules(const struct segment *s, struct switch_rules *out)
{
    const struct switches_shared *h = s->switches;
    uint32_t before, after;

    /* Bounded: the writer is another process and may die in the middle. */
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        before = load_acquire(&h->generation); /* Control: pairs with change_end(). */
        bytes_get(out->globs, h->globs, SEGMENT_GLOBS_BYTES);
        out->globs[SEGMENT_GLOBS_BYTES - 1] = 0;
        words_get(&out->words, &h->words);
        fence_acquire(); /* Control: pairs with the release fence in change_begin(). */
        after = load_relaxed(&h->generation);
        out->generation = before;
        if (before == after && !(before & 1))
            return;
        cpu_relax();
    }
    *out = (struct switch_rules){.generation = 0};
}

bool switches_rules_hold(const struct segment *s, const struct switch_rules *rules)
{
    /* Gate. Full fence: the decision, then the rules again. Pairs with the one in
     * switches_say(). */
    fence_seq_cst();
    return load_relaxed(&s->switches->generation) == rules->generation || !rules->generation;
}

struct glob_verdict switch_verdict(const struct switch_rules *rules, const char *name)
{
    struct glob_verdict session = {.stamp = session_stamp};

    session.on = glob_list_match(rules->globs, name);
    return glob_verdict_later(session, glob_words_find(&rules->words, name));
}

/* ---- switches ---- */

uint64_t switches_stamp(struct segment *s, unsigned count)
{
    return add_relaxed(&s->switches->stamp, count); /* relaxed: only hands out numbers */
}

uint32_t switches_taken(const struct segment *s)
{
    uint32_t taken = load_relaxed(&s->switches->taken);

    return taken < SEGMENT_SWITCHES ? taken : SEGMENT_SWITCHES; /* more were asked for */
}

const uint8_t *switch_flag(const struct segment *s, uint32_t n)
{
    return &s->switches->on[n];
}

/*
 * Set the byte by word and gate. Whoever changes one of these comes here afterwards, and looks
 * again once the byte is set: so the last one who sets it set it by what stands there.
 */
static bool flag_follow(struct segment *s, uint32_t n)
{
    struct switches_shared *h = s->switches;
    uint8_t before = load_relaxed(&h->on[n]), on = before;

    for (int tries = 0; tries < TRIES_MAX; tries++) {
        uint64_t word = load_relaxed(&h->decided[n]);
        uint32_t gate = load_relaxed(&h->gate);

        on = word_verdict(word).on && word_level(word) < gate;
        if (load_relaxed(&h->on[n]) != on) /* the line is the program's to read */
            store_relaxed(&h->on[n], on);
        /* Gate. Full fence: the byte, then what it was made of. Pairs with itself, and with those
         * in switch_decide() and switches_gate_set(). */
        fence_seq_cst();
        if (load_relaxed(&h->decided[n]) == word && load_relaxed(&h->gate) == gate)
            break;
    }
    return on != before;
}

int switch_take(struct segment *s, uint32_t type, uint8_t level)
{
    struct switches_shared *h = s->switches;
    uint32_t n = load_relaxed(&h->taken);

    if (n < SEGMENT_SWITCHES)
        n = add_relaxed(&h->taken, 1); /* relaxed: only hands out numbers */
    if (n >= SEGMENT_SWITCHES)
        return -ENOSPC;
    store_relaxed(&h->decided[n], word_of(type, level, (struct glob_verdict){0}));
    return (int)n;
}

bool switch_decide(struct segment *s, uint32_t n, struct glob_verdict verdict)
{
    uint64_t *at = &s->switches->decided[n], word = load_relaxed(at);

    for (int tries = 0; tries < TRIES_MAX && word_verdict(word).stamp < verdict.stamp; tries++)
        /* Gate: a full barrier where it matters; flag_follow() has its own. */
        if (compare_exchange(at, &word, word_of(word_type(word), word_level(word), verdict)))
            break;
    fence_seq_cst();
    return flag_follow(s, n);
}

bool switch_look(const struct segment *s, uint32_t n, struct switch_view *view)
{
    uint64_t word = load_relaxed(&s->switches->decided[n]);

    *view = (struct switch_view){
        .type = word_type(word),
        .level = word_level(word),
        .is_on = load_relaxed(&s->switches->on[n]) != 0,
        .decided = word_verdict(word),
    };
    return word != 0;
}

/* ---- the gate ---- */

void switches_gate_set(struct segment *s, uint32_t gate)
{
    uint32_t taken;

    store_relaxed(&s->switches->gate, gate);
    /* Gate. Full fence: the gate, then the switches. Pairs with the one in flag_follow(): either we
     * find the switch as it was set, or who sets it finds the gate. */
    fence_seq_cst();
    taken = switches_taken(s);
    for (uint32_t n = 0; n < taken; n++)
        (void)flag_follow(s, n);
}

bool switches_pass(const struct segment *s, uint8_t level)
{
    return level < load_relaxed(&s->switches->gate); /* relaxed: a hint */
}
