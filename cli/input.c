/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/input.h"

#include <errno.h>
#include <glob.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/glob.h"
#include "cli/message.h"
#include "cli/status.h"
#include "cli/units.h"

int input_choose(char **path, int operand_count, char **operands)
{
    glob_t found = {0};
    int status = STATUS_MISUSE;

    *path = NULL;
    if (operand_count) {
        *path = strdup(operands[0]);
        return *path ? STATUS_GOOD : message_failure(ENOMEM, "%s", operands[0]);
    }
    if (glob("*.adatrace", 0, NULL, &found) == GLOB_NOSPACE) {
        status = message_failure(ENOMEM, "looking for traces here");
    } else if (found.gl_pathc == 0) {
        message_print("which file? There is no *.adatrace in this folder");
    } else if (found.gl_pathc > 1) {
        message_print("which file? There are %zu *.adatrace in this folder: %s, %s%s",
                      found.gl_pathc, found.gl_pathv[0], found.gl_pathv[1],
                      found.gl_pathc > 2 ? ", ..." : "");
    } else {
        message_print("reading %s", found.gl_pathv[0]);
        *path = strdup(found.gl_pathv[0]);
        status = *path ? STATUS_GOOD : message_failure(ENOMEM, "%s", found.gl_pathv[0]);
    }
    globfree(&found);
    return status;
}

static void condition_warn(struct input *input)
{
    struct trace_condition condition;

    trace_condition(input->trace, &condition);
    if (condition.damaged_blocks)
        message_print("%s is damaged (%s); showing what can be read", input->path,
                      condition.message);
    else if (!condition.ended)
        message_print("%s is cut off (the recording did not end properly); showing what is there",
                      input->path);
    input->damage_told = condition.damaged_blocks;
}

void input_warn_unread(struct input *input)
{
    struct trace_condition condition;
    char records[UNITS_MAX], blocks[UNITS_MAX];

    trace_condition(input->trace, &condition);
    if (condition.damaged_blocks > input->damage_told)
        message_print("%s is damaged (%s): %s record%s in %s block%s could not be read",
                      input->path, condition.message,
                      units_count(records, condition.damaged_records),
                      condition.damaged_records == 1 ? "" : "s",
                      units_count(blocks, condition.damaged_data_blocks),
                      condition.damaged_data_blocks == 1 ? "" : "s");
    if (condition.undescribed_records)
        message_print("%s: %s record%s of events that nothing describes %s passed over",
                      input->path, units_count(records, condition.undescribed_records),
                      condition.undescribed_records == 1 ? "" : "s",
                      condition.undescribed_records == 1 ? "was" : "were");
    input->damage_told = condition.damaged_blocks;
}

int input_open(struct input *input, int operand_count, char **operands)
{
    struct trace_error error = {0};
    int status = input_choose(&input->path, operand_count, operands);

    input->trace = NULL;
    if (status)
        return status;
    if (trace_open(&input->trace, input->path, &error)) {
        const char *why = error.message[0] ? error.message : strerror(abs(error.code));
        bool named = strstr(why, input->path) != NULL;

        message_print("%s%s%s", named ? "" : input->path, named ? "" : ": ", why);
        input_close(input);
        return STATUS_FAILED;
    }
    condition_warn(input);
    return STATUS_GOOD;
}

void input_close(struct input *input)
{
    if (input->trace)
        trace_close(input->trace);
    free(input->path);
    *input = (struct input){0};
}

/* More of them than a set can hold: then all that there are. */
static unsigned processors_count(void)
{
    cpu_set_t usable;
    long all;

    if (sched_getaffinity(0, sizeof(usable), &usable) == 0)
        return (unsigned)CPU_COUNT(&usable);
    all = sysconf(_SC_NPROCESSORS_ONLN);
    return all > 0 ? (unsigned)all : 1;
}

unsigned input_jobs_set(const struct input *input, uint64_t jobs)
{
    enum { JOBS_MAX = 1024 };

    if (!jobs)
        jobs = processors_count();
    if (jobs > JOBS_MAX)
        jobs = JOBS_MAX;
    trace_jobs_set(input->trace, (unsigned)jobs);
    return (unsigned)jobs;
}

bool input_selects_all(const struct input_selection *selection)
{
    return selection->from_ns == INT64_MIN && selection->to_ns == INT64_MAX && !selection->thread &&
           !selection->events.list[0];
}

static bool any_thread_matches(const struct trace *trace, const char *wanted)
{
    const struct trace_thread *thread;
    char tid[16];

    for (size_t n = 0; (thread = trace_thread_at(trace, n)); n++) {
        snprintf(tid, sizeof(tid), "%u", thread->tid);
        if (strcmp(tid, wanted) == 0 || glob_list_match(wanted, thread->name))
            return true;
    }
    return false;
}

static bool any_event_matches(const struct trace *trace, const char *globs)
{
    for (size_t n = 0; n < trace_type_count(trace); n++)
        if (glob_list_match(globs, trace_type_at(trace, n)->full_name))
            return true;
    return false;
}

int input_filter(const struct input *input, const struct input_selection *selection,
                 struct trace_filter *filter)
{
    *filter = (struct trace_filter){
        .from_ns = selection->from_ns,
        .to_ns = selection->to_ns,
        .thread = selection->thread,
        .events = selection->events.list[0] ? selection->events.list : NULL,
    };
    if (filter->from_ns >= filter->to_ns) {
        message_print("--from has to be before --to");
        return STATUS_MISUSE;
    }
    if (filter->thread && !any_thread_matches(input->trace, filter->thread))
        message_print("no thread in %s matches '%s'; 'adatrace info' lists them", input->path,
                      filter->thread);
    if (filter->events && !any_event_matches(input->trace, filter->events))
        message_print("no event in %s matches '%s'; 'adatrace report' lists them", input->path,
                      filter->events);
    return STATUS_GOOD;
}
