/* SPDX-License-Identifier: Apache-2.0 */
/* The verb `set`: all values are read and checked, then all are set between the same two rounds. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/event_level.h"
#include "base/quantity.h"
#include "base/suggestion.h"
#include "drain/control.h"
#include "drain/control_steer.h"
#include "drain/steer.h"

enum { LEVEL_MIN = -7, LEVEL_MAX = 19, VALUE_MAX = 64 };
#define BLOCK_TIMEOUT_DEFAULT_NS 1000000000

enum key { KEY_POLICY, KEY_RING, KEY_LEVEL, KEY_WAIT, KEY_MIN_LEVEL, KEYS };

/* What was asked for, by key; then what is in force. */
struct settings {
    char who[STEER_WHO_BYTES];
    bool given[KEYS];
    char in_force[KEYS][VALUE_MAX];
    enum ring_policy policy;
    uint64_t timeout_ns;
    uint64_t ring_bytes;
    bool level_auto;
    int level;
    struct wait_choice wait;
    int events_level;
    enum key refused;
};

/* ---- values: 0, or -EINVAL ---- */

static int policy_parse(const char *text, struct settings *s)
{
    int64_t timeout_ns = BLOCK_TIMEOUT_DEFAULT_NS;

    s->policy = strcmp(text, "drop") == 0        ? RING_DROP
                : strcmp(text, "overwrite") == 0 ? RING_OVERWRITE
                                                 : RING_BLOCK;
    if (s->policy == RING_BLOCK && strcmp(text, "block") != 0 &&
        (strncmp(text, "block:", 6) != 0 || quantity_parse_time(text + 6, &timeout_ns) ||
         timeout_ns < 0))
        return -EINVAL;
    s->timeout_ns = (uint64_t)timeout_ns;
    return 0;
}

static int ring_parse(const char *text, struct settings *s)
{
    return quantity_parse_bytes(text, &s->ring_bytes) || ring_capacity_for(s->ring_bytes) < 0
               ? -EINVAL
               : 0;
}

static int level_parse(const char *text, struct settings *s)
{
    char *end;
    long level = strtol(text, &end, 10);

    s->level_auto = strcmp(text, "auto") == 0;
    if (s->level_auto)
        return 0;
    s->level = (int)level;
    return end == text || *end || level < LEVEL_MIN || level > LEVEL_MAX ? -EINVAL : 0;
}

static int wait_parse(const char *text, struct settings *s)
{
    return wait_choice_parse(text, &s->wait) ? -EINVAL : 0;
}

static int min_level_parse(const char *text, struct settings *s)
{
    s->events_level = event_level_parse(text);
    return s->events_level < 0 ? -EINVAL : 0;
}

/* ---- setting them, in the drain's thread ---- */

static int policy_set(struct drain *drain, struct settings *s, char *in_force)
{
    char time[QUANTITY_MAX];

    if (s->policy == RING_BLOCK)
        snprintf(in_force, VALUE_MAX, "block:%s", quantity_print_time(time, s->timeout_ns));
    else
        strcpy(in_force, s->policy == RING_DROP ? "drop" : "overwrite");
    return steer_policy(drain, s->policy, s->timeout_ns, s->who);
}

static int ring_set(struct drain *drain, struct settings *s, char *in_force)
{
    int err = steer_ring_max(drain, &s->ring_bytes, s->who);

    quantity_print_bytes(in_force, s->ring_bytes);
    return err;
}

static int level_set(struct drain *drain, struct settings *s, char *in_force)
{
    int level, err = steer_level(drain, s->level_auto ? NULL : &s->level, s->who, &level);

    snprintf(in_force, VALUE_MAX, s->level_auto ? "auto (%d)" : "%d", level);
    return err;
}

static int wait_set(struct drain *drain, struct settings *s, char *in_force)
{
    wait_choice_print(in_force, &s->wait);
    return steer_wait(drain, &s->wait, s->who);
}

static int min_level_set(struct drain *drain, struct settings *s, char *in_force)
{
    strcpy(in_force, event_level_name((uint32_t)s->events_level));
    return steer_events_level(drain, (uint32_t)s->events_level, s->who);
}

/* ---- the keys ---- */

_Static_assert((int)VALUE_MAX >= (int)QUANTITY_MAX && (int)VALUE_MAX >= (int)WAIT_CHOICE_MAX,
               "values fit");

static const struct {
    const char *name;
    const char *accepts;
    int (*parse)(const char *text, struct settings *s);
    int (*set)(struct drain *drain, struct settings *s, char *in_force);
} keys[KEYS] = {
    /* First: it is the only one that may be refused later. */
    [KEY_POLICY] = {"policy", "drop, block, or block:TIMEOUT such as block:10ms", policy_parse,
                    policy_set},
    [KEY_RING] = {"ring", "a size from 4K to 1G", ring_parse, ring_set},
    [KEY_LEVEL] = {"level", "a whole number from -7 to 19, or auto", level_parse, level_set},
    [KEY_WAIT] = {"wait", WAIT_CHOICE_ACCEPTS, wait_parse, wait_set},
    [KEY_MIN_LEVEL] = {"min-level", EVENT_LEVEL_ACCEPTS, min_level_parse, min_level_set},
};

static int key_find(const char *word, size_t length)
{
    for (int key = 0; key < KEYS; key++)
        if (strlen(keys[key].name) == length && memcmp(keys[key].name, word, length) == 0)
            return key;
    return -1;
}

static int key_refuse(struct control_context *c, const char *word, size_t length)
{
    const char *meant = NULL, *closer;
    unsigned best = UINT_MAX;
    char name[VALUE_MAX];

    snprintf(name, sizeof(name), "%.*s", (int)(length < VALUE_MAX ? length : VALUE_MAX - 1), word);
    for (int key = 0; key < KEYS; key++) {
        closer = suggestion_consider(name, keys[key].name, &best);
        meant = closer ? closer : meant;
    }
    return answer_fail(
        c->answer, -EINVAL, "'%s' cannot be set%s%s%s; policy, ring, level, wait and min-level can",
        name, meant ? "; did you mean '" : "", meant ? meant : "", meant ? "'?" : "");
}

static int word_read(struct control_context *c, const char *word, struct settings *s)
{
    size_t length = strcspn(word, "=");
    int key = key_find(word, length);

    if (!word[length])
        return answer_fail(c->answer, -EINVAL, "'%s' has no value: KEY=VALUE is expected", word);
    if (key < 0)
        return key_refuse(c, word, length);
    if (s->given[key])
        return answer_fail(c->answer, -EINVAL, "'%s' is given twice", keys[key].name);
    s->given[key] = true;
    if (keys[key].parse(word + length + 1, s))
        return answer_fail(c->answer, -EINVAL, "%s=%.*s: %s is expected", keys[key].name, VALUE_MAX,
                           word + length + 1, keys[key].accepts);
    return 0;
}

static int settings_run(struct drain *drain, void *context)
{
    struct settings *s = context;

    for (int key = 0; key < KEYS; key++) {
        int err = s->given[key] ? keys[key].set(drain, s, s->in_force[key]) : 0;

        if (err) {
            s->refused = (enum key)key;
            return err;
        }
    }
    return 0;
}

int control_set(struct control_context *c)
{
    struct settings s = {0};
    int err = 0;

    for (unsigned i = 0; i < c->count && !err; i++)
        err = word_read(c, c->words[i], &s);
    if (err)
        return err;
    control_steer_who(c, s.who, sizeof(s.who));
    err = drain_call(c->drain, settings_run, &s);
    if (err == -ENOTSUP)
        return answer_fail(c->answer, -EINVAL,
                           "a session cannot change to or from policy overwrite while it runs: its "
                           "rings are laid out differently");
    if (err && err != -ESHUTDOWN)
        return answer_fail(c->answer, err, "%s could not be set: %s", keys[s.refused].name,
                           strerrordesc_np(-err));
    for (int key = 0; key < KEYS && !err; key++)
        if (s.given[key]) {
            (void)answer_add(c->answer, keys[key].name, strlen(keys[key].name) + 1);
            (void)answer_add(c->answer, s.in_force[key], strlen(s.in_force[key]) + 1);
        }
    return err;
}
