/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger with real threads, real signals, the real drain's thread and a real file: every
 * attempt has a number, so the file itself says what is missing. Each round is a process of its
 * own, because a segment stays what it was made as.
 *
 *     test_ledger_threads ROUNDS [SEED]
 *
 * A round is "round SEED", and "round SEED FD" writes what it has judged into that descriptor.
 */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "format/trace_reader.h"
#include "tests/helpers/evidence.h"
#include "tracer_fixture.h"

enum { THREADS_MAX = 4, WAVES = 3, ATTEMPTS = 4000, PAD_MAX = 600, ROUND_PATIENCE_S = 100 };

ADA_EVENT(ledger, mark, (u32, worker), (u32, is_handler), (u64, n), (bytes, pad))

/* What the thread does, and what its handlers do. */
struct stream {
    uint64_t attempts;            /* the thread's own; read when it has ended */
    unsigned char said[ATTEMPTS]; /* 1: it is in the ring */
    uint64_t next, decoded;       /* the file's: number after the last one; how many */
};

struct worker {
    pthread_t thread;
    uint32_t number, tid, wanted;
    uint64_t random;
    struct stream streams[2];
    uint64_t gaps, gaps_spent; /* records that gaps told of so far */
};

static struct worker workers[WAVES * THREADS_MAX];
static __thread struct worker *volatile self;
static uint32_t over;

/* What was judged exact, for docs/RELIABILITY.md. Of rounds that end in the middle the attempts are
 * not counted: what comes after the end is in no ledger. */
struct judged {
    uint64_t threads, attempts, by_handlers, decoded, lost, gaps, ended_early, decoded_early;
};

static struct judged judged;

static struct {
    bool signals, stops_early, is_overwrite, pauses;
    unsigned threads, longest;
    struct ada_session_options options;
} play;

static uint64_t chance(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

static void attempt(struct worker *w, uint32_t is_handler, uint32_t pad)
{
    struct stream *s = &w->streams[is_handler];
    unsigned char payload[20 + PAD_MAX];
    uint64_t n = s->attempts++;

    memcpy(payload, &w->number, 4);
    memcpy(payload + 4, &is_handler, 4);
    memcpy(payload + 8, &n, 8);
    memcpy(payload + 16, &pad, 4);
    memset(payload + 20, (int)n, pad);
    s->said[n] = (unsigned char)ada_emit(&ada_event_ledger_mark, payload, 20 + pad);
}

static void handle(int number)
{
    struct worker *w = self;

    (void)number;
    if (w && w->streams[1].attempts < ATTEMPTS)
        attempt(w, 1, 8);
}

static void *work(void *argument)
{
    struct worker *w = argument;

    w->tid = thread_id();
    self = w;
    while (w->streams[0].attempts < w->wanted && !__atomic_load_n(&over, __ATOMIC_ACQUIRE)) {
        attempt(w, 0, (uint32_t)(chance(&w->random) % play.longest));
        if (play.pauses && chance(&w->random) % 64 == 0)
            sched_yield();
    }
    self = NULL;
    return NULL;
}

/* ---- judging ---- */

static struct worker *worker_of(uint32_t tid)
{
    for (size_t i = 0; i < WAVES * THREADS_MAX; i++)
        if (workers[i].tid == tid && tid)
            return &workers[i];
    return NULL;
}

static void record_judge(struct worker *w, const struct trace_event *e)
{
    struct stream *s = &w->streams[field_unsigned(e, "is_handler") != 0];
    uint64_t n = field_unsigned(e, "n"), missing = n - s->next;

    assert_int_equal(field_unsigned(e, "worker"), w->number);
    assert_true(n >= s->next && n < s->attempts); /* in order, once */
    assert_true(s->said[n]);
    s->next = n + 1;
    s->decoded++;
    if (play.signals) /* whose of the two streams a gap is of, nobody knows */
        return;
    assert_int_equal(missing, w->gaps - w->gaps_spent);
    w->gaps_spent = w->gaps;
}

static void ledger_judge(const struct worker *w, const struct trace_ledger *l, uint64_t *dropped)
{
    uint64_t decoded = w->streams[0].decoded + w->streams[1].decoded;

    assert_non_null(l);
    assert_true(l->final);
    assert_int_equal(l->damaged, 0);
    assert_int_equal(l->written, l->stored + l->overwritten);
    assert_true(l->stored <= decoded);
    *dropped += l->dropped + l->overwritten;
}

static void worker_judge(const struct worker *w)
{
    const struct trace_thread *thread;
    uint64_t dropped = 0, attempts = 0, decoded = 0, said = 0;

    for (size_t n = 0; (thread = trace_thread_at(recording_trace(), n)); n++)
        if (thread->tid == w->tid)
            ledger_judge(w, trace_ledger_of(recording_trace(), thread->thread), &dropped);
    for (int i = 0; i < 2; i++) {
        attempts += w->streams[i].attempts;
        decoded += w->streams[i].decoded;
        for (uint64_t n = 0; n < w->streams[i].attempts; n++)
            said += w->streams[i].said[n];
    }
    assert_int_equal(w->gaps, dropped);
    judged.threads++;
    if (play.stops_early) {
        judged.decoded_early += decoded;
        return; /* what came after the end is in no ledger */
    }
    assert_int_equal(decoded + dropped, attempts);
    if (!play.is_overwrite)
        assert_int_equal(decoded, said);
    judged.attempts += attempts;
    judged.by_handlers += w->streams[1].attempts;
    judged.decoded += decoded;
    judged.lost += dropped;
}

static void file_judge(void)
{
    const struct trace_filter all = {.from_ns = INT64_MIN, .to_ns = INT64_MAX};
    struct trace_cursor *cursor;
    struct trace_event event;
    int got;

    assert_int_equal(trace_cursor_open(recording_trace(), &all, &cursor), 0);
    while ((got = trace_cursor_next(cursor, &event)) > 0) {
        struct worker *w = worker_of(event.thread->tid);

        assert_non_null(w);
        if (event.type)
            record_judge(w, &event);
        else
            w->gaps += event.gap.records;
        judged.gaps += !event.type;
    }
    assert_int_equal(got, 0);
    trace_cursor_close(cursor);
    for (size_t i = 0; i < WAVES * THREADS_MAX; i++)
        if (workers[i].tid)
            worker_judge(&workers[i]);
}

/* ---- a round ---- */

static void round_choose(uint64_t *random)
{
    static const enum ada_policy policies[] = {ADA_POLICY_DROP, ADA_POLICY_DROP,
                                               ADA_POLICY_OVERWRITE, ADA_POLICY_BLOCK};

    play.signals = chance(random) % 2;
    play.stops_early = chance(random) % 3 == 0;
    play.pauses = chance(random) % 2;
    play.threads = 1 + (unsigned)(chance(random) % THREADS_MAX);
    play.longest = chance(random) % 2 ? PAD_MAX : 40;
    play.options.policy = policies[chance(random) % 4];
    play.options.timeout_ms = chance(random) % 2 ? 1 : 0;
    play.options.ring_bytes = UINT64_C(4096) << chance(random) % 4;
    play.options.ring_max_bytes = play.options.ring_bytes << chance(random) % 4;
    play.is_overwrite = play.options.policy == ADA_POLICY_OVERWRITE;
    if (play.is_overwrite) /* no longer than an eighth of the ring */
        play.longest = 40;
}

static void alarm_every(suseconds_t us)
{
    const struct itimerval timer = {.it_interval.tv_usec = us, .it_value.tv_usec = us};

    assert_int_equal(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

static void wave(unsigned number, uint64_t *random)
{
    for (unsigned i = 0; i < play.threads; i++) {
        struct worker *w = &workers[number * THREADS_MAX + i];

        w->number = number * THREADS_MAX + i;
        w->random = chance(random);
        w->wanted = (uint32_t)(chance(random) % ATTEMPTS);
        assert_int_equal(pthread_create(&w->thread, NULL, work, w), 0);
    }
    if (play.stops_early && number == WAVES - 1) {
        for (uint64_t n = chance(random) % 100; n; n--)
            sched_yield();
        recording_stop_either();
        __atomic_store_n(&over, 1, __ATOMIC_RELEASE);
    }
    for (unsigned i = 0; i < play.threads; i++)
        assert_int_equal(pthread_join(workers[number * THREADS_MAX + i].thread, NULL), 0);
}

static void round_play(uint64_t seed)
{
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};

    round_choose(&seed);
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    recording_start(&play.options);
    if (play.signals)
        alarm_every(100);
    for (unsigned n = 0; n < WAVES; n++)
        wave(n, &seed);
    alarm_every(0);
    signal(SIGALRM, SIG_IGN);
    if (!play.stops_early)
        recording_stop_either();
    judged.ended_early = play.stops_early;
    file_judge();
}

/* A program of its own: ThreadSanitizer is not told of mutexes in a forked child. */
static pid_t round_start(uint64_t seed, int report)
{
    char number[24], descriptor[12];
    pid_t child;

    snprintf(number, sizeof(number), "%" PRIu64, seed);
    snprintf(descriptor, sizeof(descriptor), "%d", report);
    child = fork();
    if (!child) {
        execl("/proc/self/exe", "test_ledger_threads", "round", number, descriptor, NULL);
        _exit(127);
    }
    return child;
}

static void judged_add(const struct judged *round)
{
    judged.threads += round->threads;
    judged.attempts += round->attempts;
    judged.by_handlers += round->by_handlers;
    judged.decoded += round->decoded;
    judged.lost += round->lost;
    judged.gaps += round->gaps;
    judged.ended_early += round->ended_early;
    judged.decoded_early += round->decoded_early;
}

/* 0: its ledgers are exact. */
static int round_run(uint64_t seed)
{
    time_t end = time(NULL) + ROUND_PATIENCE_S;
    struct judged round = {0};
    int status, report[2];
    pid_t child;

    assert_int_equal(pipe(report), 0);
    child = round_start(seed, report[1]);
    close(report[1]);
    while (waitpid(child, &status, WNOHANG) == 0 && time(NULL) < end)
        usleep(2000);
    if (time(NULL) >= end) {
        kill(child, SIGKILL);
        (void)waitpid(child, &status, 0);
    }
    if (!status && read(report[0], &round, sizeof(round)) != sizeof(round))
        status = -1; /* it ended well, and has judged nothing */
    close(report[0]);
    judged_add(&round);
    return status;
}

static void evidence_tell(unsigned rounds, uint64_t seed)
{
    evidence_write(
        "ledger-threads",
        "%u sessions with %" PRIu64 " threads from seed %" PRIu64 ": %" PRIu64 " attempts, %" PRIu64
        " of them in handlers = %" PRIu64 " decoded + %" PRIu64 " dropped or overwritten; %" PRIu64
        " gaps; in %" PRIu64 " sessions that ended meanwhile, %" PRIu64 " more decoded",
        rounds, judged.threads, seed, judged.attempts, judged.by_handlers, judged.decoded,
        judged.lost, judged.gaps, judged.ended_early, judged.decoded_early);
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 0) : 20;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : (uint64_t)time(NULL) * 2654435761u + 1;
    const uint64_t first = seed;

    if (argc > 2 && strcmp(argv[1], "round") == 0) {
        round_play(seed);
        return argc > 3 && write(atoi(argv[3]), &judged, sizeof(judged)) != sizeof(judged);
    }
    printf("%u rounds from seed %" PRIu64 "\n", rounds, seed);
    for (unsigned i = 0; i < rounds; i++) {
        uint64_t now = seed;

        fflush(stdout);
        if (round_run(now)) {
            fprintf(stderr, "round %u fails; again: %s 1 %" PRIu64 "\n", i, argv[0], now);
            return 1;
        }
        chance(&seed);
    }
    printf("exact\n");
    evidence_tell(rounds, first);
    return 0;
}
