/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/live_source.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <adatrace/record.h>

#include "base/clock.h"
#include "cli/message.h"
#include "cli/status.h"
#include "drain/live_message.h"

enum {
    PATIENCE_MS = 10000,          /* for an answer */
    AGAIN_NS = 500 * 1000 * 1000, /* between two questions for the catalogue */
    CATALOGUE_BYTES_MAX = 1 << 30,
};

struct live_source {
    struct session_client client;
    char path[SESSION_PATH_BYTES]; /* of the control socket */
    struct ada_broadcast *buffer;
    struct ada_broadcast_consumer *consumer;
    struct trace *trace;
    struct live_head head; /* of the next message, when nothing is missed */
    bool stale;            /* metadata was missed */
    uint64_t asked_ns;     /* for the catalogue, last */
    struct live_source_counts counts;
    /* What the last record was of. */
    const struct trace_thread *thread;
    const struct trace_type *type;
    uint32_t id;
};

/* ---- metadata ---- */

static int declare_take(struct live_source *s, const void *payload, uint32_t bytes)
{
    const struct live_declare *declare = payload;

    if (bytes != sizeof(*declare))
        return -EPROTO;
    s->type = NULL;
    return trace_live_declare(s->trace, declare->image, declare->id, declare->type);
}

static int items_take(struct live_source *s, const void *payload, uint32_t bytes)
{
    const struct live_head *head = payload;

    s->thread = NULL;
    return trace_live_items(s->trace, head + 1, bytes - sizeof(*head));
}

static int begin_take(const void *payload, uint32_t bytes, struct live_begin *begin)
{
    if (bytes != sizeof(*begin))
        return -EPROTO;
    memcpy(begin, payload, sizeof(*begin));
    return begin->version == LIVE_VERSION ? 0 : -EPROTO;
}

static int piece_take(struct live_source *s, const struct live_piece *piece,
                      struct live_begin *begin)
{
    const void *payload = piece + 1;

    if (piece->bytes < sizeof(struct live_head))
        return -EPROTO;
    switch (piece->type) {
    case LIVE_BEGIN:
        return begin_take(payload, piece->bytes, begin);
    case LIVE_ITEMS:
        return items_take(s, payload, piece->bytes);
    case LIVE_DECLARE:
        return declare_take(s, payload, piece->bytes);
    default:
        return 0;
    }
}

static int catalogue_take(struct live_source *s, const unsigned char *at, size_t left,
                          struct live_begin *begin)
{
    while (left) {
        struct live_piece piece;
        size_t span;
        int err;

        if (left < sizeof(piece))
            return -EPROTO;
        memcpy(&piece, at, sizeof(piece));
        span = sizeof(piece) + ((size_t)piece.bytes + 7) / 8 * 8;
        if (span > left)
            return -EPROTO;
        err = piece_take(s, (const void *)at, begin);
        if (err)
            return err;
        at += span;
        left -= span;
    }
    return begin->version ? 0 : -EPROTO;
}

static int catalogue_read(struct live_source *s, int fd, struct live_begin *begin)
{
    struct stat about;
    void *bytes;
    int err;

    memset(begin, 0, sizeof(*begin));
    if (fstat(fd, &about))
        return -errno;
    if (about.st_size <= 0 || about.st_size > CATALOGUE_BYTES_MAX)
        return -EPROTO;
    bytes = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (bytes == MAP_FAILED)
        return -errno;
    err = catalogue_take(s, bytes, (size_t)about.st_size, begin);
    munmap(bytes, (size_t)about.st_size);
    return err;
}

/* ---- subscribing ---- */

static int answer_check(const struct session_answer *answer)
{
    if (answer->status < 0)
        return answer->status;
    return answer->fd_count == 2 && answer->is_kept ? 0 : -EPROTO;
}

static int answer_take(struct live_source *s, const struct session_answer *answer)
{
    struct ada_broadcast_join_options options = {.size = sizeof(options)};
    struct live_begin begin;
    int err = answer_check(answer);

    if (!err)
        err = catalogue_read(s, answer->fds[1], &begin);
    if (!err)
        err = ada_broadcast_map(&s->buffer, answer->fds[0]);
    if (err)
        return err;
    options.from = &begin.place;
    s->head = begin.head;
    return ada_broadcast_join(s->buffer, &options, &s->consumer);
}

static int subscribe(struct live_source *s, struct session_entry *entry)
{
    struct session_answer answer = {0};
    int err = session_client_ask(&s->client, "subscribe", 0, NULL, PATIENCE_MS, &answer);

    if (!err)
        err = answer_take(s, &answer);
    if (answer.status < 0)
        message_print("%s", answer.body);
    else if (err)
        (void)message_failure(err, "the session %s cannot be listened to",
                              session_entry_name(entry));
    session_answer_free(&answer);
    return err ? STATUS_FAILED : STATUS_GOOD;
}

int live_source_open(struct live_source **out, const char *wanted, struct session_entry *entry)
{
    struct live_source *s = calloc(1, sizeof(*s));
    struct session_entry own = {0}, *e = entry ? entry : &own;
    int status;

    *out = NULL;
    if (!s || trace_live_create(&s->trace) != 0) {
        free(s);
        return message_failure(-ENOMEM, "cannot listen");
    }
    s->client.fd = -1;
    status = session_open(&s->client, wanted, e);
    if (status == STATUS_GOOD) {
        session_folder_at(&e->folder, CONTROL_SOCKET, s->path);
        status = subscribe(s, e);
        if (status || !entry)
            session_entry_free(e);
    }
    if (status) {
        live_source_close(s);
        return status;
    }
    *out = s;
    return STATUS_GOOD;
}

void live_source_close(struct live_source *s)
{
    if (!s)
        return;
    ada_broadcast_leave(s->consumer);
    ada_broadcast_destroy(s->buffer);
    session_client_close(&s->client);
    trace_close(s->trace);
    free(s);
}

/* Metadata was missed: all of it again, over another connection. What it cannot be asked for any
 * more stays unknown. */
static void catalogue_again(struct live_source *s)
{
    struct session_client client;
    struct session_answer answer = {0};
    struct live_begin begin;
    uint64_t now_ns = clock_monotonic_ns();

    if (now_ns - s->asked_ns < AGAIN_NS)
        return;
    s->asked_ns = now_ns;
    if (session_client_open(&client, s->path))
        return;
    if (!session_client_ask(&client, "subscribe", 0, NULL, PATIENCE_MS, &answer) &&
        !answer_check(&answer) && !catalogue_read(s, answer.fds[1], &begin))
        s->stale = false;
    session_answer_free(&answer);
    session_client_close(&client);
}

/* ---- messages ---- */

static void missed_tell(struct live_source *s, const struct ada_broadcast_message *m,
                        const struct live_visitor *visitor)
{
    const struct live_head *head = m->payload;
    const struct live_missed missed = {.records = head->records - s->head.records,
                                       .messages = m->missed_messages,
                                       .bytes = m->missed_bytes};

    s->stale |= head->items != s->head.items;
    s->head = *head;
    if (!missed.messages && !missed.records)
        return;
    s->counts.missed.records += missed.records;
    s->counts.missed.messages += missed.messages;
    s->counts.missed.bytes += missed.bytes;
    visitor->missed(visitor->context, &missed);
}

static void type_find(struct live_source *s, const struct trace_thread *thread, uint32_t id)
{
    if (s->type && s->thread == thread && s->id == id)
        return;
    s->thread = thread;
    s->id = id;
    s->type = trace_live_type(s->trace, thread, id);
}

/* One record of bytes[left]. Its span, or 0: that is none. */
static uint64_t record_span(const unsigned char *at, uint64_t left, uint64_t word, uint32_t *front)
{
    uint64_t span = (word & 0xff) * 8;

    *front = 8;
    if ((word & 0xff) == ADA_RECORD_LARGE) {
        if (left < 16)
            return 0;
        memcpy(&span, at + 8, sizeof(span));
        *front = 16;
    }
    return span > left || span < *front || span % 8 ? 0 : span;
}

static int run_take(struct live_source *s, const struct ada_broadcast_message *m,
                    const struct live_visitor *visitor)
{
    const struct live_run *run = m->payload;
    const unsigned char *at = (const unsigned char *)(run + 1);
    const struct trace_thread *thread;
    uint64_t left = m->bytes - sizeof(*run), word, span, first = 0;
    uint32_t front, count = 0;

    if (m->bytes < sizeof(*run))
        return -EPROTO;
    s->head.records += run->records;
    s->counts.records += run->records;
    thread = trace_thread_by_number(s->trace, run->thread);
    for (; thread && left >= sizeof(word); at += span, left -= span, count++) {
        memcpy(&word, at, sizeof(word));
        span = record_span(at, left, word, &front);
        if (!span)
            break;
        if (!count)
            first = word; /* its low ticks are the counter's, which may have jumped since */
        type_find(s, thread, ada_record_type(word));
        if (!s->type)
            s->counts.unknown++;
        else
            visitor->record(visitor->context, thread, s->type,
                            run->ticks + (((word >> ADA_RECORD_TICKS_SHIFT) -
                                           (first >> ADA_RECORD_TICKS_SHIFT)) &
                                          ADA_RECORD_TICKS_MASK),
                            at + front, (uint32_t)(span - front));
    }
    /* Scribbled on, or of a thread that nobody told of. */
    if (count < run->records)
        s->counts.unknown += run->records - count;
    return 0;
}

static int gap_take(struct live_source *s, const struct ada_broadcast_message *m,
                    const struct live_visitor *visitor)
{
    const struct live_gap *item = m->payload;
    const struct trace_thread *thread;
    struct trace_gap gap;

    if (m->bytes != sizeof(*item)) /* before it is looked at */
        return -EPROTO;
    gap = (struct trace_gap){
        .thread = item->thread,
        .kind = item->kind,
        .first_ticks = item->first_ticks,
        .last_ticks = item->last_ticks,
        .records = item->records,
        .bytes = item->bytes,
    };
    thread = trace_thread_by_number(s->trace, item->thread);
    if (thread)
        visitor->gap(visitor->context, thread, &gap);
    return 0;
}

static int round_take(const struct ada_broadcast_message *m, const struct live_visitor *visitor)
{
    const struct live_round *round = m->payload;

    if (m->bytes != sizeof(*round))
        return -EPROTO;
    visitor->round(visitor->context, round->ticks, round->monotonic_ns);
    return 0;
}

static int message_take(struct live_source *s, const struct ada_broadcast_message *m,
                        const struct live_visitor *visitor)
{
    if (m->bytes < sizeof(struct live_head))
        return -EPROTO;
    missed_tell(s, m, visitor);
    if (s->stale)
        catalogue_again(s);
    switch (m->type) {
    case LIVE_RUN:
        return run_take(s, m, visitor);
    case LIVE_GAP:
        return gap_take(s, m, visitor);
    case LIVE_ITEMS:
        s->head.items++;
        return items_take(s, m->payload, m->bytes);
    case LIVE_DECLARE:
        s->head.items++;
        return declare_take(s, m->payload, m->bytes);
    case LIVE_ROUND:
        return round_take(m, visitor);
    default:
        return 0;
    }
}

/* A collector that is killed closes its buffer no more, but the kernel closes its connections. */
static bool has_hung_up(const struct live_source *s)
{
    struct pollfd connection = {.fd = s->client.fd, .events = POLLIN};

    return poll(&connection, 1, 0) > 0;
}

int live_source_read(struct live_source *s, uint64_t timeout_ns, const struct live_visitor *visitor)
{
    struct ada_broadcast_message m;
    int got = ada_broadcast_read(s->consumer, &m, timeout_ns), err;

    if (got == 0 && has_hung_up(s)) {
        got = ada_broadcast_read(s->consumer, &m, 0);
        if (got == 0)
            return -EPIPE;
    }
    if (got != 1)
        return got;
    err = message_take(s, &m, visitor);
    return err ? err : 1;
}

struct trace *live_source_trace(const struct live_source *s)
{
    return s->trace;
}

int live_source_fd(const struct live_source *s)
{
    return s->client.fd;
}

void live_source_counts(const struct live_source *s, struct live_source_counts *out)
{
    struct ada_broadcast_counts counts;

    *out = s->counts;
    /* What was written over behind our last message is known to the buffer only. */
    ada_broadcast_counts(s->consumer, &counts);
    out->missed.messages = counts.missed_messages;
    out->missed.bytes = counts.missed_bytes;
}
