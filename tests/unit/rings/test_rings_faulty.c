/* SPDX-License-Identifier: Apache-2.0 */
/* Making rings, channels, fan-ins and broadcast buffers where any call can fail: what went wrong is
 * said, and nothing is kept. */
#include <adatrace/broadcast.h>
#include <adatrace/channel.h>
#include <adatrace/fanin.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "faulty.h"
#include "rings/spsc_map.h"
#include "rings/warden.h"
#include "spsc_fixture.h"

static char folder[] = "/dev/shm/adatrace-faulty-XXXXXX", inner[64], name[64];

static const struct ada_channel_options channel_here = {
    .size = sizeof(channel_here), .folder = inner, .capacity = 4096};
static const struct ada_fanin_options two = {.size = sizeof(two), .producers = 2, .capacity = 1024};

static int folder_make(void **state)
{
    (void)state;
    snprintf(name, sizeof(name), "adatrace-faulty-%d", (int)getpid());
    if (!mkdtemp(folder))
        return -1;
    snprintf(inner, sizeof(inner), "%s/inner", folder);
    return 0;
}

static int folder_remove(void **state)
{
    (void)state;
    return rmdir(folder);
}

/* ---- scenes ---- */

static int ring_private(void *unused)
{
    struct ada_ring *r;
    int err = ada_ring_create(4096, &r);

    (void)unused;
    if (!err)
        ada_ring_destroy(r);
    return err;
}

static int ring_by_descriptor(void *unused)
{
    struct ada_ring *ours, *theirs;
    int err = ada_ring_create_fd(4096, &ours);

    (void)unused;
    if (err)
        return err;
    err = ada_ring_attach_fd(ada_ring_fd(ours), &theirs);
    if (!err)
        ada_ring_destroy(theirs);
    ada_ring_destroy(ours);
    return err;
}

static int ring_by_name(void *unused)
{
    struct ada_ring *ours, *theirs;
    int err = ada_ring_create_named(name, 4096, &ours);

    (void)unused;
    if (err) {
        assert_int_equal(ada_ring_remove(name), -ENOENT); /* no half a ring has the name */
        return err;
    }
    err = ada_ring_attach_named(name, &theirs);
    if (!err)
        ada_ring_destroy(theirs);
    ada_ring_destroy(ours);
    assert_int_equal(ada_ring_remove(name), 0);
    return err;
}

static int ring_saved(void *unused)
{
    struct ada_ring *r, *again;
    char path[96];
    int err = ada_ring_create(4096, &r), fd;

    (void)unused;
    if (err)
        return err;
    snprintf(path, sizeof(path), "%s/image", folder);
    fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
    err = fd < 0 ? -errno : ada_ring_try_write(r, "what is kept", 13);
    if (!err)
        err = ada_ring_save(r, fd);
    if (!err && lseek(fd, 0, SEEK_SET) == 0)
        err = ada_ring_load(fd, &again);
    if (fd >= 0) {
        close(fd);
        unlink(path);
    }
    ada_ring_destroy(r);
    if (err)
        return err;
    assert_int_equal(ada_ring_fill(again), 24);
    ada_ring_destroy(again);
    return 0;
}

static int channel_both_ends(void *unused)
{
    struct ada_channel *w, *r = NULL;
    int err = ada_channel_open("c", ADA_CHANNEL_WRITER, &channel_here, &w), gone;

    (void)unused;
    if (!err) {
        err = ada_channel_open("c", ADA_CHANNEL_READER, &channel_here, &r);
        if (!err)
            err = ada_ring_try_write(ada_channel_ring(w), "x", 2);
        ada_channel_close(r);
        ada_channel_close(w);
    }
    if (!err && (err = ada_channel_exists(inner, "c")) == 1)
        err = 0;
    gone = ada_channel_remove(inner, "c");
    if (gone && gone != -ENOENT)
        assert_int_equal(ada_channel_remove(inner, "c"), 0);
    rmdir(inner);
    return err || gone == -ENOENT ? err : gone;
}

static int count(void *context, const struct ada_channel_stats *stats)
{
    (void)stats;
    ++*(int *)context;
    return 0;
}

static int channels_visited(void *seen)
{
    *(int *)seen = 0;
    return ada_channels_visit(inner, count, seen);
}

static int look(void *seen, const struct ada_fanin_producer *who,
                const struct ada_ring_record *record)
{
    (void)who;
    *(int *)seen += record != NULL;
    return 0;
}

static int fanin_use(struct ada_fanin *f)
{
    struct ada_ring *ring;
    int seen = 0, err = ada_fanin_join(f, &ring);
    int64_t got = 0;

    if (!err) {
        err = ada_ring_try_write(ring, "x", 2);
        ada_fanin_leave(f, ring);
    }
    if (!err)
        got = ada_fanin_poll(f, look, &seen, 8);
    assert_int_equal(seen, got > 0);
    return err ? err : got < 0 ? (int)got : 0;
}

static int fanin_private(void *unused)
{
    struct ada_fanin *f;
    int err = ada_fanin_create(&two, &f);

    (void)unused;
    if (err)
        return err;
    err = fanin_use(f);
    ada_fanin_destroy(f);
    return err;
}

static int fanin_by_descriptor(void *unused)
{
    struct ada_fanin *ours, *theirs;
    int err = ada_fanin_create_fd(&two, &ours);

    (void)unused;
    if (err)
        return err;
    err = ada_fanin_attach_fd(ada_fanin_fd(ours), &theirs);
    if (!err) {
        err = fanin_use(theirs);
        ada_fanin_destroy(theirs);
    }
    ada_fanin_destroy(ours);
    return err;
}

static int fanin_by_name(void *unused)
{
    struct ada_fanin *ours, *theirs;
    int err = ada_fanin_create_named(name, &two, &ours);

    (void)unused;
    if (err) {
        assert_int_equal(ada_fanin_remove(name), -ENOENT);
        return err;
    }
    err = ada_fanin_attach_named(name, &theirs);
    if (!err)
        ada_fanin_destroy(theirs);
    ada_fanin_destroy(ours);
    assert_int_equal(ada_fanin_remove(name), 0);
    return err;
}

static int broadcast_use(struct ada_broadcast *b)
{
    struct ada_broadcast_join_options behind = {.size = sizeof(behind), .after_count = 1};
    struct ada_broadcast_consumer *first, *second = NULL;
    struct ada_broadcast_message message;
    struct iovec part = {"x", 2};
    int err = ada_broadcast_join(b, NULL, &first);

    if (err)
        return err;
    behind.after = &first;
    err = ada_broadcast_join(b, &behind, &second);
    if (!err)
        err = ada_broadcast_write(b, 1, &part, 1, 0);
    if (!err)
        err = ada_broadcast_read(first, &message, 0) == 1 ? 0 : -ENOMEM; /* for its copy */
    ada_broadcast_leave(second);
    ada_broadcast_leave(first);
    return err;
}

static int broadcast_by_descriptor(void *unused)
{
    struct ada_broadcast_options options = {
        .size = sizeof(options), .capacity_bytes = 65536, .in_memfd = 1};
    struct ada_broadcast *ours, *theirs;
    int err = ada_broadcast_create(&ours, &options);

    (void)unused;
    if (err)
        return err;
    err = ada_broadcast_map(&theirs, ada_broadcast_fd(ours));
    if (!err)
        ada_broadcast_destroy(theirs);
    if (!err)
        err = broadcast_use(ours);
    ada_broadcast_destroy(ours);
    return err;
}

/* ---- cases ---- */

/* Some emulators know no robust futexes: there no end can be held. */
static void skip_without_robust_lists(void)
{
    if (channel_both_ends(NULL) == -ENOSYS)
        skip();
}

static void whatever_fails_is_said_and_nothing_is_kept(void **state)
{
    /* Without it sleeps are naps; older kernels have fewer seals. */
    static const char *const harmless[] = {"membarrier", NULL}, *const seals[] = {"fcntl", NULL};
    int (*const scenes[])(void *) = {ring_private,  ring_by_descriptor, ring_by_name,
                                     ring_saved,    channel_both_ends,  fanin_private,
                                     fanin_by_name, fanin_by_descriptor};
    unsigned failures = 0;

    (void)state;
    skip_without_robust_lists();
    assert_int_equal(fanin_private(NULL), 0); /* what is made once in a program's life */
    assert_int_equal(channel_both_ends(NULL), 0);
    for (unsigned i = 0; i < sizeof(scenes) / sizeof(*scenes); i++)
        failures += faulty_sweep(scenes[i], NULL, harmless, NULL);
    failures += faulty_sweep(broadcast_by_descriptor, NULL, seals, NULL);
    assert_true(failures > 90);
}

static void channel_that_cannot_be_looked_at_is_passed_over(void **state)
{
    static const char *const harmless[] = {"fstat", "openat", "pread", NULL};
    struct ada_channel *c;
    int seen;

    (void)state;
    skip_without_robust_lists();
    assert_int_equal(ada_channel_open("v", ADA_CHANNEL_WRITER, &channel_here, &c), 0);
    assert_int_equal(faulty_sweep(channels_visited, &seen, harmless, NULL), 6);
    assert_int_equal(seen, 1);
    ada_channel_close(c);
    assert_int_equal(ada_channel_remove(inner, "v"), 0);
    assert_int_equal(rmdir(inner), 0);
}

static void kernel_without_sealed_memory_without_code_has_memory(void **state)
{
    struct ada_ring *r;

    (void)state;
    faulty_next("memfd_create", EINVAL, 1);
    assert_int_equal(ada_ring_create_fd(4096, &r), 0);
    ada_ring_destroy(r);
    faulty_next("memfd_create", EINVAL, UINT_MAX);
    assert_int_equal(ada_ring_create_fd(4096, &r), -EINVAL);
    assert_int_equal(ring_by_descriptor(NULL), -EINVAL);
    faulty_next("fcntl", EPERM, UINT_MAX);
    assert_int_equal(broadcast_by_descriptor(NULL), -EPERM);
    faulty_next(NULL, 0, 0);
}

static void who_is_interrupted_or_gets_half_goes_on(void **state)
{
    static const struct {
        const char *name;
        int error;
    } rows[] = {{"write", EINTR},
                {"write", FAULTY_SHORT},
                {"read", EINTR},
                {"read", FAULTY_SHORT},
                {"posix_fallocate", EINTR}};

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        faulty_next(rows[i].name, rows[i].error, 3);
        assert_int_equal(ring_saved(NULL), 0);
        assert_int_equal(ring_by_descriptor(NULL), 0);
        assert_int_equal(broadcast_by_descriptor(NULL), 0);
        faulty_next(NULL, 0, 0);
    }
    faulty_next("pwrite", FAULTY_SHORT, 1); /* a channel's header is written whole, or not */
    assert_int_equal(channel_both_ends(NULL), -EIO);
    faulty_next(NULL, 0, 0);
}

/* The one thread that holds ends cannot tell of its death. */
static void without_robust_lists_nobody_holds_an_end(void **state)
{
    (void)state;
    skip_without_robust_lists();
    faulty_next("set_robust_list", ENOSYS, UINT_MAX);
    assert_int_equal(channel_both_ends(NULL), -ENOSYS);
    assert_int_equal(fanin_by_descriptor(NULL), -ENOSYS);
    faulty_next(NULL, 0, 0);
    assert_int_equal(channel_both_ends(NULL), 0);
}

/* Nobody can be fenced from afar: sleeps are naps, and end when they should. */
static void without_membarrier_waiting_ends_in_time(void **state)
{
    const uint64_t long_ns = 30 * 1000 * 1000;
    struct ada_ring *r;
    struct ada_fanin *f;

    (void)state;
    for (int without = 0; without < 2; without++) {
        faulty_next("membarrier", ENOSYS, without ? UINT_MAX : 0);
        assert_int_equal(ada_ring_create(1024, &r), 0);
        ada_ring_set_spin(r, 0);
        assert_int_equal(ada_ring_wait(r, long_ns), -ETIMEDOUT);
        while (!ada_ring_try_write(r, "full", 4))
            ;
        assert_int_equal(ada_ring_wait_room(r, 4, long_ns), -ETIMEDOUT);
        ada_ring_destroy(r);
        assert_int_equal(ada_fanin_create(&two, &f), 0);
        assert_int_equal(ada_fanin_wait(f, long_ns), -ETIMEDOUT);
        assert_int_equal(ada_fanin_wait(f, 1), -ETIMEDOUT);
        ada_fanin_destroy(f);
    }
    faulty_next(NULL, 0, 0);
}

/* Ends that are another's, or that had a holder, and one that somebody sleeps on. */
static void warden_holds_what_is_free_and_releases_what_it_holds(void **state)
{
    static struct {
        unsigned char shadow[SPSC_SHADOW_BYTES];
        struct spsc_end a, b;
    } __attribute__((aligned(SPSC_LINE))) memory;
    uint32_t tid;

    (void)state;
    skip_without_robust_lists();
    assert_int_equal(warden_hold(&memory.a, true, &tid), 0);
    assert_int_equal(warden_hold(&memory.a, true, &tid), -EBUSY);
    warden_release(&memory.b); /* nobody's */
    assert_int_equal(memory.b.attention.life, 0);
    memory.b.attention.life = FUTEX_OWNER_DIED;
    assert_int_equal(warden_hold(&memory.b, false, &tid), -EBUSY);
    assert_int_equal(memory.b.attention.life, FUTEX_OWNER_DIED);
    assert_int_equal(warden_hold(&memory.b, true, &tid), 0);
    memory.a.attention.life |= FUTEX_WAITERS;
    warden_release(&memory.a);
    warden_release(&memory.b);
    assert_int_equal(memory.a.attention.life, FUTEX_OWNER_DIED);
    warden_release(&memory.b); /* again: nothing is held */
    /* Had by somebody who died: with nothing else held the thread ends again. */
    assert_int_equal(warden_hold(&memory.b, false, &tid), -EBUSY);
}

static int grow_beyond_the_limit(void *unused)
{
    struct rlimit limit = {.rlim_cur = 1024}, before;
    struct ada_ring *r;
    struct ada_fanin *f;

    (void)unused;
    MUST(!getrlimit(RLIMIT_FSIZE, &before));
    limit.rlim_max = before.rlim_max;
    MUST(!setrlimit(RLIMIT_FSIZE, &limit));
    MUST(ada_ring_create_fd(4096, &r) == -EFBIG);
    MUST(ada_ring_create_named(name, 4096, &r) == -EFBIG);
    MUST(ada_fanin_create_fd(&two, &f) == -EFBIG);
    MUST(broadcast_by_descriptor(NULL) == -EFBIG);
    MUST(channel_both_ends(NULL) == -EFBIG);
    MUST(!setrlimit(RLIMIT_FSIZE, &before)); /* coverage's counts are longer */
    return 0;
}

/* The kernel's answer to a file that becomes too long is SIGXFSZ. */
static void limit_of_file_sizes_is_an_error_and_no_death(void **state)
{
    (void)state;
    assert_int_equal(fixture_wait(fixture_fork(grow_beyond_the_limit, NULL)), 0);
}

static int join_without_keys(void *unused)
{
    struct ada_fanin *f;
    struct ada_ring *ring;

    (void)unused;
    faulty_next("pthread_key_create", EAGAIN, 1);
    MUST(!ada_fanin_create(&two, &f));
    MUST(ada_fanin_join(f, &ring) == -ENOMEM);
    ada_fanin_destroy(f);
    return 0;
}

/* First of all: a program has one key, made once. */
static void without_a_key_nobody_joins(void **state)
{
    (void)state;
    assert_int_equal(fixture_wait(fixture_fork(join_without_keys, NULL)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_key_nobody_joins),
        cmocka_unit_test(whatever_fails_is_said_and_nothing_is_kept),
        cmocka_unit_test(channel_that_cannot_be_looked_at_is_passed_over),
        cmocka_unit_test(kernel_without_sealed_memory_without_code_has_memory),
        cmocka_unit_test(who_is_interrupted_or_gets_half_goes_on),
        cmocka_unit_test(without_robust_lists_nobody_holds_an_end),
        cmocka_unit_test(without_membarrier_waiting_ends_in_time),
        cmocka_unit_test(warden_holds_what_is_free_and_releases_what_it_holds),
        cmocka_unit_test(limit_of_file_sizes_is_an_error_and_no_death),
    };

    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
