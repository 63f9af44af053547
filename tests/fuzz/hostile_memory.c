/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostile_memory POLICY SECONDS [SEED]: a collector as `adatrace record` has it drains two
 * processes that behave and one that scribbles on all that it shares. When that one has been
 * killed, the collector has to be there, to have answered whoever asked meanwhile, to hold no more
 * memory and descriptors than the declared limits allow, and to have written a file that is sound
 * and that tells all of the two others, to the record; that names the one and not the others when
 * counters cannot be true, and is soon written and read. Built with sanitizers, which see the rest.
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "cli/session_client.h"
#include "drain/collector.h"
#include "drain/session_folder.h"
#include "format/trace_reader.h"
#include "fuzz_evidence.h"
#include "hostile_guest.h"

enum {
    GOOD = 2,
    SCRIBBLERS = 2,
    ANSWER_MS = 20000,
    DESCRIPTORS_MAX = 400,
    RESIDENT_KIB_MAX = 1 << 20,
    AFTERWARDS_SECONDS_MAX = 30, /* of a processor, beyond as long as the recording was */
    /* Events of each, and steps of scribbling; a busy machine has a hundred times that. */
    DEEDS_A_SECOND_MIN = 1000,
    LONG_SECONDS = 60 /* from here on it is the nightly form */
};

/* More than any thread can count in the ten minutes of the longest run. */
#define COUNT_MAX (UINT64_C(1) << 50)

/* Shared with the children. */
struct stage {
    uint32_t stop;
    struct guest_account accounts[GOOD];
    uint64_t scribbled; /* steps */
    char socket[128];
    uint32_t open;
};

static unsigned failures;

#define EXPECT(condition, ...)                     \
    do {                                           \
        if (!(condition)) {                        \
            failures++;                            \
            printf("%s:%d: ", __FILE__, __LINE__); \
            printf(__VA_ARGS__);                   \
            printf("\n");                          \
        }                                          \
    } while (0)

/* ---- the children: made before there are threads ---- */

static void socket_await(const struct stage *stage)
{
    while (!load_acquire(&stage->open))
        usleep(1000); /* bounded by the parent, which ends us */
}

static pid_t child_begin(struct stage *stage, int n, uint64_t seed)
{
    pid_t pid = fork();

    if (pid)
        return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a collector that fails leaves nobody behind */
    socket_await(stage);
    if (n < GOOD)
        guest_behave(stage->socket, &stage->stop, &stage->accounts[n]);
    guest_scribble(stage->socket, seed, SCRIBBLERS, &stage->scribbled);
}

/* ---- while it goes ---- */

static unsigned descriptors_count(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;

    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}

/* Private memory: what is shared with children is bounded by their segments. */
static uint64_t resident_kib(void)
{
    char line[256];
    uint64_t kib = 0;
    FILE *file = fopen("/proc/self/status", "re");

    while (file && fgets(line, sizeof(line), file))
        if (sscanf(line, "RssAnon: %" SCNu64, &kib) == 1)
            break;
    if (file)
        fclose(file);
    return kib;
}

/* One that listens stays, until another one asks. */
static void ask(const char *path, const char *verb, unsigned count, const char *const *words)
{
    static struct session_client client = {.fd = -1};
    struct session_answer answer;
    int err;

    session_client_close(&client);
    err = session_client_open(&client, path);
    if (!err)
        err = session_client_ask(&client, verb, count, words, ANSWER_MS, &answer);
    EXPECT(!err, "nobody answers '%s': %s", verb, strerror(-err));
    if (!err)
        session_answer_free(&answer);
}

static void control_path(const char *door, char path[SESSION_PATH_BYTES])
{
    snprintf(path, SESSION_PATH_BYTES, "%.*s/" CONTROL_SOCKET, (int)(strrchr(door, '/') - door),
             door);
}

/* Everything that makes the drain look at what the scribbler has written. */
static void session_use(const char *path, unsigned turn)
{
    const char *const words[] = {turn & 1 ? "guest:*" : "proc*,*x?[a-z]*"};

    ask(path, "stats", 0, NULL);
    ask(path, turn & 2 ? "enable" : "disable", 1, words);
    ask(path, "subscribe", 0, NULL);
}

/* ---- afterwards ---- */

struct tally {
    uint64_t records, gaps, next;
    bool in_order;
};

static void event_count(const struct trace_event *event, struct tally *t)
{
    uint64_t number;

    if (!event->type) {
        t->gaps += event->gap.records;
        return;
    }
    number = trace_value_unsigned(&event->values[0], 0);
    t->in_order &= number >= t->next;
    t->next = number + 1;
    t->records++;
}

static void account_check(struct trace *trace, uint32_t pid, const struct guest_account *a)
{
    struct tally tally = {.in_order = true};
    const struct trace_thread *thread = NULL;
    const struct trace_ledger *ledger;
    struct trace_cursor *cursor;
    struct trace_event event;
    int got;

    for (size_t n = 0; (thread = trace_thread_at(trace, n)); n++)
        if (trace_process_by_number(trace, thread->process) &&
            trace_process_by_number(trace, thread->process)->pid == pid && thread->tid == pid)
            break;
    EXPECT(thread, "process %u is not in the trace", pid);
    if (!thread || trace_cursor_open(trace, NULL, &cursor))
        return;
    while ((got = trace_cursor_next(cursor, &event)) == 1)
        if (event.thread == thread)
            event_count(&event, &tally);
    trace_cursor_close(cursor);
    ledger = trace_ledger_of(trace, thread->thread);
    EXPECT(got == 0, "the cursor ended with %d", got);
    EXPECT(tally.in_order, "numbers of process %u are out of order", pid);
    EXPECT(ledger && ledger->final, "process %u has no final ledger", pid);
    if (!ledger)
        return;
    /* Policy overwrite: what was written may be gone, and a gap says so. */
    EXPECT(
        a->attempted == a->written + a->dropped && tally.gaps == a->dropped + ledger->overwritten &&
            tally.records + ledger->overwritten == a->written,
        "process %u: attempted %" PRIu64 ", written %" PRIu64 ", dropped %" PRIu64
        "; decoded %" PRIu64 ", gaps %" PRIu64 ", overwritten %" PRIu64,
        pid, a->attempted, a->written, a->dropped, tally.records, tally.gaps, ledger->overwritten);
    EXPECT(ledger->written == a->written && ledger->dropped == a->dropped &&
               ledger->stored == tally.records && !ledger->damaged,
           "process %u: its ledger does not add up", pid);
}

struct judgement {
    const pid_t *pids;
    unsigned damage, untrue, unjust;
};

/* Who does not behave may be called a liar, and nobody else. */
static void finding_judge(void *context, const struct trace_finding *finding)
{
    struct judgement *j = context;
    bool is_good = false;

    for (int n = 0; n < GOOD; n++)
        is_good |= finding->process && finding->process->pid == (uint32_t)j->pids[n];
    j->damage += finding->severity == TRACE_SEVERITY_DAMAGE;
    j->untrue += finding->is_untrue;
    j->unjust += finding->is_untrue && (is_good || !finding->process);
    if (finding->severity == TRACE_SEVERITY_DAMAGE || (finding->is_untrue && is_good))
        printf("  offset %" PRIu64 ": %s\n", finding->offset, finding->text);
}

/* What is in the file of anybody's losses goes into all sums: it has to be possible. */
static void ledgers_check(struct trace *trace)
{
    const struct trace_thread *thread;

    for (size_t n = 0; (thread = trace_thread_at(trace, n)); n++) {
        const struct trace_ledger *l = trace_ledger_of(trace, thread->thread);

        EXPECT(!l || (l->dropped < COUNT_MAX && l->overwritten < COUNT_MAX &&
                      l->damaged < COUNT_MAX && (!l->final || l->written < COUNT_MAX)),
               "thread %u has written %" PRIu64 ", dropped %" PRIu64 ", overwritten %" PRIu64
               ", damaged %" PRIu64,
               thread->thread, l->written, l->dropped, l->overwritten, l->damaged);
    }
}

static void file_check(const char *path, const pid_t *pids, const struct stage *stage)
{
    struct judgement judgement = {.pids = pids};
    struct trace_error error;
    struct trace *trace;
    int verdict = trace_verify(path, finding_judge, &judgement);

    EXPECT(verdict == 0 || verdict == 3, "the file is called unreadable");
    EXPECT(!judgement.damage, "%u findings of damage in the file", judgement.damage);
    EXPECT(!judgement.unjust, "%u findings say that others lie", judgement.unjust);
    EXPECT(judgement.untrue, "nobody is said to lie");
    printf("%u processes lie\n", judgement.untrue);
    if (trace_open(&trace, path, &error)) {
        EXPECT(false, "the file does not open: %s", error.message);
        return;
    }
    ledgers_check(trace);
    for (int n = 0; n < GOOD; n++)
        account_check(trace, (uint32_t)pids[n], &stage->accounts[n]);
    trace_close(trace);
}

/* ---- all of it ---- */

static void news_check(void *context, const char *text)
{
    (void)context;
    for (; *text; text++)
        if ((unsigned char)*text < ' ')
            store_relaxed((uint32_t *)context, 1);
}

static struct collector *collector_begin(const char *path, enum ring_policy policy,
                                         uint32_t *bad_news)
{
    /* They look at raw payloads, and at what calls there are. */
    static const char *const triggers[] = {"path contains \"x\" || raw endswith \"y\"",
                                           "rows[3] > 5 && pid != 7", "slow(*) > 1us",
                                           "guest:number.number > 1e18"};
    const struct collector_options options = {
        .geometry = {.slots = 32,
                     .ring_bytes = 64 * 1024,
                     .ring_max_bytes = 512 * 1024,
                     .arena_bytes = 1 << 20,
                     .policy = policy,
                     .timeout_ns = 1000 * 1000},
        .level = ADA_LEVEL_DEBUG,
        .compression = 1,
        .command = "hostile",
        .file = path,
        .context = bad_news,
        .news = news_check,
        .trigger_news = news_check,
        .triggers = triggers,
        .trigger_count = sizeof(triggers) / sizeof(*triggers),
        .timing = {.cool_down_ns = 1000 * 1000 * 1000, .snapshots_max = 2},
    };
    struct collector *collector;
    enum collector_step step = COLLECTOR_FILE;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0 || collector_create(&collector, fd, &options, &step)) {
        printf("no collector, step %d\n", (int)step);
        exit(1);
    }
    return collector;
}

static void watch(const struct stage *stage, uint64_t until_ns)
{
    char control[SESSION_PATH_BYTES];
    unsigned descriptors_most = 0;
    uint64_t resident_most = 0;

    control_path(stage->socket, control);
    for (unsigned turn = 0; clock_monotonic_ns() < until_ns && !failures; turn++) {
        unsigned descriptors = descriptors_count();
        uint64_t resident = resident_kib();

        descriptors_most = descriptors > descriptors_most ? descriptors : descriptors_most;
        resident_most = resident > resident_most ? resident : resident_most;
        session_use(control, turn);
        usleep(20 * 1000); /* how often is asked, not when something is expected */
    }
    printf("at most %u descriptors, %" PRIu64 " MiB\n", descriptors_most, resident_most / 1024);
    EXPECT(descriptors_most <= DESCRIPTORS_MAX, "%u descriptors", descriptors_most);
    EXPECT(resident_most <= RESIDENT_KIB_MAX, "%" PRIu64 " KiB resident", resident_most);
}

static void good_await(const pid_t *pids)
{
    for (int n = 0; n < GOOD; n++) {
        int status = -1;

        waitpid(pids[n], &status, 0);
        EXPECT(status == 0, "process %d ended with %d", (int)pids[n], status);
    }
}

/* Nobody but us ends it: one that has ended by itself has scribbled on nothing since. */
static void scribbler_end(pid_t pid)
{
    int status = 0;
    bool is_there = waitpid(pid, &status, WNOHANG) == 0;

    if (is_there) {
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
    }
    EXPECT(is_there && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
           "who scribbles has ended by itself, with %d", status);
}

static uint64_t processor_ms(void)
{
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000 + (uint64_t)used.tv_nsec / 1000000;
}

/* Returns the processor's time until then. */
static uint64_t recording_run(struct stage *stage, const pid_t *pids, const char *path,
                              enum ring_policy policy, uint64_t seconds)
{
    struct symbolize_figures symbols;
    struct drain_figures figures;
    uint32_t bad_news = 0;
    struct collector *collector = collector_begin(path, policy, &bad_news);
    uint64_t used_ms;
    int err;

    snprintf(stage->socket, sizeof(stage->socket), "%s", collector_socket(collector));
    store_release(&stage->open, 1);
    watch(stage, clock_monotonic_ns() + seconds * 1000000000);
    store_relaxed(&stage->stop, 1);
    good_await(pids);
    scribbler_end(pids[GOOD]);
    used_ms = processor_ms();
    err = collector_finish(collector, 0, 0, &symbols);
    EXPECT(!err, "the file ended with %s", strerror(-err));
    collector_figures(collector, &figures);
    collector_destroy(collector);
    EXPECT(!bad_news, "news with control characters in them");
    printf("%" PRIu64 " records, %" PRIu64 " damaged, %" PRIu64 " threads, %" PRIu64
           " processes, file of %" PRIu64 " MiB\n",
           (uint64_t)figures.records, (uint64_t)figures.damaged, (uint64_t)figures.threads,
           (uint64_t)figures.processes, (uint64_t)figures.file_bytes >> 20);
    EXPECT(figures.dropped < COUNT_MAX && figures.overwritten < COUNT_MAX &&
               figures.damaged < COUNT_MAX,
           "%" PRIu64 " dropped, %" PRIu64 " overwritten, %" PRIu64 " damaged",
           (uint64_t)figures.dropped, (uint64_t)figures.overwritten, (uint64_t)figures.damaged);
    return used_ms;
}

/* That nothing went wrong says nothing where nothing was done. */
static void work_check(const struct stage *stage, uint64_t seconds)
{
    printf("%" PRIu64 " steps of scribbling\n", stage->scribbled);
    EXPECT(stage->scribbled >= seconds * DEEDS_A_SECOND_MIN, "too few to be called fire");
    for (int n = 0; n < GOOD; n++)
        EXPECT(stage->accounts[n].attempted >= seconds * DEEDS_A_SECOND_MIN,
               "no more than %" PRIu64 " events attempted", stage->accounts[n].attempted);
}

static void afterwards_check(uint64_t used_ms, uint64_t seconds)
{
    uint64_t after_ms = processor_ms() - used_ms;

    printf("afterwards %" PRIu64 " ms of a processor\n", after_ms);
    EXPECT(after_ms < (AFTERWARDS_SECONDS_MAX + seconds) * 1000, "that is too long");
}

/* With the snapshots in it. */
static void folder_remove(const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *entry;

    while (folder && (entry = readdir(folder)))
        (void)unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder)
        closedir(folder);
    rmdir(path);
}

static enum ring_policy policy_named(const char *name)
{
    return strcmp(name, "overwrite") == 0 ? RING_OVERWRITE
           : strcmp(name, "block") == 0   ? RING_BLOCK
                                          : RING_DROP;
}

/* Each policy has a figure of its own, and so has the long form. */
static void figure_tell(const struct stage *stage, const char *policy, uint64_t seconds,
                        uint64_t seed)
{
    char key[64];

    snprintf(key, sizeof(key), "hostile-memory-%s%s", policy,
             seconds < LONG_SECONDS ? "" : "-nightly");
    evidence_write(key,
                   "%" PRIu64 " s, seed %" PRIu64 ", %" PRIu64
                   " steps of scribbling: two accounts of %" PRIu64 " and %" PRIu64 " events exact",
                   seconds, seed, stage->scribbled, stage->accounts[0].attempted,
                   stage->accounts[1].attempted);
}

int main(int count, char **words)
{
    char path[] = "/tmp/hostile-XXXXXX/trace", *folder = path;
    struct stage *stage;
    pid_t pids[GOOD + 1];
    uint64_t seed, used_ms, seconds;

    if (count < 3)
        return 2;
    seed = count > 3 ? strtoull(words[3], NULL, 0) : clock_monotonic_ns() % 1000000;
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("seed %" PRIu64 "\n", seed);
    folder[strlen("/tmp/hostile-XXXXXX")] = 0;
    if (!mkdtemp(folder))
        return 1;
    setenv("ADATRACE_RUNTIME_DIR", folder, 1);
    folder[strlen(folder)] = '/';
    stage = mmap(NULL, sizeof(*stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (stage == MAP_FAILED)
        return 1;
    for (int n = 0; n <= GOOD; n++)
        pids[n] = child_begin(stage, n, seed);
    seconds = strtoull(words[2], NULL, 0);
    used_ms = recording_run(stage, pids, path, policy_named(words[1]), seconds);
    if (!failures)
        work_check(stage, seconds);
    if (!failures)
        file_check(path, pids, stage);
    afterwards_check(used_ms, seconds);
    if (!failures)
        figure_tell(stage, words[1], seconds, seed);
    *strrchr(path, '/') = 0;
    folder_remove(path);
    return failures != 0;
}
