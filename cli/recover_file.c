/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/recover_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/copy_say.h"
#include "cli/message.h"
#include "cli/status.h"
#include "drain/file_names.h"
#include "format/trace_copy.h"

static void output_name(const char *path, const struct recover_wish *wish, char *out, size_t size)
{
    if (wish->output)
        snprintf(out, size, "%s", wish->output);
    else
        file_name_derived(out, size, path, "recovered");
}

static void failed(struct recover_result *r, const char *why)
{
    r->state = RECOVER_FAILED;
    snprintf(r->why, sizeof(r->why), "%s", why);
    message_print("%s: %s", r->path, why);
}

/* ---- what the result holds ---- */

static void span_read(const struct trace *t, struct recover_result *r)
{
    struct trace_block_info block;
    uint64_t first = UINT64_MAX, last = 0;

    for (size_t n = 0; trace_block_info(t, n, &block); n++) {
        if (!block.is_data)
            continue;
        first = block.first_ticks < first ? block.first_ticks : first;
        last = block.last_ticks > last ? block.last_ticks : last;
    }
    if (first <= last) {
        r->from_ns = trace_ns(t, first);
        r->to_ns = trace_ns(t, last);
    }
}

/* A pipe or a device cannot be read back: nothing is counted then. */
static int result_read(struct recover_result *r, const struct new_file *file,
                       struct trace_error *error)
{
    const struct trace_thread *thread;
    struct trace_condition condition;
    struct trace *t;
    char path[64];
    int status;

    if (!file->is_new)
        return 0;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file->fd);
    status = trace_open(&t, path, error);
    if (status)
        return status;
    trace_condition(t, &condition);
    r->events = condition.records;
    while (trace_process_at(t, r->processes))
        r->processes++;
    for (; (thread = trace_thread_at(t, r->threads)); r->threads++) {
        const struct trace_ledger *ledger = trace_ledger_of(t, thread->thread);

        r->dropped += ledger ? ledger->dropped : 0;
        r->overwritten += ledger ? ledger->overwritten : 0;
    }
    span_read(t, r);
    trace_close(t);
    return 0;
}

static void result_keep(struct recover_result *r, struct new_file *file)
{
    r->state = RECOVER_SAVED;
    if (new_file_keep(file) == 0)
        return;
    r->state = RECOVER_FAILED;
    snprintf(r->why, sizeof(r->why), "%.400s cannot be written", r->output);
}

/* Files of one name in several folders have one name for what is saved of them. */
static const char *saved_before(const struct recover_result *r, const struct recover_wish *wish)
{
    char other[PATH_MAX];

    for (int i = 0; i < wish->path_count; i++) {
        if (!wish->saved[i])
            continue;
        output_name(wish->paths[i], wish, other, sizeof(other));
        if (strcmp(other, r->output) == 0)
            return wish->paths[i];
    }
    return NULL;
}

static int result_open(struct recover_result *r, const struct recover_wish *wish,
                       struct new_file *file)
{
    const char *other = saved_before(r, wish);
    char why[sizeof(r->why)];
    int fd;

    if (other) {
        snprintf(why, sizeof(why), "%.200s is what was just saved of %.200s: -o FILE names another",
                 r->output, other);
        failed(r, why);
        return -EEXIST;
    }
    fd = new_file_open(file, r->output, wish->force);
    if (fd >= 0)
        return fd;
    r->state = RECOVER_FAILED;
    snprintf(r->why, sizeof(r->why), "%.400s cannot be written: %s", r->output, strerror(-fd));
    return fd;
}

/* ---- traces ---- */

static void loss_read(struct trace *t, struct recover_result *r)
{
    struct trace_condition condition;
    struct trace_block_info block;
    const struct trace_thread *thread;
    uint64_t whole = 0;

    trace_condition(t, &condition);
    r->damaged_blocks = condition.damaged_blocks;
    for (size_t n = 0; trace_block_info(t, n, &block); n++)
        whole += block.is_damaged ? 0 : block.bytes;
    r->bytes_left_out = condition.file_bytes > whole ? condition.file_bytes - whole : 0;
    for (size_t n = 0; (thread = trace_thread_at(t, n)); n++) {
        const struct trace_ledger *ledger = trace_ledger_of(t, thread->thread);

        r->open_threads += !ledger || !ledger->final;
    }
}

/* Losses that it tells of are no reason to write it anew; every block is looked at. */
static bool is_whole(struct trace *t, const char *path)
{
    struct trace_condition condition;

    trace_condition(t, &condition);
    return condition.ended && condition.indexed && trace_verify(path, NULL, NULL) != STATUS_FAILED;
}

static void trace_finish(struct trace *t, const struct recover_wish *wish, struct recover_result *r)
{
    const struct trace_cut all = {
        .filter = {.from_ns = INT64_MIN, .to_ns = INT64_MAX}, .origin = r->path, .recovers = true};
    struct trace_copy_figures figures;
    struct copy_progress progress;
    struct trace_error error;
    struct new_file file;
    int fd = result_open(r, wish, &file), status;

    if (fd < 0)
        return;
    copy_progress_start(&progress);
    status = trace_cut(t, &all, fd, &progress.watch, &figures, &error);
    copy_progress_end(&progress);
    loss_read(t, r);
    if (figures.blocks_damaged > r->damaged_blocks)
        r->damaged_blocks = figures.blocks_damaged;
    if (status == 0)
        status = result_read(r, &file, &error);
    if (status) {
        new_file_discard(&file);
        failed(r, error.message);
    } else {
        result_keep(r, &file);
    }
}

static void trace_recover(const struct recover_wish *wish, struct recover_result *r)
{
    struct trace_error error = {0};
    struct trace *t;

    if (trace_open(&t, r->path, &error)) {
        failed(r, error.message[0] ? error.message : strerror(abs(error.code)));
        return;
    }
    if (is_whole(t, r->path))
        r->state = RECOVER_WHOLE;
    else
        trace_finish(t, wish, r);
    trace_close(t);
}

/* ---- segments ---- */

/* The traces among the files, to find those that know the segment's threads. */
struct known_traces {
    const struct recover_wish *wish;
    struct trace **traces;
};

static uint64_t records_in(const struct trace *t, uint32_t thread)
{
    struct trace_block_info block;
    uint64_t records = 0;

    for (size_t n = 0; trace_block_info(t, n, &block); n++)
        if (block.is_data && !block.is_damaged && block.thread == thread)
            records += block.records;
    return records;
}

/* Files of one session begin with the same pair; those that it rotated to do not. */
static bool is_of_session(const struct trace *t, uint64_t session_ticks)
{
    const struct trace_clock_pair *first = t ? trace_clock_pair_at(t, 0) : NULL;

    return first && first->ticks == session_ticks;
}

static uint64_t records_of(void *context, uint64_t session_ticks, uint32_t pid, uint32_t tid,
                           uint64_t start_ticks)
{
    const struct known_traces *known = context;
    uint64_t records = UINT64_MAX;

    for (int i = 0; i < known->wish->path_count; i++) {
        const struct trace *t = known->traces[i];
        const struct trace_thread *thread;

        if (!is_of_session(t, session_ticks))
            continue;
        if (records == UINT64_MAX)
            records = 0;
        for (size_t n = 0; (thread = trace_thread_at(t, n)); n++) {
            const struct trace_process *p = trace_process_by_number(t, thread->process);

            if (thread->tid == tid && p && p->pid == pid && thread->start_ticks == start_ticks)
                records += records_in(t, thread->thread);
        }
    }
    return records;
}

/* It holds nothing that could be in the rings, too. */
static bool is_no_trace(const struct trace_error *error)
{
    switch (-error->code) {
    case ENOENT:
    case EISDIR:
    case ESPIPE:
    case ENODATA:
    case EBADMSG:
    case EPROTONOSUPPORT:
        return true;
    default: /* it may well hold something: what both have would be there twice */
        return false;
    }
}

static int known_open(struct known_traces *known, const struct recover_wish *wish,
                      struct trace_error *error)
{
    *known =
        (struct known_traces){wish, calloc((size_t)wish->path_count + 1, sizeof(struct trace *))};
    if (!known->traces) {
        *error = (struct trace_error){.code = -ENOMEM, .message = "out of memory"};
        return error->code;
    }
    for (int i = 0; i < wish->path_count; i++) {
        if (!recover_is_segment(wish->paths[i]) &&
            trace_open(&known->traces[i], wish->paths[i], error)) {
            known->traces[i] = NULL;
            if (!is_no_trace(error))
                return error->code;
        }
    }
    return 0;
}

static void known_close(struct known_traces *known)
{
    for (int i = 0; known->traces && i < known->wish->path_count; i++)
        trace_close(known->traces[i]);
    free(known->traces);
}

static bool is_nothing(const struct recover_result *r, const struct new_file *file)
{
    return file->is_new && !r->events && !r->dropped && !r->overwritten;
}

static void segment_recover(const struct recover_wish *wish, struct recover_result *r)
{
    struct known_traces traces;
    const struct recover_known known = {records_of, &traces};
    struct trace_error error = {0};
    char why[RECOVER_WHY_BYTES];
    struct new_file file;
    int fd, status = known_open(&traces, wish, &error);

    if (status) {
        known_close(&traces);
        failed(r, error.message);
        return;
    }
    fd = result_open(r, wish, &file);
    if (fd < 0) {
        known_close(&traces);
        return;
    }
    status = recover_segment(r->path, wish->in_use, fd, &known, &r->segment, why);
    known_close(&traces);
    if (status == 0) {
        status = result_read(r, &file, &error);
        snprintf(why, sizeof(why), "%.255s", error.message);
    }
    if (status) {
        new_file_discard(&file);
        failed(r, why);
    } else if (is_nothing(r, &file)) {
        r->state = RECOVER_NOTHING;
        new_file_discard(&file);
    } else {
        result_keep(r, &file);
    }
}

void recover_file(const char *path, const struct recover_wish *wish, struct recover_result *r)
{
    *r = (struct recover_result){.path = path};
    output_name(path, wish, r->output, sizeof(r->output));
    r->kind = recover_is_segment(path) ? RECOVER_SEGMENT : RECOVER_TRACE;
    if (r->kind == RECOVER_SEGMENT)
        segment_recover(wish, r);
    else
        trace_recover(wish, r);
}
