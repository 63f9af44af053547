/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/recover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic.h"
#include "drain/drain.h"
#include "drain/file_users.h"
#include "drain/machine.h"
#include "drain/session_writer.h"
#include "drain/symbolize.h"
#include "registry/arena.h"
#include "registry/registry.h"

/* How long after its drain's last second a segment may have been filled, if nobody can tell. */
#define LATEST_TICKS (UINT64_C(1) << 41)

struct recovery {
    struct segment segment;
    struct drain *drain;
    struct segment_time begun, seen;
    uint32_t pid;
    char *executable, *command;
    char boot_id[40];
    const struct recover_known *known;
    struct recover_figures *figures;
    char *why;
};

static int fail(const struct recovery *r, int err, const char *text)
{
    if (!*r->why)
        snprintf(r->why, RECOVER_WHY_BYTES, "%s", text);
    return err;
}

/* ---- opening ---- */

bool recover_is_segment(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    uint64_t magic = 0;
    bool is;

    if (fd < 0)
        return false;
    is = pread(fd, &magic, sizeof(magic), 0) == sizeof(magic) && magic == SEGMENT_MAGIC;
    close(fd);
    return is;
}

static int segment_open(struct recovery *r, const char *path, bool in_use)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), err;
    uint32_t user;

    if (fd < 0)
        return fail(r, -errno, strerrordesc_np(errno));
    user = in_use ? 0 : file_user_find(fd);
    if (user) {
        snprintf(r->why, RECOVER_WHY_BYTES,
                 "process %u still uses it; end that first, or take what is there by --in-use",
                 user);
        close(fd);
        return -EBUSY;
    }
    err = segment_map_copy(&r->segment, fd);
    close(fd);
    if (err == -EPROTONOSUPPORT)
        return fail(r, err, "it was made by another version of adatrace: use that one's recover");
    return err ? fail(r, err,
                      err == -EBADMSG ? "it is damaged: its header does not add up"
                                      : strerrordesc_np(-err))
               : 0;
}

static bool time_is_sound(const struct segment_time *begun, const struct segment_time *seen)
{
    return begun->ticks && seen->ticks >= begun->ticks && seen->monotonic_ns >= begun->monotonic_ns;
}

static int times_read(struct recovery *r)
{
    const struct segment_shared *h = r->segment.shared;
    static const uint8_t unknown[16];
    uint8_t boot_id[16];

    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): errno is not 0 when a call has failed */
    r->begun = h->begun;
    r->seen = h->seen[h->seconds & 1];
    if (!time_is_sound(&r->begun, &r->seen))
        r->seen = r->begun;
    machine_boot_id_print(r->boot_id, h->boot_id);
    machine_boot_id(boot_id);
    r->figures->other_boot = memcmp(boot_id, h->boot_id, sizeof(boot_id)) != 0;
    r->figures->unknown_boot = memcmp(boot_id, unknown, sizeof(boot_id)) == 0;
    return r->begun.ticks ? 0 : fail(r, -ENODATA, "no session has ever drained it");
}

/* ---- whose it was ---- */

static int process_told(struct recovery *r, const struct arena_item *item)
{
    struct arena_process told;
    const char *text = (const char *)item->bytes + sizeof(told);
    size_t left = item->size, length;

    if (left < sizeof(told))
        return 0;
    memcpy(&told, item->bytes, sizeof(told));
    left -= sizeof(told);
    length = strnlen(text, left);
    if (told.parent_pid || r->executable || length == left)
        return 0;
    r->pid = told.pid;
    r->executable = strndup(text, length);
    r->command = strndup(text + length + 1, left - length - 1);
    return r->executable && r->command ? 0 : -ENOMEM;
}

static int owner_find(struct recovery *r)
{
    struct arena_item *item = malloc(sizeof(*item));
    struct arena_reader reader = {0};
    struct registry_view view;
    int err = item ? 0 : -ENOMEM;

    while (!err && arena_next(&r->segment, &reader, item) > 0)
        if (item->kind == ARENA_PROCESS)
            err = process_told(r, item);
    free(item);
    for (uint32_t n = 0, bound = registry_bound(&r->segment); n < bound && !r->pid; n++)
        if (registry_look(&r->segment, n, &view) && !view.parent_pid)
            r->pid = view.pid;
    return err;
}

/* ---- draining ---- */

static uint64_t stored_already(void *context, uint32_t pid, uint32_t tid, uint64_t start_ticks,
                               uint64_t taken)
{
    struct recovery *r = context;
    uint64_t in_file = UINT64_MAX;

    if (r->known)
        in_file = r->known->records_of(r->known->context, r->begun.ticks, pid, tid, start_ticks);
    if (in_file == UINT64_MAX) {
        r->figures->taken += taken;
        return 0;
    }
    r->figures->is_known = true;
    if (in_file < taken) {
        r->figures->vanished += taken - in_file;
        return 0;
    }
    r->figures->skipped += in_file - taken;
    return in_file - taken;
}

static struct trace_clock_pair pair_of(const struct segment_time *time)
{
    return (struct trace_clock_pair){
        .ticks = time->ticks, .monotonic_ns = time->monotonic_ns, .realtime_ns = time->realtime_ns};
}

static int drain_begin(struct recovery *r, int fd)
{
    const struct segment_geometry *g = &r->segment.geometry;
    enum clock_source clock = (enum clock_source)g->clock;
    bool is_now = !r->figures->other_boot && clock == clock_source_choose(clock);
    const struct session_writer_options writer_options = {.clock = clock,
                                                          .policy = g->policy,
                                                          .level = 1,
                                                          .command = r->command,
                                                          .boot_id = r->boot_id};
    const struct drain_options options = {
        .clock = clock,
        .then = {.begun_ticks = r->begun.ticks,
                 .seen_ticks = r->seen.ticks,
                 .last_ticks = is_now ? clock_source_ticks(clock) : r->seen.ticks + LATEST_TICKS,
                 .stored_already = stored_already},
        .level = 1,
        .policy = g->policy,
        .context = r,
    };
    struct trace_clock_pair begun = pair_of(&r->begun), seen = pair_of(&r->seen);
    struct trace_writer *writer;
    int err = session_writer_open(&writer, fd, &writer_options);

    if (err)
        return err;
    err = trace_writer_clock(writer, &begun);
    if (!err && seen.ticks > begun.ticks)
        err = trace_writer_clock(writer, &seen);
    if (err) {
        (void)!trace_writer_close(writer);
        return err;
    }
    return drain_create(&r->drain, writer, &options);
}

static int segment_drain(struct recovery *r)
{
    struct drain_attachment a = {.segment = r->segment,
                                 .kept = true,
                                 .pid = r->pid,
                                 .pidfd = -1,
                                 .ticks = r->begun.ticks,
                                 .facts = {.executable = r->executable, .command = r->command}};
    struct symbolize_figures symbols;
    int err;

    r->executable = r->command = NULL;
    err = drain_attach(r->drain, &a);
    if (err) {
        proc_facts_free(&a.facts);
        return err;
    }
    drain_note(r->drain, TRACE_NOTE_INFO,
               "recovered from the segment of a session that did not end properly: what was in its "
               "rings, behind all that its own trace may have");
    drain_finish(r->drain);
    err = symbolize(r->drain, &symbols);
    return err;
}

int recover_segment(const char *path, bool in_use, int fd, const struct recover_known *known,
                    struct recover_figures *figures, char *why)
{
    struct recovery r = {.known = known, .figures = figures, .why = why, .segment.fd = -1};
    int err, closed;

    *figures = (struct recover_figures){0};
    *why = 0;
    err = segment_open(&r, path, in_use);
    if (!err)
        err = times_read(&r);
    if (!err)
        err = owner_find(&r);
    if (err) {
        close(fd);
    } else {
        figures->unringed = load_relaxed(&r.segment.shared->unringed); /* relaxed: figures */
        figures->untold = load_relaxed(&r.segment.arena->lost);
        err = drain_begin(&r, fd);
        if (!err)
            err = segment_drain(&r);
    }
    if (r.drain) {
        closed = drain_close(r.drain);
        err = err ? err : closed;
        drain_destroy(r.drain);
    }
    segment_destroy(&r.segment);
    free(r.executable);
    free(r.command);
    return err ? fail(&r, err, strerrordesc_np(-err)) : 0;
}
