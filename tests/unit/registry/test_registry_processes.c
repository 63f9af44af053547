/* SPDX-License-Identifier: Apache-2.0 */
/* Writer, drain and onlooker in three processes that share nothing but the segment. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic.h"
#include "registry_fixture.h"

enum { WRITTEN = 40, DROPPED = 7, PAYLOAD = 64 };

/* What an onlooker finds; sent through a pipe. */
struct sight {
    int mapped;
    uint32_t bound, policy;
    struct registry_view view;
    struct ring_stats stats;
    uint64_t unringed, unringed_bytes;
};

struct stage {
    int fd, out;
};

/* The process has the memfd and nothing else: its mapping is its own. */
static void look_and_tell(void *argument)
{
    struct stage *stage = argument;
    struct sight sight = {0};
    struct segment s;

    sight.mapped = segment_map(&s, stage->fd);
    if (!sight.mapped) {
        sight.bound = registry_bound(&s);
        sight.policy = s.geometry.policy;
        if (registry_look(&s, 0, &sight.view))
            ring_stats(&s.slots[0].ring, &sight.stats);
        sight.unringed = load_relaxed(&s.shared->unringed);
        sight.unringed_bytes = load_relaxed(&s.shared->unringed_bytes);
    }
    if (write(stage->out, &sight, sizeof(sight)) != (ssize_t)sizeof(sight))
        _exit(1);
}

static struct sight onlooker_ask(int fd)
{
    struct sight sight = {.mapped = -1};
    struct stage stage = {.fd = fd};
    int channel[2];
    pid_t pid;

    assert_int_equal(pipe2(channel, O_CLOEXEC), 0);
    stage.out = channel[1];
    pid = process_start(look_and_tell, &stage);
    assert_true(pid > 0);
    assert_int_equal(read(channel[0], &sight, sizeof(sight)), sizeof(sight));
    assert_int_equal(process_end(pid), 0);
    close(channel[0]);
    close(channel[1]);
    assert_int_equal(sight.mapped, 0);
    return sight;
}

/* Fills the ring, and then asks for more. */
static void map_claim_and_write(void *argument)
{
    struct stage *stage = argument;
    struct ada_writer writer;
    struct segment s;

    if (segment_map(&s, stage->fd) || owner_claim(&s, "the writer") != 0)
        _exit(1);
    owner_write_to(&writer, &s, 0);
    for (uint64_t i = 1; i <= WRITTEN; i++)
        if (!fixture_emit(&writer, PAYLOAD, i))
            _exit(2);
    for (uint64_t i = 0; i < DROPPED; i++)
        if (fixture_emit(&writer, 8192, WRITTEN + 1 + i)) /* longer than the ring */
            _exit(3);
    registry_unringed(&s, 321);
    if (write(stage->out, "", 1) != 1)
        _exit(4);
    stay_for_ever();
}

static void counters_are_those_that_another_process_wrote(void **state)
{
    struct registry_fixture *f = registry_fixture_open(2, 4096, 2);
    struct stage stage = {.fd = f->segment.fd};
    uint64_t record_bytes = ada_record_bytes(PAYLOAD);
    struct sight seen;
    int channel[2];
    char byte;
    pid_t pid;

    (void)state;
    seen = onlooker_ask(f->segment.fd);
    assert_int_equal(seen.bound, 0);
    assert_int_equal(pipe2(channel, O_CLOEXEC), 0);
    stage.out = channel[1];
    pid = process_start(map_claim_and_write, &stage);
    assert_true(pid > 0);
    assert_int_equal(read(channel[0], &byte, 1), 1);

    seen = onlooker_ask(f->segment.fd);
    assert_int_equal(seen.bound, 1);
    assert_int_equal(seen.policy, RING_DROP);
    assert_int_equal(seen.view.pid, pid);
    assert_string_equal(seen.view.name, "the writer");
    assert_false(seen.view.dead);
    assert_int_equal(seen.stats.written, WRITTEN);
    assert_int_equal(seen.stats.fill_bytes, WRITTEN * record_bytes);
    assert_int_equal(seen.stats.dropped, DROPPED);
    assert_int_equal(seen.stats.dropped_bytes, DROPPED * ada_record_bytes(8192));
    assert_int_equal(seen.stats.taken, 0);
    assert_int_equal(seen.unringed, 1);
    assert_int_equal(seen.unringed_bytes, 321);

    assert_int_equal(registry_fixture_round(f), 1); /* this process is the drain */
    seen = onlooker_ask(f->segment.fd);
    assert_int_equal(seen.stats.taken, WRITTEN);
    assert_int_equal(seen.stats.fill_bytes, 0);
    assert_int_equal(seen.stats.high_water_bytes, WRITTEN * record_bytes);

    (void)process_kill(pid);
    seen = onlooker_ask(f->segment.fd); /* they outlive the writer */
    assert_true(seen.view.dead);
    assert_int_equal(seen.stats.written, WRITTEN);
    assert_int_equal(registry_fixture_round(f), 0);
    seen = onlooker_ask(f->segment.fd);
    assert_int_equal(seen.view.pid, 0); /* nobody has it any more */
    close(channel[0]);
    close(channel[1]);
    registry_fixture_close(f);
}

static void map_and_claim(void *argument)
{
    struct stage *stage = argument;
    struct ada_writer writer;
    struct segment s;
    int slot;

    if (segment_map(&s, stage->fd))
        _exit(1);
    slot = owner_claim(&s, NULL);
    if (slot < 0)
        _exit(2);
    owner_write_to(&writer, &s, (uint32_t)slot);
    for (uint64_t i = 1; i <= 10; i++)
        if (!fixture_emit(&writer, 16, i))
            _exit(3);
    registry_retire(&s, (uint32_t)slot);
}

static void processes_by_the_dozen_share_one_registry(void **state)
{
    enum { PROCESSES = 24 };
    struct registry_fixture *f = registry_fixture_open(PROCESSES, 4096, PROCESSES);
    struct stage stage = {.fd = f->segment.fd};
    pid_t pids[PROCESSES];

    (void)state;
    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = process_start(map_and_claim, &stage);
        assert_true(pids[i] > 0);
    }
    for (int i = 0; i < PROCESSES; i++) {
        (void)registry_fixture_round(f); /* while others come and go */
        assert_int_equal(process_end(pids[i]), 0);
    }
    assert_int_equal(registry_fixture_round(f), 0);
    assert_int_equal(f->ended, PROCESSES);
    assert_int_equal(f->taken, 10 * PROCESSES);
    registry_fixture_close(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_are_those_that_another_process_wrote),
        cmocka_unit_test(processes_by_the_dozen_share_one_registry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
