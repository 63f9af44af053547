/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs by chance, and for each of their threads: attempted = decoded + dropped + overwritten,
 * exactly, with gaps where something is missing and nowhere else.
 *
 *     test_ledger CASES [SEED [ROW]]     so many programs, from this seed on (0: a new one); their
 *                                        figure is that row's of docs/RELIABILITY.md
 *     test_ledger case SEED              this one, printed
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "house.h"
#include "model.h"
#include "play.h"
#include "shrink.h"
#include "tests/helpers/case_watch.h"
#include "tests/helpers/evidence.h"

enum { PATIENCE_S = 100, WHY_BYTES = 400 };

static int failure_show(struct program *p, const char *name, char *why)
{
    fprintf(stderr, "case 0x%016" PRIx64 ": %s\n  again: %s case 0x%016" PRIx64 "\n", p->seed, why,
            name, p->seed);
    alarm(0);
    shrink(p, why, WHY_BYTES);
    fprintf(stderr, "the same with fewer steps: %s\n", why);
    program_print(p, stderr);
    play_show(stderr);
    return 1;
}

static int one(uint64_t seed, const char *name)
{
    struct program p;
    char why[WHY_BYTES] = "";

    program_make(&p, seed);
    program_print(&p, stdout);
    fflush(stdout);
    case_running = seed;
    alarm(PATIENCE_S);
    if (!play(&p, why, sizeof(why)))
        return failure_show(&p, name, why);
    printf("exact\n");
    return 0;
}

/* All terms of the sum, so that whoever reads it can add them up. */
static void figures_tell(const char *key)
{
    const struct play_figures *f = &play_figures;
    char text[500];

    snprintf(text, sizeof(text),
             "%" PRIu64 " programs, %" PRIu64 " sessions, exact: %" PRIu64 " attempts = %" PRIu64
             " decoded + %" PRIu64 " dropped + %" PRIu64 " overwritten + %" PRIu64
             " rolled back + %" PRIu64
             " jumped out of or in the middle when a session ended; %" PRIu64
             " steps came in between others; %" PRIu64 " sessions in which a writer was given up, "
             "and the %" PRIu64 " attempts of their programs, were not judged",
             f->programs, f->sessions, f->attempts, f->decoded, f->dropped, f->overwritten,
             f->rolled_back, f->unsettled, f->between, play_model()->damaged, f->unjudged);
    puts(text);
    if (key)
        evidence_write(key, "%s", text);
}

static int many(uint64_t cases, uint64_t seed, const char *name, const char *key)
{
    uint64_t random = seed;
    struct program p;
    char why[WHY_BYTES] = "";

    printf("%" PRIu64 " programs from seed 0x%" PRIx64 "\n", cases, seed);
    fflush(stdout);
    for (uint64_t i = 0; i < cases; i++) {
        if (i % 1024 == 0)
            alarm(PATIENCE_S);
        case_running = program_random(&random);
        program_make(&p, case_running);
        if (!play(&p, why, sizeof(why)))
            return failure_show(&p, name, why);
    }
    figures_tell(key);
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 0;

    case_watch();
    if (argc > 2 && strcmp(argv[1], "case") == 0)
        return one(seed, argv[0]);
    if (!seed)
        seed = (uint64_t)time(NULL) << 20 ^ (unsigned)getpid();
    return many(argc > 1 ? strtoull(argv[1], NULL, 0) : 1000, seed, argv[0],
                argc > 3 ? argv[3] : NULL);
}
