/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/session_stats.h"

#include <errno.h>
#include <string.h>

enum { PATIENCE_MS = 3000 };

int session_stats_fetch(const struct session_entry *entry, struct stats_picture *picture)
{
    struct session_answer answer;
    struct session_client client;
    int err = session_entry_open(entry, &client);

    if (err)
        return err;
    err = session_client_ask(&client, "stats", 0, NULL, PATIENCE_MS, &answer);
    if (err)
        return err;
    err =
        answer.status < 0 ? answer.status : stats_picture_view(picture, answer.body, answer.bytes);
    if (!err) {
        picture->memory = answer.body;
        answer.body = NULL;
    }
    session_answer_free(&answer);
    return err;
}

struct session_rates session_rates_of(const struct stats_session *before,
                                      const struct stats_session *now)
{
    uint64_t over_ns = now->now_ns - before->now_ns;
    double seconds = (double)over_ns / 1e9;

    if (now->now_ns <= before->now_ns)
        return (struct session_rates){0};
    return (struct session_rates){
        .written = (double)(now->counts.written - before->counts.written) / seconds,
        .bytes = (double)(now->counts.written_bytes - before->counts.written_bytes) / seconds,
        .dropped = (double)(now->counts.dropped - before->counts.dropped) / seconds,
        .stored = (double)(now->counts.stored - before->counts.stored) / seconds,
        .file_bytes = (double)(now->file_bytes - before->file_bytes) / seconds,
        .over_ns = over_ns,
    };
}

static void counts_json(struct json_writer *json, const struct stats_counts *c)
{
    json_unsigned(json, "stored", c->stored);
    json_unsigned(json, "written", c->written);
    json_unsigned(json, "written_bytes", c->written_bytes);
    json_unsigned(json, "dropped", c->dropped);
    json_unsigned(json, "dropped_bytes", c->dropped_bytes);
    json_unsigned(json, "overwritten", c->overwritten);
    json_unsigned(json, "overwritten_bytes", c->overwritten_bytes);
    json_unsigned(json, "damaged", c->damaged);
    json_unsigned(json, "nested", c->nested);
    json_unsigned(json, "high_water_bytes", c->high_water_bytes);
}

static void processes_json(struct json_writer *json, const struct stats_picture *picture)
{
    json_array_open(json, "processes");
    for (uint32_t i = 0; i < picture->session->process_count; i++) {
        const struct stats_process *p = &picture->processes[i];

        json_object_open(json, NULL);
        json_unsigned(json, "pid", p->pid);
        json_text(json, "name", p->flags & STATS_PROCESS_MANY ? NULL : p->name);
        json_flag(json, "ended", p->flags & STATS_PROCESS_ENDED);
        json_unsigned(json, "threads", p->threads_ever);
        json_unsigned(json, "live_threads", p->threads_now);
        json_unsigned(json, "without_ring", p->unringed);
        counts_json(json, &p->counts);
        json_object_close(json);
    }
    json_array_close(json);
}

static void threads_json(struct json_writer *json, const struct stats_picture *picture)
{
    json_array_open(json, "threads");
    for (uint32_t i = 0; i < picture->session->thread_count; i++) {
        const struct stats_thread *t = &picture->threads[i];

        json_object_open(json, NULL);
        json_unsigned(json, "pid", t->pid);
        json_unsigned(json, "tid", t->tid);
        json_text(json, "name", t->name);
        counts_json(json, &t->counts);
        json_unsigned(json, "fill_bytes", t->fill_bytes);
        json_unsigned(json, "room_bytes", t->room_bytes);
        json_unsigned(json, "ring_bytes", t->ring_bytes);
        json_unsigned(json, "ring_max_bytes", t->ring_max_bytes);
        json_unsigned(json, "lag_ns", t->lag_ns);
        json_object_close(json);
    }
    json_array_close(json);
}

void session_stats_json(struct json_writer *json, const struct stats_picture *picture)
{
    const struct stats_session *s = picture->session;

    json_text(json, "policy", stats_policy_text(s->policy));
    json_flag(json, "paused", s->flags & STATS_SESSION_PAUSED);
    json_signed(json, "level", s->level);
    json_signed(json, "level_wanted", s->level_wanted);
    json_unsigned(json, "lag_ns", s->lag_ns);
    json_unsigned(json, "rounds", s->rounds);
    json_unsigned(json, "sleeps", s->sleeps);
    counts_json(json, &s->counts);
    json_unsigned(json, "lost", s->lost);
    json_signed(json, "error", s->error);
    json_unsigned(json, "errors", s->errors);
    json_unsigned(json, "file_bytes", s->file_bytes);
    json_unsigned(json, "files", s->files);
    json_unsigned(json, "blocks", s->blocks);
    json_unsigned(json, "raw_bytes", s->raw_bytes);
    json_number(json, "compression_ratio",
                s->file_bytes ? (double)s->raw_bytes / (double)s->file_bytes : 0);
    json_unsigned(json, "ring_bytes", s->ring_bytes);
    json_unsigned(json, "ring_max_bytes", s->ring_max_bytes);
    json_unsigned(json, "room_granted_bytes", s->room_granted_bytes);
    json_unsigned(json, "room_budget_bytes", s->room_budget_bytes);
    json_unsigned(json, "processes_ever", s->processes_ever);
    json_unsigned(json, "threads_ever", s->threads_ever);
    processes_json(json, picture);
    threads_json(json, picture);
}
