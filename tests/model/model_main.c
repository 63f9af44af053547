/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model [--long] [--litmus | --mutants | --mutant FILE:LINE | --case NAME [--trace]] : the cases,
 * in all their executions. Status 0: nothing is wrong.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cases.h"
#include "model_mutants.h"

enum { CASES_MAX = 96, MUTANT_EXECUTIONS = 60000 };

static const struct model_case *cases[CASES_MAX];
static unsigned cases_count;

static void cases_add(const struct model_case list[], unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (list[i].is_long && !model_is_long)
            continue;
        if (cases_count == CASES_MAX) {
            fprintf(stderr, "model: more cases than CASES_MAX: %s has no place\n", list[i].name);
            exit(2);
        }
        cases[cases_count++] = &list[i];
    }
}

static void cases_find(bool litmus)
{
    if (litmus) {
        cases_add(litmus_cases, litmus_cases_count);
        return;
    }
    cases_add(ring_cases, ring_cases_count);
    cases_add(elastic_cases, elastic_cases_count);
    cases_add(overwrite_cases, overwrite_cases_count);
    cases_add(block_cases, block_cases_count);
    cases_add(registry_cases, registry_cases_count);
    cases_add(handler_cases, handler_cases_count);
}

/* One line into the folder that ctest names: docs/RELIABILITY.md shows it. The long form has a row
 * of its own. */
static void evidence_write(const char *key, const char *text)
{
    const char *folder = getenv("ADATRACE_EVIDENCE");
    char path[4096];
    FILE *file;

    if (!folder || snprintf(path, sizeof(path), "%s/%s%s", folder, key,
                            model_is_long ? "-nightly" : "") >= (int)sizeof(path))
        return;
    file = fopen(path, "w");
    if (!file)
        return;
    fprintf(file, "%s\n", text);
    fclose(file);
}

static int cases_run(const char *only, bool trace)
{
    const struct model_limits limits = {.trace = trace};
    uint64_t executions = 0, steps = 0;
    unsigned failed = 0, run = 0;
    char text[200];

    for (unsigned i = 0; i < cases_count; i++) {
        const struct model_case *c = cases[i];
        struct model_result r;
        clock_t began = clock();

        if (only && strcmp(only, c->name))
            continue;
        explore(c, &limits, &r);
        printf("%-22s %9llu executions %8llu given up %11llu steps %7.2f s  %s\n", c->name,
               (unsigned long long)r.executions, (unsigned long long)r.redundant,
               (unsigned long long)r.steps, (double)(clock() - began) / CLOCKS_PER_SEC,
               r.failure[0] ? r.failure : c->about);
        fflush(stdout);
        failed += r.failure[0] || !r.complete;
        executions += r.executions;
        steps += r.steps;
        run++;
    }
    snprintf(text, sizeof(text), "%u cases, %llu executions, %llu steps, each case to its end", run,
             (unsigned long long)executions, (unsigned long long)steps);
    printf("%s; %u failed\n", text, failed);
    if (!failed && !only)
        evidence_write("ring-model", text);
    return failed || !run;
}

/* As many outcomes as there should be, with and without leaving out what is the same. */
static int litmus_run(void)
{
    unsigned failed = 0;
    uint64_t reduced = 0, naive = 0;
    char text[200];

    for (unsigned i = 0; i < cases_count; i++) {
        const struct model_case *c = cases[i];
        struct model_result r, all;

        explore(c, &(struct model_limits){0}, &r);
        explore(c, &(struct model_limits){.naive = true}, &all);
        printf("%-22s %3u outcomes in %4llu executions, %3u in all %7llu orders, of %u  %s%s\n",
               c->name, r.outcomes, (unsigned long long)r.executions, all.outcomes,
               (unsigned long long)all.executions, c->outcomes, r.failure, all.failure);
        failed += r.failure[0] || all.failure[0] || r.outcomes != c->outcomes ||
                  all.outcomes != c->outcomes;
        reduced += r.executions;
        naive += all.executions;
    }
    snprintf(text, sizeof(text),
             "%u litmus programs, the same outcomes in %llu executions as in %llu", cases_count,
             (unsigned long long)reduced, (unsigned long long)naive);
    printf("%s; %u failed\n", text, failed);
    if (!failed)
        evidence_write("ring-model-litmus", text);
    return failed != 0;
}

static int mutants_run(void)
{
    struct mutants_result r =
        mutants_try(cases, cases_count, model_is_long ? 0 : MUTANT_EXECUTIONS);
    bool is_good = !r.survived && !r.strays && r.tried >= MUTANTS_KNOWN;
    char text[200];

    snprintf(text, sizeof(text), "%u orderings weakened: %u fail in a case, %u with a reason",
             r.tried, r.failed, r.excused);
    printf("%s, %u survive; %u are known, and %u stand in files that nobody weakens\n", text,
           r.survived, MUTANTS_KNOWN, r.strays);
    if (is_good)
        evidence_write("ring-model-mutants", text);
    return !is_good;
}

int main(int argc, char **argv)
{
    const char *only = NULL, *mode = "", *mutant = NULL, *colon;
    bool trace = false;

    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--long"))
            model_is_long = true;
        else if (!strcmp(argv[i], "--trace"))
            trace = true;
        else if (!strcmp(argv[i], "--case") && i + 1 < argc)
            only = argv[++i];
        else if (!strcmp(argv[i], "--mutant") && i + 1 < argc)
            mutant = argv[++i];
        else if (!strcmp(argv[i], "--litmus") || !strcmp(argv[i], "--mutants"))
            mode = argv[i];
        else
            return 2;
    }
    cases_find(!strcmp(mode, "--litmus"));
    if (mutant && (colon = strchr(mutant, ':'))) {
        char file[200];

        snprintf(file, sizeof(file), "%.*s", (int)(colon - mutant), mutant);
        mutants_try_one(cases, cases_count, file, (unsigned)strtoul(colon + 1, NULL, 10));
        return 0;
    }
    if (!strcmp(mode, "--litmus"))
        return litmus_run();
    return !strcmp(mode, "--mutants") ? mutants_run() : cases_run(only, trace);
}
