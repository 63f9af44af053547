/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/decode_team.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/own_thread.h"
#include "cli/progress.h"

enum {
    WORKERS_MAX = 32,
    JOBS_PER_WORKER = 2,
    JOBS_MAX = 2 + JOBS_PER_WORKER * WORKERS_MAX,
    ALONE_RECORDS = 512, /* of a batch, as long as it need not be worth waking somebody for it */
    ALONE_BATCHES = 96,  /* that the main thread prints before it calls for help: a few ms */
};

/* A batch on its way. The state is guarded by the lock; while it is RUNNING all the rest belongs to
 * the thread that prints it, otherwise to the main thread. */
enum job_state { JOB_FREE, JOB_WAITING, JOB_RUNNING, JOB_DONE };

struct job {
    enum job_state state;
    bool failed;
    struct trace_batch batch;
    struct decode_mark marks[TRACE_BATCH_RECORDS];
    struct out_buffer out; /* into memory */
};

struct worker {
    struct team *team;
    struct decode decode; /* its own printer */
    struct own_thread thread;
};

struct team {
    struct decode *decode; /* the main thread's */
    const struct decode_format *format;
    struct trace_cursor *cursor;
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    bool ends;
    struct job *jobs[JOBS_MAX]; /* a ring; first and used are the main thread's to change, with the
                                   lock held */
    unsigned job_count, first, used;
    struct worker *workers[WORKERS_MAX];
    unsigned worker_count;
};

/* ---- printing into memory ---- */

static struct job *job_oldest(const struct team *team)
{
    return team->jobs[team->first];
}

static struct job *job_first_waiting(const struct team *team)
{
    for (unsigned i = 0; i < team->used; i++) {
        struct job *job = team->jobs[(team->first + i) % team->job_count];

        if (job->state == JOB_WAITING)
            return job;
    }
    return NULL;
}

/* With the lock held, which is given up meanwhile. */
static void job_run(struct team *team, struct job *job, struct decode *decode)
{
    struct out_buffer own = decode->out;

    job->state = JOB_RUNNING;
    pthread_mutex_unlock(&team->lock);
    decode->out = job->out;
    decode_print(decode, team->format, &job->batch, job->marks);
    job->out = decode->out;
    decode->out = own;
    job->failed = decode->failed || job->out.error;
    pthread_mutex_lock(&team->lock);
    job->state = JOB_DONE;
    pthread_cond_signal(&team->done);
}

static void *worker_run(void *context)
{
    struct worker *worker = context;
    struct team *team = worker->team;

    pthread_mutex_lock(&team->lock);
    while (!team->ends) {
        struct job *job = job_first_waiting(team);

        if (job)
            job_run(team, job, &worker->decode);
        else
            pthread_cond_wait(&team->work, &team->lock);
    }
    pthread_mutex_unlock(&team->lock);
    return NULL;
}

/* ---- workers ---- */

static void worker_free(struct worker *worker)
{
    symbol_cache_fini(&worker->decode.symbols);
    free(worker->decode.scratch);
    free(worker);
}

/* A printer of its own; the tables are the main thread's. */
static struct worker *worker_make(struct team *team)
{
    struct worker *worker = malloc(sizeof(*worker));
    struct decode *decode;

    if (!worker)
        return NULL;
    worker->team = team;
    decode = &worker->decode;
    *decode = *team->decode;
    decode->out = (struct out_buffer){0};
    decode->last_thread = NULL;
    decode->symbols = (struct symbol_cache){0};
    decode->scratch = malloc(DECODE_SCRATCH_BYTES);
    if (decode->scratch &&
        symbol_cache_init(&decode->symbols, decode->trace, team->format->escape) == 0)
        return worker;
    worker_free(worker);
    return NULL;
}

static bool worker_start(struct team *team)
{
    struct worker *worker = worker_make(team);

    if (!worker)
        return false;
    if (own_thread_start(&worker->thread, "adatrace-text", 0, worker_run, worker) != 0) {
        worker_free(worker);
        return false;
    }
    team->workers[team->worker_count++] = worker;
    return true;
}

static struct job *job_make(void)
{
    struct job *job = calloc(1, sizeof(*job));

    if (job && out_open_memory(&job->out) != 0) {
        free(job);
        return NULL;
    }
    return job;
}

/* As many as can be had; with none the main thread goes on alone. No job is under way. */
static void workers_start(struct team *team, unsigned wanted)
{
    while (team->job_count < 2 + JOBS_PER_WORKER * wanted) {
        struct job *job = job_make();

        if (!job)
            return;
        team->jobs[team->job_count++] = job;
    }
    while (team->worker_count < wanted && worker_start(team))
        ;
}

static void team_end(struct team *team)
{
    pthread_mutex_lock(&team->lock);
    team->ends = true;
    pthread_cond_broadcast(&team->work);
    pthread_mutex_unlock(&team->lock);
    for (unsigned i = 0; i < team->worker_count; i++) {
        pthread_join(team->workers[i]->thread.id, NULL);
        worker_free(team->workers[i]);
    }
    for (unsigned i = 0; i < team->job_count; i++) {
        trace_batch_release(team->cursor, &team->jobs[i]->batch);
        trace_batch_fini(&team->jobs[i]->batch);
        out_close_memory(&team->jobs[i]->out);
        free(team->jobs[i]);
    }
    pthread_cond_destroy(&team->done);
    pthread_cond_destroy(&team->work);
    pthread_mutex_destroy(&team->lock);
}

/* ---- the main thread ---- */

/* Get the oldest job out of the door. Whatever nobody has begun, the main thread does itself: the
 * oldest straight into the output, others rather than wait for it. */
static void oldest_finish(struct team *team)
{
    struct job *oldest = job_oldest(team), *other;

    pthread_mutex_lock(&team->lock);
    while (oldest->state == JOB_RUNNING) {
        other = job_first_waiting(team);
        if (other)
            job_run(team, other, team->decode);
        else
            pthread_cond_wait(&team->done, &team->lock);
    }
    if (oldest->state == JOB_WAITING) {
        oldest->state = JOB_RUNNING;
        pthread_mutex_unlock(&team->lock);
        decode_print(team->decode, team->format, &oldest->batch, oldest->marks);
    } else {
        pthread_mutex_unlock(&team->lock);
        out_move(&team->decode->out, &oldest->out);
        team->decode->failed |= oldest->failed;
    }
    trace_batch_release(team->cursor, &oldest->batch);
    oldest->failed = false;
    pthread_mutex_lock(&team->lock);
    oldest->state = JOB_FREE;
    team->first = (team->first + 1) % team->job_count;
    team->used--;
    pthread_mutex_unlock(&team->lock);
}

static void all_finish(struct team *team)
{
    while (team->used)
        oldest_finish(team);
}

/* What a single event makes unusually large is printed by the main thread, which has an output that
 * can take any size. */
static bool is_huge(const struct trace_batch *batch)
{
    return batch->bytes > 2 * TRACE_BATCH_BYTES;
}

static void job_submit(struct team *team, struct job *job)
{
    bool huge = is_huge(&job->batch);

    decode_follow(team->decode, team->format, &job->batch, job->marks);
    if (huge)
        all_finish(team);
    pthread_mutex_lock(&team->lock);
    job->state = JOB_WAITING;
    team->used++;
    if (team->worker_count && !huge)
        pthread_cond_signal(&team->work);
    pthread_mutex_unlock(&team->lock);
    if (huge || team->used == team->job_count)
        oldest_finish(team);
}

static int team_next(struct team *team, struct job **job)
{
    size_t records = team->worker_count ? TRACE_BATCH_RECORDS : ALONE_RECORDS;
    int status;

    for (;;) {
        *job = team->jobs[(team->first + team->used) % team->job_count];
        status = trace_cursor_batch(team->cursor, &(*job)->batch, records);
        if (status != -EAGAIN)
            return status;
        if (team->used == 0)
            return -ENOMEM; /* cannot be: nobody holds anything */
        oldest_finish(team);
    }
}

static int team_run(struct team *team, struct progress *progress, unsigned jobs)
{
    unsigned wanted = jobs - 1 < WORKERS_MAX ? jobs - 1 : WORKERS_MAX;
    uint64_t done = 0, batches = 0;
    struct decode *decode = team->decode;
    struct job *job;
    int status;

    while ((status = team_next(team, &job)) > 0) {
        done += job->batch.count;
        job_submit(team, job);
        progress_step(progress, done);
        if (__builtin_expect(decode->out.error || decode->failed, 0))
            break;
        if (++batches == ALONE_BATCHES && jobs > 1)
            workers_start(team, wanted);
    }
    all_finish(team);
    if (decode->failed)
        return -ENOMEM;
    return status < 0 ? status : 0;
}

int decode_team_print(struct decode *decode, const struct decode_format *format,
                      struct trace_cursor *cursor, unsigned jobs)
{
    struct team *team = calloc(1, sizeof(*team));
    struct trace_condition condition;
    struct progress progress;
    int status = -ENOMEM;

    if (!team)
        return status;
    team->decode = decode;
    team->format = format;
    team->cursor = cursor;
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->work, NULL);
    pthread_cond_init(&team->done, NULL);
    team->jobs[0] = job_make();
    if (team->jobs[0]) {
        team->job_count = 1;
        trace_condition(decode->trace, &condition);
        progress_start(&progress, condition.records, true);
        status = team_run(team, &progress, jobs);
        progress_end(&progress);
    }
    team_end(team);
    free(team);
    return status;
}
