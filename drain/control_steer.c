/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/control_steer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/glob.h"
#include "drain/control.h"
#include "drain/proc_file.h"
#include "drain/steer.h"

enum { GLOBS_BYTES = 4096 };

/* ---- what all of them need ---- */

void control_steer_who(const struct control_context *c, char *who, size_t size)
{
    char name[32];

    proc_thread_name(c->peer_pid, c->peer_pid, name, sizeof(name));
    snprintf(who, size, "process %u%s%s%s", c->peer_pid, name[0] ? " (" : "", name,
             name[0] ? ")" : "");
}

static void pair_number(struct answer *a, const char *name, long long value)
{
    (void)answer_add(a, name, strlen(name) + 1);
    (void)answer_print(a, "%lld", value);
    (void)answer_add(a, "", 1);
}

/* ---- enable, disable ---- */

struct switching {
    char globs[GLOBS_BYTES], who[STEER_WHO_BYTES];
    bool on;
    struct steer_count count;
};

static int globs_take(struct control_context *c, char *globs, size_t size)
{
    const char *why;
    size_t used = 0;

    for (unsigned i = 0; i < c->count; i++) {
        size_t length = strlen(c->words[i]);

        why = glob_list_problem(c->words[i]);
        if (why)
            return answer_fail(c->answer, -EINVAL, "'%s' %s", c->words[i], why);
        if (used + length + 2 > size)
            return answer_fail(c->answer, -EINVAL,
                               "that is too long: patterns may have %zu bytes together", size - 1);
        if (used)
            globs[used++] = ',';
        memcpy(globs + used, c->words[i], length + 1);
        used += length;
    }
    return 0;
}

static int switching_run(struct drain *drain, void *context)
{
    struct switching *s = context;

    return steer_events(drain, s->globs, s->on, s->who, &s->count);
}

static int events_switch(struct control_context *c, bool on)
{
    struct switching s = {.on = on};
    int err = globs_take(c, s.globs, sizeof(s.globs));

    if (err)
        return err;
    control_steer_who(c, s.who, sizeof(s.who));
    err = drain_call(c->drain, switching_run, &s);
    if (err == -ENAMETOOLONG)
        return answer_fail(c->answer, -EINVAL,
                           "so many patterns were given to this session that no more fit; a few "
                           "wide ones, such as '*', do as well");
    if (err)
        return err;
    pair_number(c->answer, "matching", s.count.matching);
    pair_number(c->answer, "changed", s.count.changed);
    return 0;
}

int control_enable(struct control_context *c)
{
    return events_switch(c, true);
}

int control_disable(struct control_context *c)
{
    return events_switch(c, false);
}

/* ---- pause, resume ---- */

struct pausing {
    char who[STEER_WHO_BYTES];
    bool pause;
};

static int pausing_run(struct drain *drain, void *context)
{
    struct pausing *p = context;

    return steer_pause(drain, p->pause, p->who);
}

static int pause_or_resume(struct control_context *c, bool pause)
{
    struct pausing p = {.pause = pause};
    int changed;

    control_steer_who(c, p.who, sizeof(p.who));
    changed = drain_call(c->drain, pausing_run, &p);
    if (changed < 0)
        return changed;
    pair_number(c->answer, "changed", changed);
    return 0;
}

int control_pause(struct control_context *c)
{
    return pause_or_resume(c, true);
}

int control_resume(struct control_context *c)
{
    return pause_or_resume(c, false);
}

/* ---- stop ---- */

static int stopping_run(struct drain *drain, void *context)
{
    return steer_end(drain, context);
}

int control_stop(struct control_context *c)
{
    char who[STEER_WHO_BYTES];
    int err;

    if (!control_can_end(c->control)) /* before it is shut for good */
        return answer_fail(c->answer, -ENOTSUP, "this session cannot be ended from outside");
    control_steer_who(c, who, sizeof(who));
    err = drain_call(c->drain, stopping_run, who);
    if (err && err != -ESHUTDOWN)
        return err;
    err = control_session_end(c->control);
    pair_number(c->answer, "error", err);
    return 0;
}
