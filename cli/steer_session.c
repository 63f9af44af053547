/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/steer_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/json_writer.h"
#include "cli/message.h"
#include "cli/status.h"

int steer_ask(const char *wanted, const char *verb, unsigned count, char **words,
              struct steer_reply *reply)
{
    return session_ask(wanted, verb, count, (const char *const *)words, &reply->answer,
                       &reply->entry);
}

void steer_reply_free(struct steer_reply *reply)
{
    session_answer_free(&reply->answer);
    session_entry_free(&reply->entry);
}

bool steer_pair(const struct steer_reply *reply, unsigned n, const char **name, const char **value)
{
    const char *at = reply->answer.body, *end = at + reply->answer.bytes;

    /* A NUL stands behind the body, whatever it holds. */
    for (; at < end; n--) {
        *name = at;
        at += strlen(at) + 1;
        if (at >= end)
            return false;
        *value = at;
        at += strlen(at) + 1;
        if (!n)
            return true;
    }
    return false;
}

long long steer_number(const struct steer_reply *reply, const char *wanted)
{
    const char *name, *value;

    for (unsigned n = 0; steer_pair(reply, n, &name, &value); n++)
        if (strcmp(name, wanted) == 0)
            return strtoll(value, NULL, 10);
    return 0;
}

static bool is_number(const char *text)
{
    text += *text == '-';
    return *text && !text[strspn(text, "0123456789")];
}

int steer_print_json(const struct steer_reply *reply)
{
    struct json_writer json = {0};
    const char *name, *value;
    struct out_buffer out;
    int err = out_open_stdout(&out);

    if (err)
        return message_failure(err, "the answer cannot be printed");
    json.out = &out;
    json_object_open(&json, NULL);
    json_text(&json, "session", session_entry_name(&reply->entry));
    json_unsigned(&json, "pid", reply->entry.pid);
    for (unsigned n = 0; steer_pair(reply, n, &name, &value); n++)
        if (is_number(value))
            json_signed(&json, name, strtoll(value, NULL, 10));
        else
            json_text(&json, name, value);
    json_object_close(&json);
    out_put_char(&out, '\n');
    err = out_close(&out);
    return err ? message_failure(err, "the output cannot be written") : STATUS_GOOD;
}

int steer_simply(const struct steer_settings *settings, int count, char **operands,
                 const char *verb, const char *done, const char *already)
{
    struct steer_reply reply;
    int status = steer_ask(count ? operands[0] : NULL, verb, 0, NULL, &reply);

    if (status)
        return status;
    if (settings->format == 1)
        status = steer_print_json(&reply);
    else
        printf("%s: %s\n", session_entry_name(&reply.entry),
               steer_number(&reply, "changed") ? done : already);
    steer_reply_free(&reply);
    return status;
}

/* ---- enable, disable ---- */

/* Events are named PROVIDER:EVENT, and patterns over them have one of these; sessions are named by
 * a process id or a name. */
static bool is_pattern(const char *word)
{
    return word[strcspn(word, ":*?[!")] != 0;
}

static void events_print(const struct steer_reply *reply, bool on)
{
    long long matching = steer_number(reply, "matching"), changed = steer_number(reply, "changed");
    const char *session = session_entry_name(&reply->entry);

    if (!matching)
        printf("%s: no event type matches yet; one that comes will be %s\n", session,
               on ? "on" : "off");
    else
        printf("%s: %lld event type%s match%s, %lld changed\n", session, matching,
               matching == 1 ? "" : "s", matching == 1 ? "es" : "", changed);
}

int steer_events_command(const struct steer_settings *settings, int count, char **operands, bool on)
{
    bool named = !is_pattern(operands[0]);
    struct steer_reply reply;
    int status;

    if (named && count == 1) {
        message_print("'%s' is no pattern of events such as 'sql:*', and as a session's name it "
                      "needs one behind it",
                      operands[0]);
        return STATUS_MISUSE;
    }
    status = steer_ask(named ? operands[0] : NULL, on ? "enable" : "disable",
                       (unsigned)(count - named), operands + named, &reply);
    if (status)
        return status;
    if (settings->format == 1)
        status = steer_print_json(&reply);
    else
        events_print(&reply, on);
    steer_reply_free(&reply);
    return status;
}
