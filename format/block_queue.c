/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several threads encode blocks; they go into the file in the order in which they were handed over.
 *
 * Jobs stand in one list in that order. Whoever has time takes the first that nobody has taken and
 * encodes it. Whoever finds the head of the list encoded writes, alone, as long as that is so; the
 * others go on encoding. What is encoded is small, so a disk that stalls for a while stalls nobody.
 * The thread that hands over encodes, too, when too much is on its way, but writes only when it has
 * to wait for everything anyhow.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/own_thread.h"
#include "format/writer_state.h"

enum {
    THREADS_MAX = 15,
    STACK_BYTES = 512 << 10,
    DRAFTS_FOR_EACH = 2,       /* on their way, for each thread */
    PACKED_BYTES_MAX = 8 << 20 /* encoded, and waiting to be written */
};

struct block_worker {
    struct own_thread thread;
    struct block_queue *queue;
    struct block_encoder encoder;
};

struct block_queue {
    struct trace_writer *writer;
    pthread_mutex_t lock;
    pthread_cond_t work, progress;
    struct block_job *first, *last; /* all, in the order of the file */
    struct block_job *waiting;      /* the first that nobody has taken */
    unsigned drafts, drafts_max;    /* not encoded yet */
    size_t packed_bytes;
    bool writing, ending;
    unsigned worker_count;
    struct block_worker workers[THREADS_MAX];
};

pthread_mutex_t *block_queue_lock(struct block_queue *q)
{
    return &q->lock;
}

/* ---- jobs ---- */

static void job_free(struct block_job *job)
{
    free(job->bytes);
    free(job->addresses);
    byte_buffer_free(&job->content);
    free(job);
}

/* A copy as small as it can be. */
static void *copy_of(const void *bytes, size_t size)
{
    void *copy = malloc(size ? size : 1);

    if (copy && size)
        memcpy(copy, bytes, size);
    return copy;
}

/* What the encoder made becomes the job's own. */
static void job_keep(struct block_job *job)
{
    size_t size = BLOCK_HEADER_BYTES + (size_t)job->header.frame_bytes;

    job->addresses = job->address_count
                         ? copy_of(job->addresses, job->address_count * sizeof(*job->addresses))
                         : NULL;
    if (!job->addresses)
        job->address_count = 0;
    job->bytes = job->status == 0 ? copy_of(job->bytes, size) : NULL;
    if (job->status == 0 && !job->bytes)
        job->status = -ENOMEM;
}

static size_t job_bytes(const struct block_job *job)
{
    return job->bytes ? BLOCK_HEADER_BYTES + (size_t)job->header.frame_bytes : 0;
}

/* ---- work: all with the lock held, which is let go of meanwhile ---- */

/* False: nothing can be written, or somebody does. */
static bool write_what_is_ready(struct block_queue *q, struct block_encoder *encoder)
{
    if (q->writing || !q->first || q->first->state != JOB_PACKED)
        return false;
    q->writing = true;
    while (q->first && q->first->state == JOB_PACKED) {
        struct block_job *job = q->first;
        size_t bytes = job_bytes(job);

        pthread_mutex_unlock(&q->lock);
        writer_job_write(q->writer, encoder, job);
        pthread_mutex_lock(&q->lock);
        q->first = job->next;
        if (!q->first)
            q->last = NULL;
        q->packed_bytes -= bytes;
        pthread_cond_broadcast(&q->progress);
        job_free(job);
    }
    q->writing = false;
    return true;
}

/* False: there is nothing to encode. */
static bool job_encode(struct block_queue *q, struct block_encoder *encoder)
{
    struct block_job *job = q->waiting;
    struct draft *draft;

    if (!job)
        return false;
    q->waiting = job->next;
    job->state = JOB_TAKEN;
    pthread_mutex_unlock(&q->lock);
    writer_job_encode(encoder, job);
    job_keep(job);
    draft = job->draft;
    job->draft = NULL;
    if (draft)
        writer_draft_give(q->writer, draft);
    pthread_mutex_lock(&q->lock);
    q->drafts -= draft != NULL;
    q->packed_bytes += job_bytes(job);
    job->state = JOB_PACKED;
    pthread_cond_broadcast(&q->progress);
    return true;
}

static void *worker_run(void *argument)
{
    struct block_worker *worker = argument;
    struct block_queue *q = worker->queue;

    pthread_mutex_lock(&q->lock);
    while (!q->ending)
        if (!write_what_is_ready(q, &worker->encoder) && !job_encode(q, &worker->encoder))
            pthread_cond_wait(&q->work, &q->lock);
    pthread_mutex_unlock(&q->lock);
    return NULL;
}

/* ---- handing over ---- */

static bool is_too_much(const struct block_queue *q)
{
    return q->drafts > q->drafts_max || q->packed_bytes > PACKED_BYTES_MAX;
}

static void job_submit(struct block_queue *q, struct block_job *job)
{
    pthread_mutex_lock(&q->lock);
    if (q->last)
        q->last->next = job;
    else
        q->first = job;
    q->last = job;
    if (!q->waiting)
        q->waiting = job;
    q->drafts += job->draft != NULL;
    pthread_cond_signal(&q->work);
    while (is_too_much(q)) {
        if (job_encode(q, &q->writer->encoder))
            pthread_cond_signal(&q->work); /* writing it is not for us: the disk may stand still */
        else
            pthread_cond_wait(&q->progress, &q->lock);
    }
    pthread_mutex_unlock(&q->lock);
}

int block_queue_data(struct block_queue *q, struct draft *draft, struct trace_stream *s)
{
    struct block_job *job = calloc(1, sizeof(*job));

    if (!job) {
        stream_draft_lose(s, draft, -ENOMEM);
        return -ENOMEM;
    }
    job->header = block_header_of(draft, s->thread);
    job->draft = draft;
    job->stream = s;
    job->level = q->writer->level;
    job_submit(q, job);
    return 0;
}

int block_queue_meta(struct block_queue *q, struct byte_buffer *content, uint32_t items)
{
    struct block_job *job = calloc(1, sizeof(*job));

    if (!job)
        return -ENOMEM;
    job->header = (struct block_header){.kind = BLOCK_META, .records = items};
    job->level = q->writer->level;
    job->content = *content;
    *content = (struct byte_buffer){0};
    job_submit(q, job);
    return 0;
}

void writer_settle(struct trace_writer *w)
{
    struct block_queue *q = w->queue;

    if (!q)
        return;
    pthread_mutex_lock(&q->lock);
    while (q->first)
        if (!write_what_is_ready(q, &w->encoder) && !job_encode(q, &w->encoder))
            pthread_cond_wait(&q->progress, &q->lock);
    pthread_mutex_unlock(&q->lock);
}

/* ---- begin and end ---- */

static int worker_start(struct block_queue *q, struct block_worker *worker)
{
    int err = block_encoder_init(&worker->encoder);

    worker->queue = q;
    if (err == 0)
        err = own_thread_start(&worker->thread, "adatrace-encode", STACK_BYTES, worker_run, worker);
    if (err != 0)
        block_encoder_fini(&worker->encoder);
    return err;
}

struct block_queue *block_queue_create(struct trace_writer *w, unsigned threads)
{
    struct block_queue *q = calloc(1, sizeof(*q));

    if (!q)
        return NULL;
    q->writer = w;
    q->drafts_max = DRAFTS_FOR_EACH * (threads < THREADS_MAX ? threads : THREADS_MAX);
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->work, NULL);
    pthread_cond_init(&q->progress, NULL);
    while (q->worker_count < threads && q->worker_count < THREADS_MAX &&
           worker_start(q, &q->workers[q->worker_count]) == 0)
        q->worker_count++;
    if (q->worker_count)
        return q;
    block_queue_destroy(q);
    return NULL;
}

void block_queue_destroy(struct block_queue *q)
{
    if (!q)
        return;
    pthread_mutex_lock(&q->lock);
    q->ending = true;
    pthread_cond_broadcast(&q->work);
    pthread_mutex_unlock(&q->lock);
    for (unsigned i = 0; i < q->worker_count; i++) {
        pthread_join(q->workers[i].thread.id, NULL);
        block_encoder_fini(&q->workers[i].encoder);
    }
    pthread_cond_destroy(&q->work);
    pthread_cond_destroy(&q->progress);
    pthread_mutex_destroy(&q->lock);
    free(q);
}
