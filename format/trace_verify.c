/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/count_text.h"
#include "format/trace_state.h"

enum { GOOD = 0, WORSE = 1, LOSSY = 3 }; /* exit statuses */

/* What the data blocks of one thread add up to. */
struct thread_sum {
    uint64_t records, last_ticks;
    uint64_t gap_dropped, gap_overwritten;
    uint64_t front_dropped, front_overwritten; /* of these: before its first record */
};

struct verification {
    struct trace trace;
    void (*say)(void *context, const struct trace_finding *finding);
    void *context;
    enum trace_severity worst; /* 0: nothing was found */
    struct thread_sum *sums;   /* by place of the thread */
    struct decoded_block decoded;
    uint64_t sequence_next;
    bool after_damage; /* the next sequence number may be any */
    size_t index_next; /* block that the next index entry has to tell of */
    int loss_error;    /* what the recorder met, as the end tells */
};

static void finding_say(struct verification *v, const struct trace_finding *finding)
{
    if (finding->severity > v->worst)
        v->worst = finding->severity;
    if (v->say)
        v->say(v->context, finding);
}

__attribute__((format(printf, 4, 5))) static void finding(struct verification *v,
                                                          enum trace_severity severity,
                                                          uint64_t offset, const char *format, ...)
{
    char text[256];
    const struct trace_finding it = {.severity = severity, .offset = offset, .text = text};
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    finding_say(v, &it);
}

/* About a thread: `it` has the rest. */
__attribute__((format(printf, 4, 5))) static void thread_finding(struct verification *v,
                                                                 const struct thread_row *row,
                                                                 struct trace_finding it,
                                                                 const char *format, ...)
{
    char text[256];
    int size = snprintf(text, sizeof(text), "%s/%u: ", row->thread.name, row->thread.tid);
    va_list arguments;

    if (size < 0 || (size_t)size >= sizeof(text))
        size = 0;
    va_start(arguments, format);
    vsnprintf(text + size, sizeof(text) - (size_t)size, format, arguments);
    va_end(arguments);
    it.process = trace_process_by_number(&v->trace, row->thread.process);
    it.thread = &row->thread;
    it.text = text;
    finding_say(v, &it);
}

/* What a thread has lost. */
static const struct trace_finding loss = {.severity = TRACE_SEVERITY_LOSS, .offset = TRACE_NOWHERE};
static const struct trace_finding untrue_loss = {
    .severity = TRACE_SEVERITY_LOSS, .offset = TRACE_NOWHERE, .is_untrue = true};
/* What cannot be of it. */
static const struct trace_finding contradiction = {.severity = TRACE_SEVERITY_DAMAGE,
                                                   .offset = TRACE_NOWHERE};

static void damage_forward(void *context, uint64_t offset, const char *text)
{
    finding(context, TRACE_SEVERITY_DAMAGE, offset, "%s", text);
}

/* ---- block by block ---- */

static void sequence_check(struct verification *v, const struct index_entry *entry,
                           const struct block_header *header)
{
    if (header->sequence != v->sequence_next && !v->after_damage)
        finding(v, TRACE_SEVERITY_DAMAGE, entry->offset,
                "block %llu stands where block %llu should", (unsigned long long)header->sequence,
                (unsigned long long)v->sequence_next);
    v->sequence_next = header->sequence + 1;
    v->after_damage = false;
}

static void gaps_sum(struct thread_sum *sum, const struct trace_block *block)
{
    bool is_front = sum->records == block->records;

    for (uint32_t i = 0; i < block->gap_count; i++) {
        if (block->gaps[i].kind == TRACE_GAP_DROPPED) {
            sum->gap_dropped += block->gaps[i].records;
            if (is_front && block->gap_position[i] == 0)
                sum->front_dropped += block->gaps[i].records;
        } else if (block->gaps[i].kind == TRACE_GAP_OVERWRITTEN) {
            sum->gap_overwritten += block->gaps[i].records;
            if (is_front && block->gap_position[i] == 0)
                sum->front_overwritten += block->gaps[i].records;
        }
    }
}

static int data_check(struct verification *v, size_t place)
{
    static const struct block_wish everything = {.to_ticks = UINT64_MAX};
    const struct index_entry *entry = &v->trace.blocks.entries[place];
    size_t thread = trace_thread_place(&v->trace, entry->thread);
    const struct thread_row *threads = v->trace.threads.rows;
    struct thread_sum *sum = &v->sums[thread];
    uint64_t undescribed = v->trace.condition.undescribed_records;
    char count[COUNT_TEXT_MAX];
    int status = trace_block_load(&v->trace, place, &everything, &v->decoded);

    if (status != 0)
        return status;
    if (entry->first_ticks < sum->last_ticks)
        thread_finding(
            v, &threads[thread],
            (struct trace_finding){.severity = TRACE_SEVERITY_DAMAGE, .offset = entry->offset},
            "goes back in time in this block");
    sum->last_ticks = entry->last_ticks;
    sum->records += entry->records;
    gaps_sum(sum, &v->decoded.block);
    undescribed = v->trace.condition.undescribed_records - undescribed;
    if (undescribed)
        finding(v, TRACE_SEVERITY_DAMAGE, entry->offset,
                "%s records are of event types that are not described",
                count_text(count, undescribed));
    return 0;
}

static void index_check(struct verification *v, const struct index_entry *at)
{
    const struct trace *t = &v->trace;
    const unsigned char *bytes = t->loader.content.bytes;
    size_t count = t->loader.content.size / BLOCK_INDEX_BYTES;
    bool same = t->loader.content.size % BLOCK_INDEX_BYTES == 0 && count == at->records;

    for (size_t i = 0; i < count && same; i++, bytes += BLOCK_INDEX_BYTES) {
        unsigned char walked[BLOCK_INDEX_BYTES];

        same = v->index_next < t->blocks.count;
        if (!same)
            break;
        index_entry_encode(&t->blocks.entries[v->index_next++], walked);
        same = memcmp(walked, bytes, BLOCK_INDEX_BYTES) == 0;
    }
    if (!same && t->condition.damaged_blocks == 0)
        finding(v, TRACE_SEVERITY_DAMAGE, at->offset, "the index does not agree with the blocks");
}

/* Untrusted: any number. */
static const char *loss_reason(int error)
{
    const char *reason = error ? strerrordesc_np(error) : NULL;

    return reason ? reason : "nobody has told why";
}

static void end_check(struct verification *v, const struct index_entry *at, size_t place)
{
    struct trace *t = &v->trace;
    uint64_t records = 0, data_blocks = 0;
    char count[COUNT_TEXT_MAX];
    struct trace_end end;

    if (t->loader.content.size != BLOCK_END_BYTES) {
        finding(v, TRACE_SEVERITY_DAMAGE, at->offset, "the end block has a wrong size");
        return;
    }
    trace_end_decode(t->loader.content.bytes, &end);
    for (size_t i = 0; i < t->blocks.count; i++) {
        if (index_entry_is(&t->blocks.entries[i], BLOCK_DATA)) {
            data_blocks++;
            records += t->blocks.entries[i].records;
        }
    }
    v->loss_error = end.error;
    if (end.lost_records)
        finding(v, TRACE_SEVERITY_LOSS, at->offset, "%s records could not be written: %s",
                count_text(count, end.lost_records), loss_reason(end.error));
    if (place + 1 != t->blocks.count)
        finding(v, TRACE_SEVERITY_DAMAGE, at->offset, "blocks follow after the end block");
    else if (t->condition.damaged_blocks == 0 &&
             (end.records != records || end.data_blocks != data_blocks))
        finding(v, TRACE_SEVERITY_DAMAGE, at->offset,
                "the end block does not agree with the blocks");
}

static int block_check(struct verification *v, size_t place)
{
    struct index_entry *entry = &v->trace.blocks.entries[place];
    struct block_header header;
    int status = trace_block_read(&v->trace, place, &header);

    if (status != 0)
        return status;
    sequence_check(v, entry, &header);
    if (place == 0 && entry->kind != BLOCK_START && entry->offset == 0)
        finding(v, TRACE_SEVERITY_DAMAGE, entry->offset,
                "the file does not begin with a start block");
    if (index_entry_is(entry, BLOCK_DATA))
        return data_check(v, place);
    if (index_entry_is(entry, BLOCK_INDEX))
        index_check(v, entry);
    else if (index_entry_is(entry, BLOCK_END))
        end_check(v, entry, place);
    else if (entry->flags || entry->kind < BLOCK_START || entry->kind > BLOCK_END)
        finding(v, TRACE_SEVERITY_LOSS, entry->offset,
                "a block of a kind that this version does not know is passed over");
    return 0;
}

/* ---- the whole ---- */

/* A flight recorder is there to let go of what is old, and of what was missing in it. */
static bool is_flight(const struct verification *v)
{
    const char *policy = v->trace.about.policy;

    return policy && strncmp(policy, "flight", 6) == 0;
}

static void thread_check(struct verification *v, const struct thread_row *row,
                         const struct thread_sum *sum)
{
    const struct trace_ledger *ledger = &row->ledger;
    const struct trace_condition *c = &v->trace.condition;
    bool whole = c->ended && c->damaged_blocks == 0;
    uint64_t kept = ledger->stored + ledger->overwritten + ledger->damaged;
    uint64_t let_go = is_flight(v) ? sum->front_overwritten : 0;
    uint64_t let_go_dropped = is_flight(v) ? sum->front_dropped : 0;
    char counts[3][COUNT_TEXT_MAX];

    if (!row->has_ledger) {
        if (whole && sum->records)
            thread_finding(v, row, loss, "has no ledger: losses are not known");
        return;
    }
    if (ledger->dropped > let_go_dropped || ledger->overwritten > let_go || ledger->damaged)
        thread_finding(v, row, loss, "%s records dropped, %s overwritten, %s damaged",
                       count_text(counts[0], ledger->dropped),
                       count_text(counts[1], ledger->overwritten),
                       count_text(counts[2], ledger->damaged));
    /* What is told of a thread last, in a file that has an end, is as exact as what is told when
     * the thread ends: the session may go on in another file. */
    if (whole && (ledger->final || !v->loss_error) && !is_flight(v) && ledger->written > kept)
        thread_finding(v, row, loss, "%s records were taken from its ring and not stored",
                       count_text(counts[0], ledger->written - kept));
    if (whole && v->loss_error && ledger->stored < sum->records) {
        thread_finding(v, row, loss,
                       "its last ledger is missing: of %s records here it tells of %s",
                       count_text(counts[0], sum->records), count_text(counts[1], ledger->stored));
        return;
    }
    /* Both are the recorder's own. */
    if (whole && ledger->stored != sum->records)
        thread_finding(v, row, contradiction,
                       "the ledger speaks of %s stored records, the file has %s",
                       count_text(counts[0], ledger->stored), count_text(counts[1], sum->records));
    /* Gaps and what they are compared with are what the thread itself counted. */
    if (whole && (sum->gap_dropped > ledger->dropped || sum->gap_overwritten > ledger->overwritten))
        thread_finding(v, row, untrue_loss, "gaps tell of more losses than the ledger");
}

/* What the recorder found out about a process's counters while it could look at them. */
static void notes_check(struct verification *v)
{
    const struct trace_note *note;

    for (size_t n = 0; (note = trace_note_at(&v->trace, n)); n++)
        if (note->kind == TRACE_NOTE_UNTRUE)
            finding_say(v, &(struct trace_finding){
                               .severity = TRACE_SEVERITY_LOSS,
                               .offset = TRACE_NOWHERE,
                               .process = trace_process_by_number(&v->trace, note->process),
                               .is_untrue = true,
                               .text = note->text,
                           });
}

static int blocks_check(struct verification *v)
{
    const struct trace_condition *c = &v->trace.condition;
    const struct thread_row *threads = v->trace.threads.rows;

    v->sums = calloc(v->trace.threads.count + 1, sizeof(*v->sums));
    if (!v->sums)
        return -ENOMEM;
    v->after_damage = v->trace.blocks.count && v->trace.blocks.entries[0].offset != 0;
    for (size_t i = 0; i < v->trace.blocks.count; i++) {
        int status = block_check(v, i);

        if (status != 0 && status != -EBADMSG)
            return status;
        v->after_damage |=
            status != 0 || (i + 1 < v->trace.blocks.count &&
                            v->trace.blocks.entries[i + 1].offset !=
                                v->trace.blocks.entries[i].offset + BLOCK_HEADER_BYTES +
                                    v->trace.blocks.entries[i].frame_bytes);
    }
    for (size_t i = 0; i < v->trace.threads.count; i++) {
        if (v->sums[i].records && threads[i].thread.process == TRACE_PROCESS_NONE)
            finding(v, TRACE_SEVERITY_DAMAGE, TRACE_NOWHERE, "thread %u is not described",
                    threads[i].thread.thread);
        thread_check(v, &threads[i], &v->sums[i]);
    }
    notes_check(v);
    if (!c->ended)
        finding(v, TRACE_SEVERITY_LOSS, c->damage_offset,
                "the recording was not closed: the file ends without an end block");
    return 0;
}

/* What is damaged without being found again in the list was met where a block should begin. */
static void blocks_count(const struct verification *v, struct trace_judgement *out)
{
    const struct trace_index *index = &v->trace.blocks;
    uint64_t damaged = 0;

    for (size_t i = 0; i < index->count; i++)
        damaged += index->entries[i].damaged;
    out->blocks_read = index->count - damaged;
    out->blocks = out->blocks_read + v->trace.condition.damaged_blocks;
}

/* 0, or a negative errno: not read, or not to the end. */
static int file_check(struct verification *v, const char *path)
{
    struct trace_error error = {0};
    int status = trace_init(&v->trace, path, &error);

    if (status == -ENODATA) /* it was cut off at its very beginning, and holds nothing */
        finding(v, TRACE_SEVERITY_LOSS, TRACE_NOWHERE, "%s", error.message);
    else if (status != 0)
        finding(v, TRACE_SEVERITY_DAMAGE, TRACE_NOWHERE, "%s", error.message);
    else if ((status = blocks_check(v)) != 0)
        finding(v, TRACE_SEVERITY_DAMAGE, TRACE_NOWHERE, "cannot read the file: %s",
                strerrordesc_np(-status));
    return status;
}

void trace_judge(const char *path, void (*say)(void *context, const struct trace_finding *finding),
                 void *context, struct trace_judgement *out)
{
    struct verification *v = calloc(1, sizeof(*v));

    *out = (struct trace_judgement){.status = WORSE};
    if (!v)
        return;
    v->say = say;
    v->context = context;
    v->trace.walks = true;
    v->trace.on_damage = damage_forward;
    v->trace.on_damage_context = v;
    out->is_readable = file_check(v, path) == 0;
    if (out->is_readable) {
        blocks_count(v, out);
        out->status = v->worst == TRACE_SEVERITY_DAMAGE ? WORSE
                      : v->worst == TRACE_SEVERITY_LOSS ? LOSSY
                                                        : GOOD;
    }
    trace_fini(&v->trace);
    decoded_block_fini(&v->decoded);
    free(v->sums);
    free(v);
}

int trace_verify(const char *path, void (*say)(void *context, const struct trace_finding *finding),
                 void *context)
{
    struct trace_judgement judgement;

    trace_judge(path, say, context, &judgement);
    return judgement.status;
}
