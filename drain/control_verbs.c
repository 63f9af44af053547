/* SPDX-License-Identifier: Apache-2.0 */
/* What a running session can be asked: the table, and the finding of a row in it. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "drain/control_files.h"
#include "drain/control_guest.h"
#include "drain/control_lane.h"
#include "drain/control_live.h"
#include "drain/control_steer.h"
#include "drain/drain_stats.h"

/* ---- describe: who this is. Pairs of name and value, each ended by a NUL. ---- */

static void pair_add(struct answer *a, const char *name, const char *value)
{
    (void)answer_add(a, name, strlen(name) + 1);
    (void)answer_add(a, value, strlen(value) + 1);
}

static void number_add(struct answer *a, const char *name, uint64_t value)
{
    (void)answer_add(a, name, strlen(name) + 1);
    (void)answer_print(a, "%llu", (unsigned long long)value);
    (void)answer_add(a, "", 1);
}

static int describe(struct control_context *c)
{
    const struct control_identity *i = control_identity(c->control);
    struct drain_figures figures;

    drain_figures(c->drain, &figures);
    pair_add(c->answer, "kind", i->kind);
    pair_add(c->answer, "name", i->name);
    pair_add(c->answer, "command", i->command);
    pair_add(c->answer, "file", i->file);
    number_add(c->answer, "pid", control_program(c->control));
    number_add(c->answer, "drain_pid", (uint64_t)getpid());
    number_add(c->answer, "start_ns", figures.start_ns);
    return 0;
}

/* ---- the table ---- */

const struct control_verb control_verbs[] = {
    {.name = "describe", .at_once = true, .run = describe},
    {.name = "disable", .words_min = 1, .words_max = CONTROL_WORDS_MAX, .run = control_disable},
    {.name = "enable", .words_min = 1, .words_max = CONTROL_WORDS_MAX, .run = control_enable},
    {.name = "pause", .run = control_pause},
    {.name = "resume", .run = control_resume},
    {.name = "set", .words_min = 1, .words_max = CONTROL_WORDS_MAX, .run = control_set},
    {.name = "stats", .looks = true, .run = control_stats},
    {.name = "stop", .run = control_stop},
    {.name = "subscribe", .run = control_subscribe},
    {.name = "rotate", .run = control_rotate},
    {.name = "snapshot", .words_min = 3, .words_max = 3, .run = control_snapshot},
    {0},
};

static const struct control_verb *verb_find(const struct control_verb *table, const char *name)
{
    for (const struct control_verb *v = table; v->name; v++)
        if (strcmp(v->name, name) == 0)
            return v;
    return NULL;
}

/* Returns how many, or -EPROTO. */
static int words_split(const char *text, size_t bytes, const char **words)
{
    int count = 0;

    if (bytes && text[bytes - 1] != 0)
        return -EPROTO;
    for (size_t at = 0; at < bytes; at += strlen(text + at) + 1) {
        if (count == CONTROL_WORDS_MAX)
            return -EPROTO;
        words[count++] = text + at;
    }
    words[count] = NULL;
    return count;
}

/* It has to say why, and nothing goes with that. */
static void failure_complete(struct answer *a)
{
    if (a->status >= 0)
        return;
    answer_withdraw(a);
    if (a->bytes)
        return;
    (void)answer_fail(a, a->status, "%s",
                      a->status == -ESHUTDOWN ? "the session is ending"
                                              : strerrordesc_np(-a->status));
}

int verb_lane(struct control *control, const char *name)
{
    const struct control_verb *verb = verb_find(control_table(control), name);

    if (!verb || verb->at_once)
        return -1;
    return verb->looks ? LANE_LOOKS : LANE_CHANGES;
}

void verb_call(struct control *control, const struct control_request *request, const char *text,
               size_t bytes, uint32_t peer_pid, struct answer *answer)
{
    const struct control_verb *verb = verb_find(control_table(control), request->verb);
    const char *words[CONTROL_WORDS_MAX + 1];
    int count = words_split(text, bytes, words);
    struct control_context context = {
        .control = control,
        .drain = control_drain(control),
        .peer_pid = peer_pid,
        .words = words,
        .answer = answer,
    };

    if (count < 0 || (uint32_t)count != request->word_count) {
        answer->status = answer_fail(answer, -EPROTO, "the request's words are not as it says");
        return;
    }
    if (!verb) {
        answer->status =
            answer_fail(answer, -ENOSYS, "this session does not know '%s'", request->verb);
        return;
    }
    context.count = (unsigned)count;
    if (context.count < verb->words_min || context.count > verb->words_max) {
        answer->status = answer_fail(answer, -EINVAL, "'%s' takes %u to %u words, not %d",
                                     verb->name, verb->words_min, verb->words_max, count);
        return;
    }
    answer->status = verb->run(&context);
    if (answer->status >= 0 && answer->error)
        answer->status = answer_fail(answer, answer->error, "the answer cannot be given: %s",
                                     strerrordesc_np(-answer->error));
    failure_complete(answer);
}
