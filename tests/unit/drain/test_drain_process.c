/* SPDX-License-Identifier: Apache-2.0 */
/* Processes: forks, death, and segments that nobody has any more. */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/atomic.h"
#include "drain/drain_state.h"
#include "fake_writer.h"
#include "producer.h"

/* A forked child of the traced process: claims a slot, writes `records`, waits to be told. */
struct child {
    pid_t pid;
    int go[2], done[2];
};

static void child_run(struct child *c, struct stage *stage, uint64_t records)
{
    struct registry_claim claim = {.pid = (uint32_t)getpid(),
                                   .tid = (uint32_t)getpid(),
                                   .parent_pid = stage->pid,
                                   .ticks = clock_source_ticks(CLOCK_SOURCE_MONOTONIC),
                                   .robust = true};
    struct ada_writer writer = {0};
    char byte = 0;
    int slot = registry_claim(&stage->segment, &claim);

    if (slot < 0)
        _exit(1);
    ring_writer_init(&writer, &stage->segment.slots[slot].ring, false);
    writer.data = segment_ring_data(&stage->segment, (uint32_t)slot);
    for (uint64_t i = 0; i < records; i++)
        ring_write(&writer, TYPE_NUMBER, &i, sizeof(i));
    (void)!write(c->done[1], &byte, 1);
    (void)!read(c->go[0], &byte, 1);
    _exit(0);
}

static void child_begin(struct child *c, struct stage *stage, uint64_t records)
{
    char byte;

    assert_int_equal(pipe(c->go), 0);
    assert_int_equal(pipe(c->done), 0);
    c->pid = fork();
    assert_true(c->pid >= 0);
    if (!c->pid)
        child_run(c, stage, records);
    assert_int_equal(read(c->done[0], &byte, 1), 1);
}

/* One of this process, which has nothing to do with what is traced. */
static void helper_begin(struct child *c)
{
    char byte;

    assert_int_equal(pipe(c->go), 0);
    assert_int_equal(pipe(c->done), 0);
    c->pid = fork();
    assert_true(c->pid >= 0);
    if (!c->pid) {
        (void)!read(c->go[0], &byte, 1);
        _exit(0);
    }
}

static void child_end(struct child *c, int signal)
{
    char byte = 0;

    if (signal)
        kill(c->pid, signal);
    else
        assert_int_equal(write(c->go[1], &byte, 1), 1);
    assert_int_equal(waitpid(c->pid, NULL, 0), c->pid);
    for (int i = 0; i < 2; i++) {
        close(c->go[i]);
        close(c->done[i]);
    }
}

static void forked_child_is_a_process_of_the_same_image(void **state)
{
    struct stage stage;
    struct child child;
    const struct fake_call *root, *fork_call;

    (void)state;
    stage_set(&stage, &(struct stage_options){0});
    drain_round(stage.drain);
    child_begin(&child, &stage, 5);
    drain_round(stage.drain);
    root = fake_find(FAKE_PROCESS, 0, 0);
    fork_call = fake_find(FAKE_PROCESS, 0, 1);
    assert_non_null(fork_call);
    assert_int_equal(fork_call->item.process.pid, child.pid);
    assert_int_equal(fork_call->item.process.parent, root->process);
    assert_int_equal(fork_call->item.process.image, root->item.process.image);
    assert_true(fork_call->item.process.start_time > 0);
    assert_int_equal(fake_count(FAKE_RECORD, 0), 5);
    child_end(&child, 0);
    (void)fake_end_of(&stage, fork_call->process);
    assert_true(fake_last(FAKE_LEDGER, 1)->item.ledger.final);
    stage_clear(&stage);
}

static void killed_process_is_drained_to_the_end(void **state)
{
    struct stage stage;
    struct child child;

    (void)state;
    stage_set(&stage, &(struct stage_options){0});
    drain_round(stage.drain);
    child_begin(&child, &stage, 100);
    child_end(&child, SIGKILL); /* before the drain ever saw it */
    drain_round(stage.drain);
    drain_round(stage.drain);
    assert_int_equal(fake_count(FAKE_RECORD, 0), 100);
    assert_true(fake_last(FAKE_LEDGER, 1)->item.ledger.final);
    assert_int_equal(fake_last(FAKE_LEDGER, 1)->item.ledger.stored, 100);
    stage_clear(&stage);
}

static void *claim_write_and_end(void *context)
{
    struct stage *stage = context;
    struct registry_claim claim = {.pid = (uint32_t)getpid(),
                                   .tid = (uint32_t)gettid(),
                                   .ticks = clock_source_ticks(CLOCK_SOURCE_MONOTONIC)};
    struct ada_writer writer = {0};
    uint64_t number = 7;
    int slot = registry_claim(&stage->segment, &claim);

    assert_true(slot >= 0);
    ring_writer_init(&writer, &stage->segment.slots[slot].ring, false);
    writer.data = segment_ring_data(&stage->segment, (uint32_t)slot);
    assert_true(ring_write(&writer, TYPE_NUMBER, &number, sizeof(number)));
    return (void *)(intptr_t)gettid();
}

/* Who joins an emulator's thread comes back a little earlier. */
static void thread_be_gone(pid_t tid)
{
    while (tgkill(getpid(), tid, 0) == 0)
        sched_yield();
    assert_int_equal(errno, ESRCH);
}

/* As under an emulator, whose kernel knows no robust futexes. */
static void thread_whose_death_is_not_told_is_looked_for_once_a_second(void **state)
{
    struct stage stage;
    pthread_t thread;
    void *tid;

    (void)state;
    stage_set(&stage, &(struct stage_options){0});
    assert_int_equal(pthread_create(&thread, NULL, claim_write_and_end, &stage), 0);
    assert_int_equal(pthread_join(thread, &tid), 0);
    thread_be_gone((pid_t)(intptr_t)tid);
    drain_round(stage.drain);
    assert_int_equal(stage.drain->sources->live, 1);
    stage.drain->tick_ns = 0; /* a second later */
    drain_round(stage.drain);
    drain_round(stage.drain);
    assert_int_equal(stage.drain->sources->live, 0);
    assert_int_equal(fake_last(FAKE_LEDGER, 1)->item.ledger.stored, 1);
    assert_true(fake_last(FAKE_LEDGER, 1)->item.ledger.final);
    stage_clear(&stage);
}

/* ---- segments ---- */

static void segment_without_users_is_given_back(void **state)
{
    struct stage stage;

    (void)state;
    stage_set(&stage, &(struct stage_options){.maps = true});
    drain_round(stage.drain);
    stage_unmap(&stage); /* the process's only mapping */
    stage.drain->processes->dead = true;
    drain_round(stage.drain);
    assert_null(stage.drain->sources);
    assert_null(stage.drain->processes);
    drain_destroy(stage.drain);
}

/* Emulators answer madvise() and do nothing. */
static bool kernel_keeps_from_forks(void)
{
    void *page = mmap(NULL, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int status = madvise(page, 1, MADV_DONTFORK);
    pid_t pid = fork();

    if (pid == 0)
        _exit(msync(page, 1, MS_ASYNC) == 0); /* else ENOMEM: it is not there */
    assert_true(pid > 0 && waitpid(pid, &status, 0) == pid && munmap(page, 1) == 0);
    return status == 0;
}

/* As the one in which the collector looks symbols up, and that may take minutes. */
static void child_of_ours_does_not_hold_a_segment(void **state)
{
    struct stage stage;
    struct child child;

    (void)state;
    if (!kernel_keeps_from_forks())
        skip();
    stage_set(&stage, &(struct stage_options){.maps = true});
    drain_round(stage.drain);
    segment_keep_from_forks(&stage.drain->sources->segment);
    stage.drain->processes->dead = true;
    drain_round(stage.drain); /* in vain: mapped anew */
    assert_non_null(stage.drain->sources);
    stage_unmap(&stage);
    helper_begin(&child);
    stage.drain->sources->look_again_ns = 0;
    drain_round(stage.drain);
    child_end(&child, 0);
    assert_null(stage.drain->sources);
    drain_destroy(stage.drain);
}

static void segment_that_a_silent_child_maps_stays(void **state)
{
    struct stage stage;
    struct producer p;

    (void)state;
    stage_set(&stage, &(struct stage_options){.maps = true});
    drain_round(stage.drain);
    stage.drain->processes->dead = true;
    drain_round(stage.drain); /* our mapping stands for the child's */
    assert_non_null(stage.drain->sources);
    producer_claim(&p, &stage, 1, false);
    producer_write(&p, 42);
    drain_round(stage.drain);
    assert_int_equal(fake_count(FAKE_RECORD, 0), 1);
    assert_int_equal(fake_last(FAKE_RECORD, 0)->value, 42);
    stage_clear(&stage);
}

/* ---- lies ---- */

static void children_that_never_were_are_bounded(void **state)
{
    enum { TOLD = 3000, BEYOND_ALL_PIDS = 5000000 };
    struct stage stage;

    (void)state;
    stage_set(&stage, &(struct stage_options){0});
    for (uint32_t i = 0; i < TOLD; i++) {
        const struct arena_process told = {.pid = BEYOND_ALL_PIDS + i, .parent_pid = stage.pid};

        assert_int_equal(
            arena_append(&stage.segment, ARENA_PROCESS, &told, sizeof(told), "x\0y", 4), 0);
    }
    drain_round(stage.drain);
    assert_int_equal(fake_count(FAKE_PROCESS, 0), 1 + SEGMENT_SLOTS_MAX);
    assert_int_equal(fake_count(FAKE_NOTE, 0), 1);
    stage_clear(&stage);
}

/* ---- modules ---- */

static void map_tell(struct stage *stage, enum arena_kind kind, uint64_t base, const char *path)
{
    struct arena_map map = {.ticks = clock_source_ticks(CLOCK_SOURCE_MONOTONIC),
                            .base = base,
                            .end = base + 0x1000,
                            .bias = base,
                            .pid = stage->pid,
                            .build_id_bytes = 2,
                            .build_id = {0xab, 0x01}};

    assert_int_equal(arena_append(&stage->segment, kind, &map, sizeof(map), path, strlen(path) + 1),
                     0);
}

static void module_is_written_when_mapped_and_again_when_unmapped(void **state)
{
    struct stage stage;

    (void)state;
    stage_set(&stage, &(struct stage_options){0});
    map_tell(&stage, ARENA_MAP, 0x10000, "/lib/one.so");
    map_tell(&stage, ARENA_MAP, 0x10000, "/lib/one.so"); /* a child says it again */
    map_tell(&stage, ARENA_UNMAP, 0x10000, "");
    map_tell(&stage, ARENA_MAP, 0x10000, "/lib/two.so");
    drain_round(stage.drain);
    assert_int_equal(fake_count(FAKE_MODULE, 0), 3);
    assert_string_equal(fake_find(FAKE_MODULE, 0, 0)->text, "/lib/one.so");
    assert_true(fake_find(FAKE_MODULE, 0, 0)->item.module.to_ticks == UINT64_MAX);
    assert_int_equal(fake_find(FAKE_MODULE, 0, 1)->item.module.module, 1);
    assert_true(fake_find(FAKE_MODULE, 0, 1)->item.module.to_ticks < UINT64_MAX);
    assert_int_equal(fake_find(FAKE_MODULE, 0, 2)->item.module.module, 2);
    assert_string_equal(drain_modules(stage.drain)->build_id, "ab01");
    stage_clear(&stage);
}

static void module_that_a_child_unmaps_stays_for_its_parent(void **state)
{
    struct arena_process child = {0};
    struct stage stage;
    uint32_t parent;

    (void)state;
    stage_set(&stage, &(struct stage_options){0});
    parent = stage.pid;
    child.parent_pid = parent;
    child.pid = parent + 1;
    child.ticks = clock_source_ticks(CLOCK_SOURCE_MONOTONIC);
    map_tell(&stage, ARENA_MAP, 0x10000, "/lib/one.so");
    assert_int_equal(arena_append(&stage.segment, ARENA_PROCESS, &child, sizeof(child), "", 1), 0);
    stage.pid = child.pid;
    map_tell(&stage, ARENA_UNMAP, 0x10000, "");
    drain_round(stage.drain);
    assert_int_equal(fake_count(FAKE_MODULE, 0), 1);
    assert_true(drain_modules(stage.drain)->to_ticks == UINT64_MAX);
    stage.pid = parent;
    map_tell(&stage, ARENA_UNMAP, 0x10000, "");
    drain_round(stage.drain);
    assert_true(drain_modules(stage.drain)->to_ticks < UINT64_MAX);
    stage_clear(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forked_child_is_a_process_of_the_same_image),
        cmocka_unit_test(killed_process_is_drained_to_the_end),
        cmocka_unit_test(thread_whose_death_is_not_told_is_looked_for_once_a_second),
        cmocka_unit_test(segment_without_users_is_given_back),
        cmocka_unit_test(segment_that_a_silent_child_maps_stays),
        cmocka_unit_test(child_of_ours_does_not_hold_a_segment),
        cmocka_unit_test(children_that_never_were_are_bounded),
        cmocka_unit_test(module_is_written_when_mapped_and_again_when_unmapped),
        cmocka_unit_test(module_that_a_child_unmaps_stays_for_its_parent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
