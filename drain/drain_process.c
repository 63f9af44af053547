/* SPDX-License-Identifier: Apache-2.0 */
/* Which processes there are: those that attached, and those that they forked. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "drain/drain_state.h"

enum {
    STATUS_PATIENCE_NS = 100 * 1000 * 1000,
    /* Of one segment, alive at once: no more of them could have a ring. A process that makes up
     * children costs no more than that, and no more descriptors than these. */
    FORKS_MAX = SEGMENT_SLOTS_MAX,
    FORKS_WATCHED_MAX = 256
};

/* ---- begin ---- */

static void process_begin(struct drain *d, struct drain_source *s, struct drain_process *p)
{
    p->source = s;
    p->number = d->next_process++;
    p->pidfd = -1;
    p->status = p->said_status = -1;
    p->dead = drain_is_late(d);
    p->end_ticks = d->options.then.seen_ticks;
    p->next = d->processes;
    d->processes = p;
}

void process_write(struct drain *d, struct drain_process *p)
{
    const struct trace_process item = {
        .process = p->number,
        .parent = p->parent,
        .pid = p->pid,
        .start_ticks = p->start_ticks,
        .start_time = p->start_time,
        .image = p->source->image,
        .executable = p->executable ? p->executable : "",
        .command = p->command ? p->command : "",
    };

    int err = trace_writer_process(d->writer, &item);

    p->untold = err == -ENOMEM;
    drain_fail(d, err);
}

static void process_die(struct drain *d, struct drain_process *p)
{
    p->dead = true;
    p->end_ticks = drain_now(d);
    p->dead_ns = clock_monotonic_ns();
}

static void process_watch_begin(struct drain *d, struct drain_process *p, int pidfd)
{
    if (!d->options.watches_processes)
        return;
    /* Beyond that, processes_check() has to do. */
    if (pidfd < 0 && !p->is_foreign && p->source->forks <= FORKS_WATCHED_MAX)
        pidfd = process_watch_open(p->pid);
    if (pidfd == -ESRCH)
        process_die(d, p);
    if (pidfd < 0)
        return;
    if (process_watch_add(&d->watch, pidfd, p->number))
        close(pidfd);
    else
        p->pidfd = pidfd;
}

static void process_watch_end(struct drain *d, struct drain_process *p)
{
    if (p->pidfd < 0)
        return;
    process_watch_remove(&d->watch, p->pidfd);
    close(p->pidfd);
    p->pidfd = -1;
}

/* Of a fork in another pid namespace we know only what it is called there. */
static bool process_has_pid(const struct drain_process *p, uint32_t pid)
{
    return p->pid == pid && (p->is_root || !p->is_foreign);
}

/* Or has its pid come round? A fork that was gone when we met it has no start time: then a pid
 * counts as the same process, since what has not ended in the trace ended a moment ago at most. */
static bool process_is_that_of(const struct drain_process *p, const struct drain_attachment *a)
{
    return !p->start_time || !a->facts.start_time || p->start_time == a->facts.start_time;
}

/*
 * The same pid attaches again: exec has made something else of the process. Also of one that is
 * dead by now: a short program's death was seen on what it had been before, where it does not
 * belong. The image ends where its successor begins, by which readers know an exec.
 */
static void process_replace(struct drain *d, const struct drain_attachment *a)
{
    for (struct drain_process *p = d->processes; p; p = p->next) {
        if (!process_has_pid(p, a->pid) || p->ended || p->replaced)
            continue;
        if (!p->dead)
            process_die(d, p);
        if (!process_is_that_of(p, a))
            continue;
        p->replaced = true;
        p->end_ticks = a->ticks;
        process_watch_end(d, p);
    }
}

static uint32_t process_number_of(const struct drain *d, uint32_t pid)
{
    for (const struct drain_process *p = d->processes; p; p = p->next)
        if (p->pid == pid && !p->replaced)
            return p->number;
    return TRACE_PROCESS_NONE;
}

void process_add_root(struct drain *d, struct drain_source *s, struct drain_attachment *a,
                      struct drain_process *p)
{
    uint32_t parent = process_number_of(d, a->facts.parent_pid);

    if (!a->second)
        process_replace(d, a);
    process_begin(d, s, p);
    s->root = p;
    s->image = p->number;
    p->pid = a->pid;
    p->is_root = true;
    p->is_child = a->is_child || (d->child_pid && a->pid == d->child_pid);
    p->executable = a->facts.executable;
    p->command = a->facts.command;
    a->facts.executable = a->facts.command = NULL;
    p->parent = parent;
    p->start_ticks = a->ticks;
    p->start_time = a->facts.start_time;
    process_write(d, p);
    drain_tell_news(d, "process %u begins: %s", p->pid, p->command ? p->command : "");
    if (a->second)
        drain_write_note(d, TRACE_NOTE_INFO, p->number,
                         "process %u links libadatrace statically: what it emits by itself stands "
                         "in a process of its own with the same pid",
                         p->pid);
    process_watch_begin(d, p, a->pidfd);
}

/* ---- forks ---- */

static struct drain_process *process_find(struct drain *d, const struct drain_source *s,
                                          uint32_t slot_pid)
{
    for (struct drain_process *p = d->processes; p; p = p->next)
        if (p->source == s && p->slot_pid == slot_pid && (!p->dead || drain_is_late(d)))
            return p;
    return NULL;
}

static void forks_refuse(struct drain *d, struct drain_source *s)
{
    if (s->forks_refused++ == 0)
        drain_write_note(d, TRACE_NOTE_WARNING, s->root->number,
                         "process %u says that it has more than %d children at once: what more of "
                         "them do stands under its own name",
                         s->root->pid, FORKS_MAX);
}

/* A process that we have not met: forked by one that we have; the root in the place of one too
 * many. NULL: no memory. */
static struct drain_process *process_add_fork(struct drain *d, struct drain_source *s,
                                              uint32_t slot_pid, uint32_t parent_slot_pid,
                                              uint64_t ticks)
{
    struct drain_process *parent = process_find(d, s, parent_slot_pid), *p;

    if (s->forks == FORKS_MAX) {
        forks_refuse(d, s);
        return s->root;
    }
    p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    s->forks++;
    process_begin(d, s, p);
    if (!parent)
        parent = s->root;
    p->pid = p->slot_pid = slot_pid;
    p->is_foreign = s->root->is_foreign;
    /* Not from /proc: by now it may have executed something else. */
    p->executable = parent->executable ? strdup(parent->executable) : NULL;
    p->command = parent->command ? strdup(parent->command) : NULL;
    p->parent = parent->number;
    p->start_ticks = ticks;
    p->start_time = p->is_foreign || p->dead ? 0 : proc_start_time(p->pid);
    process_write(d, p);
    drain_tell_news(d, "process %u begins, forked by %u", p->pid, parent->pid);
    process_watch_begin(d, p, -1);
    return p;
}

static void root_learn(struct drain_process *root, uint32_t slot_pid)
{
    root->slot_pid = slot_pid;
    root->is_foreign = slot_pid != root->pid;
}

struct drain_process *process_of_slot(struct drain *d, struct drain_source *s,
                                      const struct registry_view *view)
{
    struct drain_process *p;

    if (!s->root->slot_pid && !view->parent_pid)
        root_learn(s->root, view->pid);
    p = process_find(d, s, view->pid);
    /* The root may be dead already while its last slots are being found. */
    if (!p && !view->parent_pid && view->pid == s->root->slot_pid)
        return s->root;
    return p ? p
             : process_add_fork(d, s, view->pid, view->parent_pid,
                                clock_ticks_of(d, view->claim_ticks));
}

bool process_has_gone(const struct drain *d, const struct drain_source *s, uint32_t slot_pid)
{
    bool is_foreign = s->root->is_foreign;

    for (const struct drain_process *p = d->processes; p; p = p->next) {
        if (p->source != s || (p->slot_pid ? p->slot_pid : p->pid) != slot_pid)
            continue;
        is_foreign = p->is_foreign;
        if (!p->dead && p->pidfd >= 0) /* then its death will be told */
            return false;
        if (is_foreign)
            return p->dead;
    }
    /* One that we have not met, or whose number may be another's by now. */
    return !is_foreign && proc_has_ended(slot_pid);
}

struct drain_process *process_of_item(struct drain *d, struct drain_source *s, uint32_t slot_pid)
{
    struct drain_process *p = process_find(d, s, slot_pid);

    return p ? p : s->root;
}

void process_told(struct drain *d, struct drain_source *s, const struct arena_item *item)
{
    struct arena_process told;

    if (item->size < sizeof(told))
        return;
    memcpy(&told, item->bytes, sizeof(told));
    if (!told.pid)
        return;
    if (!s->root->slot_pid && (!told.parent_pid || told.pid == s->root->pid))
        root_learn(s->root, told.pid);
    if (told.pid != s->root->slot_pid && !process_find(d, s, told.pid))
        (void)process_add_fork(d, s, told.pid, told.parent_pid, clock_ticks_of(d, told.ticks));
}

/* ---- end ---- */

void processes_look(struct drain *d)
{
    uint32_t keys[64];
    unsigned count = process_watch_poll(&d->watch, keys, 64);

    for (unsigned i = 0; i < count; i++)
        for (struct drain_process *p = d->processes; p; p = p->next)
            if (p->number == keys[i]) {
                process_die(d, p);
                process_watch_remove(&d->watch, p->pidfd);
            }
}

void processes_check(struct drain *d)
{
    if (!d->options.watches_processes)
        return;
    for (struct drain_process *p = d->processes; p; p = p->next)
        if (!p->dead && p->pidfd < 0 && !p->is_foreign && proc_has_ended(p->pid))
            process_die(d, p);
}

void process_is_child(struct drain *d, uint32_t pid)
{
    d->child_pid = pid;
    for (struct drain_process *p = d->processes; p; p = p->next)
        p->is_child |= p->is_root && p->pid == pid && !p->replaced;
}

void process_status(struct drain *d, uint32_t pid, int status)
{
    for (struct drain_process *p = d->processes; p; p = p->next)
        if (p->pid == pid && p->is_child && !p->replaced)
            p->status = status;
}

/* How it ended may be known a moment after that it ended: when its parent has asked. */
static bool status_is_settled(struct drain *d, struct drain_process *p)
{
    if (p->status != -1 || p->replaced)
        return true;
    if (p->is_child) /* our caller tells, by drain_child_status() */
        return d->finished;
    return p->pidfd < 0 || process_watch_status(p->pidfd, &p->status) != -EAGAIN || d->finished ||
           clock_monotonic_ns() - p->dead_ns > STATUS_PATIENCE_NS;
}

static void process_end_write(struct drain *d, struct drain_process *p)
{
    struct trace_process_end item = {.process = p->number, .end_ticks = p->end_ticks};

    /* Nobody was told: an old kernel, a parent that does not ask, or it was gone when we met it. */
    if (p->status == -1 && !p->replaced)
        p->status = p->said_status;
    item.status = p->status;
    p->ended = true;
    process_watch_end(d, p);
    if (p->is_root && !p->source->kept && source_has_come(p->source))
        d->child_came |= p->is_child;
    else if (p->is_root && !p->source->kept)
        drain_write_note(d, TRACE_NOTE_UNTRACED, p->number,
                         "process %u was given rings and never used them: it was not traced",
                         p->pid);
    if (p->exec_path && !p->replaced)
        drain_write_note(d, TRACE_NOTE_UNTRACED, p->number,
                         "process %u executed %s, which was not traced: the agent did not come up "
                         "in it",
                         p->pid, p->exec_path);
    drain_fail(d, trace_writer_process_end(d->writer, &item));
    if (d->triggers)
        triggers_exit(d, p);
    if (!p->replaced)
        drain_tell_news(d, "process %u ends", p->pid);
}

void process_free(struct drain *d, struct drain_process *p)
{
    struct drain_process **at = &d->processes;

    while (*at && *at != p)
        at = &(*at)->next;
    if (*at)
        *at = p->next;
    process_watch_end(d, p);
    p->source->forks -= !p->is_root;
    if (d->writer)
        trace_writer_process_gone(d->writer, p->number);
    stats_process_ended(d, p);
    free(p->exec_path);
    free(p->executable);
    free(p->command);
    free(p);
}

static bool somebody_ends(const struct drain *d)
{
    for (const struct drain_process *p = d->processes; p; p = p->next)
        if (p->dead && !p->ended)
            return true;
    return false;
}

void processes_end(struct drain *d)
{
    struct drain_process *next;

    /* A death that is known by now may be that of what the process has executed since; which was
     * promised rings before it could die. */
    if (!d->finished && somebody_ends(d))
        inbox_take_attachments(d);
    for (struct drain_process *p = d->processes; p; p = next) {
        next = p->next;
        if (!p->dead || p->threads)
            continue;
        if (!p->ended && status_is_settled(d, p))
            process_end_write(d, p);
        if (p->ended && !p->is_root)
            process_free(d, p);
    }
}

bool drain_child_came(struct drain *d, const char *name)
{
    if (!d->child_came)
        drain_write_note(d, TRACE_NOTE_UNTRACED, TRACE_PROCESS_NONE,
                         "%s was not traced: the agent did not come up in it", name);
    return d->child_came;
}

void processes_finish(struct drain *d)
{
    d->finished = true;
    /* Also of those that go on. */
    for (const struct drain_process *p = d->processes; p; p = p->next)
        d->child_came |= p->is_root && p->is_child && source_has_come(p->source);
    for (struct drain_process *p = d->processes; p; p = p->next)
        if (p->exec_path && !p->dead) { /* it runs on as something else */
            drain_write_note(d, TRACE_NOTE_UNTRACED, p->number,
                             "process %u executed %s, which was not traced: the agent did not come "
                             "up in it",
                             p->pid, p->exec_path);
            free(p->exec_path);
            p->exec_path = NULL;
        }
    processes_end(d);
}
