/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/metrics_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/metrics_table.h"

enum { ENDED_MAX = 64 /* processes that have ended and keep a series of their own */ };

/* ---- what there is a series for ---- */

static int newest_first(const void *a, const void *b)
{
    const struct stats_process *left = a, *right = b;

    return left->number > right->number ? -1 : left->number < right->number;
}

/* Those that ended long ago share their labels: they will be one. */
static void processes_bound(struct stats_process *rows, uint32_t count)
{
    uint32_t ended = 0;

    if (count)
        qsort(rows, count, sizeof(*rows), newest_first);
    for (uint32_t i = 0; i < count; i++) {
        ended += (rows[i].flags & STATS_PROCESS_ENDED) != 0;
        if (!(rows[i].flags & STATS_PROCESS_MANY) &&
            (!(rows[i].flags & STATS_PROCESS_ENDED) || ended <= ENDED_MAX))
            continue;
        rows[i].pid = 0;
        strcpy(rows[i].name, "(ended)");
    }
}

static int process_order(const void *a, const void *b)
{
    const struct stats_process *left = a, *right = b;

    if (left->pid != right->pid)
        return left->pid < right->pid ? -1 : 1;
    return strcmp(left->name, right->name);
}

/* Exec of the same program, or a static libadatrace beside the agent: one process to its labels. */
static uint32_t processes_merge(struct stats_process *rows, uint32_t count)
{
    uint32_t kept = 0;

    if (!count)
        return 0;
    qsort(rows, count, sizeof(*rows), process_order);
    for (uint32_t i = 1; i < count; i++) {
        if (process_order(&rows[kept], &rows[i]) != 0) {
            rows[++kept] = rows[i];
            continue;
        }
        stats_counts_add(&rows[kept].counts, &rows[i].counts);
        rows[kept].flags &= rows[i].flags; /* one that is alive is enough */
        rows[kept].threads_now += rows[i].threads_now;
        rows[kept].threads_ever += rows[i].threads_ever;
        rows[kept].unringed += rows[i].unringed;
    }
    return kept + 1;
}

static int thread_order(const void *a, const void *b)
{
    const struct stats_thread *left = a, *right = b;

    if (left->pid != right->pid)
        return left->pid < right->pid ? -1 : 1;
    return left->tid < right->tid ? -1 : left->tid > right->tid;
}

static void thread_add(struct stats_thread *to, const struct stats_thread *from)
{
    stats_counts_add(&to->counts, &from->counts);
    to->fill_bytes += from->fill_bytes;
    to->room_bytes += from->room_bytes;
    if (from->lag_ns > to->lag_ns)
        to->lag_ns = from->lag_ns;
}

static uint32_t threads_merge(struct stats_thread *rows, uint32_t count)
{
    uint32_t kept = 0;

    if (!count)
        return 0;
    qsort(rows, count, sizeof(*rows), thread_order);
    for (uint32_t i = 1; i < count; i++)
        if (thread_order(&rows[kept], &rows[i]) != 0)
            rows[++kept] = rows[i];
        else
            thread_add(&rows[kept], &rows[i]);
    return kept + 1;
}

struct series {
    struct out_buffer *out;
    enum metrics_format format;
    const struct metrics_labels *labels;
    struct metrics_session session;
    struct stats_process *processes;
    struct stats_thread *threads;
    uint32_t process_count, thread_count;
};

static int series_make(struct series *s, const struct stats_picture *picture)
{
    const struct stats_session *from = picture->session;

    s->session = (struct metrics_session){
        .stats = *from,
        .one = 1,
        .paused = (from->flags & STATS_SESSION_PAUSED) != 0,
        .ratio = from->file_bytes ? (double)from->raw_bytes / (double)from->file_bytes : 0,
        .start_seconds = s->labels->start_seconds,
    };
    s->processes = calloc(from->process_count + 1, sizeof(*s->processes));
    s->threads = calloc(from->thread_count + 1, sizeof(*s->threads));
    if (!s->processes || !s->threads)
        return -ENOMEM;
    memcpy(s->processes, picture->processes, from->process_count * sizeof(*s->processes));
    memcpy(s->threads, picture->threads, from->thread_count * sizeof(*s->threads));
    processes_bound(s->processes, from->process_count);
    for (uint32_t i = 0; i < from->process_count; i++)
        s->session.processes_now += !(s->processes[i].flags & STATS_PROCESS_ENDED);
    s->process_count = processes_merge(s->processes, from->process_count);
    s->thread_count = threads_merge(s->threads, from->thread_count);
    return 0;
}

/* ---- labels ---- */

/* Bytes of the UTF-8 character that text begins with; 0: it begins with none. */
static size_t utf8_size(const unsigned char *text)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t c = text[0];
    size_t size = c < 0x80 ? 1 : c >> 5 == 6 ? 2 : c >> 4 == 14 ? 3 : c >> 3 == 30 ? 4 : 0;

    if (size <= 1)
        return size;
    c &= 0x7fu >> size;
    for (size_t i = 1; i < size; i++) {
        if (text[i] >> 6 != 2) /* its NUL, too */
            return 0;
        c = c << 6 | (text[i] & 0x3f);
    }
    return c < least[size] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : size;
}

/* Any bytes become a label's value: escaped, and valid UTF-8. */
static void label_put(struct out_buffer *out, const char *name, const char *value)
{
    out_put_text(out, name);
    out_put(out, "=\"", 2);
    while (*value) {
        size_t size = utf8_size((const unsigned char *)value);

        if (*value == '\n')
            out_put(out, "\\n", 2);
        else if (*value == '"' || *value == '\\')
            out_printf(out, "\\%c", *value);
        else if (size)
            out_put(out, value, size);
        else
            out_put_text(out, "\xef\xbf\xbd");
        value += size ? size : 1;
    }
    out_put_char(out, '"');
}

static void number_label_put(struct out_buffer *out, const char *name, uint32_t value)
{
    out_printf(out, ",%s=\"%" PRIu32 "\"", name, value);
}

static const char *process_name(const struct series *s, const struct stats_thread *t)
{
    for (uint32_t i = 0; i < s->process_count; i++)
        if (s->processes[i].pid == t->pid && !(s->processes[i].flags & STATS_PROCESS_ENDED))
            return s->processes[i].name;
    return "";
}

static void labels_put(const struct series *s, const struct metric *m, const void *row)
{
    struct out_buffer *out = s->out;

    out_put_char(out, '{');
    label_put(out, "session", s->labels->session);
    if (m->level == METRIC_PROCESS) {
        const struct stats_process *p = row;

        number_label_put(out, "pid", p->pid);
        out_put_char(out, ',');
        label_put(out, "process", p->name);
    } else if (m->level == METRIC_THREAD) {
        const struct stats_thread *t = row;

        number_label_put(out, "pid", t->pid);
        out_put_char(out, ',');
        label_put(out, "process", process_name(s, t));
        number_label_put(out, "tid", t->tid);
        out_put_char(out, ',');
        label_put(out, "thread", t->name);
    } else if (m->is_info) {
        out_put_char(out, ',');
        label_put(out, "command", s->labels->command);
        out_put_char(out, ',');
        label_put(out, "policy", stats_policy_text(s->session.stats.policy));
        out_put_char(out, ',');
        label_put(out, "version", ADATRACE_VERSION);
    }
    out_put_char(out, '}');
}

/* ---- families ---- */

static void value_put(struct out_buffer *out, const struct metric *m, const void *row)
{
    const unsigned char *field = (const unsigned char *)row + m->offset;
    uint64_t u64 = 0;
    uint32_t u32;
    int32_t i32;
    double number;

    switch (m->type) {
    case METRIC_U64:
        memcpy(&u64, field, sizeof(u64));
        out_printf(out, " %" PRIu64 "\n", u64);
        break;
    case METRIC_U32:
        memcpy(&u32, field, sizeof(u32));
        out_printf(out, " %" PRIu32 "\n", u32);
        break;
    case METRIC_I32:
        memcpy(&i32, field, sizeof(i32));
        out_printf(out, " %" PRId32 "\n", i32);
        break;
    case METRIC_NS:
        memcpy(&u64, field, sizeof(u64));
        out_printf(out, " %" PRIu64 ".%09" PRIu64 "\n", u64 / 1000000000, u64 % 1000000000);
        break;
    case METRIC_DOUBLE:
        memcpy(&number, field, sizeof(number));
        out_printf(out, " %.13g\n", number);
    }
}

static const char *suffix_of(const struct metric *m)
{
    return m->is_info ? "_info" : m->is_counter ? "_total" : "";
}

/* In OpenMetrics a family is named without what its samples have at their ends; in the older format
 * there is no difference, and no type for what only tells. */
static void head_put(const struct series *s, const struct metric *m)
{
    bool open = s->format == METRICS_OPENMETRICS;
    const char *suffix = open ? "" : suffix_of(m);
    const char *type = m->is_counter ? "counter" : m->is_info && open ? "info" : "gauge";

    out_printf(s->out, "# HELP adatrace_%s%s %s\n", m->name, suffix, m->help);
    out_printf(s->out, "# TYPE adatrace_%s%s %s\n", m->name, suffix, type);
    if (open && m->unit)
        out_printf(s->out, "# UNIT adatrace_%s %s\n", m->name, m->unit);
}

static void sample_put(const struct series *s, const struct metric *m, const void *row)
{
    out_printf(s->out, "adatrace_%s%s", m->name, suffix_of(m));
    labels_put(s, m, row);
    value_put(s->out, m, row);
}

static void family_put(const struct series *s, const struct metric *m)
{
    head_put(s, m);
    if (m->level == METRIC_SESSION)
        sample_put(s, m, &s->session);
    for (uint32_t i = 0; m->level == METRIC_PROCESS && i < s->process_count; i++)
        sample_put(s, m, &s->processes[i]);
    for (uint32_t i = 0; m->level == METRIC_THREAD && i < s->thread_count; i++)
        sample_put(s, m, &s->threads[i]);
}

int metrics_print(struct out_buffer *out, const struct stats_picture *picture,
                  const struct metrics_labels *labels, enum metrics_format format)
{
    struct series s = {.out = out, .format = format, .labels = labels};
    int err = series_make(&s, picture);

    for (const struct metric *m = metrics_table; !err && m->name; m++)
        family_put(&s, m);
    if (!err && format == METRICS_OPENMETRICS)
        out_put_text(out, "# EOF\n");
    free(s.processes);
    free(s.threads);
    return err ? err : out->error;
}

/* ---- which format ---- */

/* How much a media type is wanted, in thousandths: what follows its name in an Accept header. */
static int quality_of(const char *parameters, size_t size)
{
    for (size_t i = 0; i + 2 < size; i++)
        if (parameters[i] == ';' || parameters[i] == ' ')
            if (parameters[i + 1] == 'q' && parameters[i + 2] == '=')
                return (int)(strtod(parameters + i + 3, NULL) * 1000);
    return 1000;
}

static int wanted(const char *accept, const char *type)
{
    int best = 0;

    for (const char *at = accept; (at = strstr(at, type)); at += strlen(type)) {
        int quality = quality_of(at + strlen(type), strcspn(at + strlen(type), ","));

        if (quality > best)
            best = quality;
    }
    return best;
}

enum metrics_format metrics_format_wanted(const char *accept)
{
    int open = accept ? wanted(accept, "application/openmetrics-text") : 0;

    return open && open >= wanted(accept, "text/plain") ? METRICS_OPENMETRICS : METRICS_PROMETHEUS;
}

const char *metrics_content_type(enum metrics_format format)
{
    return format == METRICS_OPENMETRICS
               ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
               : "text/plain; version=0.0.4; charset=utf-8";
}
