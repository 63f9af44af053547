/* SPDX-License-Identifier: Apache-2.0 */
#include "model_mutants.h"

#include "model_atomics.h"

#undef malloc
#undef free
#undef memcpy
#undef memset
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern struct model_site __start_model_sites[], __stop_model_sites[];

/* What is weakened here, and nothing else. */
static const char *const files[] = {
    "adatrace/emit.h",        "registry/ring.h",        "registry/ring_away.c",
    "registry/ring_bury.c",   "registry/ring_commit.c", "registry/ring_front.c",
    "registry/ring_layout.c", "registry/ring_note.c",   "registry/ring_read.c",
    "registry/ring_wait.c",   "registry/ring_write.c",  "registry/ring_inspect.c",
    "registry/registry.c",    "registry/bell.c",        "registry/bell.h",
};

/* Compiled because the others need it, and weakened by nobody: no case comes to it. */
static const struct unexplored {
    const char *file, *reason;
} unexplored[] = {
    {"registry/arena.c", "no case puts an item there or reads one: test_arena, test_arena_hostile"},
    {"registry/segment.c", "formatted before a case's threads begin: test_segment"},
    {"registry/switches.c", "no case turns events on or off: test_switches, test_switches_step"},
};

/* Orders that no case needs, and why they are there. A case that fails after all makes the row
 * wrong. */
static const struct excuse {
    const char *function;
    unsigned kind, order, weak;
    const char *reason;
} excuses[] = {
#include "unneeded.h"
};

static const char *const order_names[] = {"relaxed", "consume", "acquire",
                                          "release", "acq_rel", "seq_cst"};

struct mutant {
    struct model_site *site;
    unsigned weak;
};

static bool is_in(const struct model_site *s, const char *file)
{
    size_t length = strlen(s->file), ours = strlen(file);

    return length >= ours && !strcmp(s->file + length - ours, file);
}

static const char *file_of(const struct model_site *s)
{
    for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        if (is_in(s, files[i]))
            return files[i];
    return NULL;
}

static bool is_unexplored(const struct model_site *s)
{
    for (unsigned i = 0; i < sizeof(unexplored) / sizeof(unexplored[0]); i++)
        if (is_in(s, unexplored[i].file))
            return true;
    return false;
}

static bool same(const struct model_site *a, const struct model_site *b)
{
    return a->line == b->line && a->kind == b->kind && a->order == b->order &&
           !strcmp(a->file, b->file);
}

/* Inlined functions stand in every file that includes them. */
static bool is_first(const struct model_site *s)
{
    for (const struct model_site *o = __start_model_sites; o < s; o++)
        if (same(o, s))
            return false;
    return true;
}

static void weaken(const struct model_site *s, unsigned weak)
{
    for (struct model_site *o = __start_model_sites; o < __stop_model_sites; o++)
        if (same(o, s))
            o->weak = (uint16_t)weak;
}

static uint64_t reached(const struct model_site *s)
{
    uint64_t sum = 0;

    for (struct model_site *o = __start_model_sites; o < __stop_model_sites; o++)
        if (same(o, s))
            sum += o->reached;
    return sum;
}

/* The orders that are one step weaker; and for a full fence none at all, too. */
static unsigned weaker(const struct model_site *s, unsigned weak[2])
{
    if (s->order == __ATOMIC_ACQUIRE || s->order == __ATOMIC_RELEASE) {
        weak[0] = __ATOMIC_RELAXED;
        return 1;
    }
    weak[0] = s->order == __ATOMIC_ACQ_REL ? __ATOMIC_ACQUIRE : __ATOMIC_ACQ_REL;
    weak[1] = s->order == __ATOMIC_ACQ_REL ? __ATOMIC_RELEASE : __ATOMIC_RELAXED;
    return s->order == __ATOMIC_RELAXED ? 0 : 2;
}

static const char *excuse_for(const struct mutant *m)
{
    for (unsigned i = 0; i < sizeof(excuses) / sizeof(excuses[0]); i++)
        if (excuses[i].function && !strcmp(excuses[i].function, m->site->function) &&
            excuses[i].kind == m->site->kind && excuses[i].order == m->site->order &&
            excuses[i].weak == m->weak)
            return excuses[i].reason;
    return NULL;
}

/* The first case that fails; NULL: none. */
static const struct model_case *case_that_fails(const struct mutant *m,
                                                const struct model_case *const cases[],
                                                unsigned count, struct model_limits limits,
                                                struct model_result *result, bool *is_reached)
{
    weaken(m->site, m->weak);
    for (unsigned i = 0; i < count; i++) {
        uint64_t before = reached(m->site), executions = limits.executions;

        /* Does it come to it at all? One execution says so for most, a hundred for all. */
        limits.executions = 200;
        explore(cases[i], &limits, result);
        limits.executions = executions;
        if (reached(m->site) == before)
            continue;
        *is_reached = true;
        if (!result->failure[0] && !result->complete)
            explore(cases[i], &limits, result);
        if (result->failure[0]) {
            weaken(m->site, m->site->order);
            return cases[i];
        }
    }
    weaken(m->site, m->site->order);
    return NULL;
}

static void mutant_try(const struct mutant *m, const struct model_case *const cases[],
                       unsigned count, const struct model_limits *limits, struct mutants_result *r)
{
    struct model_result result;
    bool is_reached = false;
    const struct model_case *c = case_that_fails(m, cases, count, *limits, &result, &is_reached);
    const char *excuse = excuse_for(m);

    printf("%s:%u %s: %s as %s: ", file_of(m->site), m->site->line, m->site->function,
           order_names[m->site->order], order_names[m->weak]);
    r->tried++;
    if (c && excuse) {
        printf("NEEDED AFTER ALL in case %s: %s\n", c->name, result.failure);
        r->survived++;
    } else if (c) {
        printf("%s fails after %llu: %s\n", c->name,
               (unsigned long long)(result.executions + result.redundant), result.failure);
        r->failed++;
    } else if (excuse) {
        printf("not needed: %s\n", excuse);
        r->excused++;
    } else {
        printf(is_reached ? "SURVIVES\n" : "NOT REACHED by any case\n");
        r->survived++;
    }
}

static void all(const struct model_case *const cases[], unsigned count,
                const struct model_limits *limits, const char *file, unsigned line,
                struct mutants_result *r)
{
    for (struct model_site *s = __start_model_sites; s < __stop_model_sites; s++) {
        unsigned weak[2], n;

        if (!s->file || !file_of(s) || !is_first(s))
            continue;
        if (file && (s->line != line || !strstr(s->file, file)))
            continue;
        n = weaker(s, weak);
        for (unsigned i = 0; i < n; i++) {
            const struct mutant m = {s, weak[i]};

            mutant_try(&m, cases, count, limits, r);
        }
    }
}

/* Orders in a file that is neither weakened nor named above: code that has moved, or come in. Or
 * named, and a case comes to it after all. */
static unsigned strays_find(void)
{
    unsigned count = 0;

    for (const struct model_site *s = __start_model_sites; s < __stop_model_sites; s++) {
        if (!s->file || s->order == __ATOMIC_RELAXED || strstr(s->file, "tests/model/"))
            continue;
        if (file_of(s) || !is_first(s) || (is_unexplored(s) && !reached(s)))
            continue;
        printf("%s:%u %s: %s, %s\n", s->file, s->line, s->function, order_names[s->order],
               is_unexplored(s) ? "NAMED AS UNEXPLORED, and reached" : "IN NO LIST of files");
        count++;
    }
    return count;
}

struct mutants_result mutants_try(const struct model_case *const cases[], unsigned count,
                                  uint64_t executions)
{
    const struct model_limits limits = {.executions = executions};
    struct mutants_result r = {0};

    all(cases, count, &limits, NULL, 0, &r);
    r.strays = strays_find();
    return r;
}

void mutants_try_one(const struct model_case *const cases[], unsigned count, const char *file,
                     unsigned line)
{
    const struct model_limits limits = {.trace = true};
    struct mutants_result r = {0};

    all(cases, count, &limits, file, line, &r);
}
