/* SPDX-License-Identifier: Apache-2.0 */
/* Channels within one process: names, ends, what both sides see of each other, and the registry. */
#include <adatrace/channel.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "spsc_fixture.h"

static char folder[] = "/dev/shm/adatrace-test-XXXXXX";

static const struct ada_channel_options here = {
    .size = sizeof(here), .folder = folder, .capacity = 4096};

static struct ada_channel_options with(unsigned flags)
{
    struct ada_channel_options options = here;

    options.flags = flags;
    return options;
}

static struct ada_channel *take(const char *name, enum ada_channel_end end)
{
    struct ada_channel *c;

    assert_int_equal(ada_channel_open(name, end, &here, &c), 0);
    return c;
}

static int threads(void)
{
    DIR *list = opendir("/proc/self/task");
    int count = -2;

    while (readdir(list))
        count++;
    closedir(list);
    return count;
}

static int threads_at_first; /* sanitizers have one of their own as soon as there is another */

static int folder_make(void **state)
{
    struct ada_channel *c;

    (void)state;
    if (!mkdtemp(folder) || ada_channel_open("first", ADA_CHANNEL_READER, &here, &c))
        return -1;
    ada_channel_close(c);
    threads_at_first = threads();
    return ada_channel_remove(folder, "first");
}

static int folder_remove(void **state)
{
    DIR *list = opendir(folder);
    struct dirent *entry;

    (void)state;
    while (list && (entry = readdir(list)))
        (void)unlinkat(dirfd(list), entry->d_name, 0);
    closedir(list);
    return rmdir(folder);
}

static void open_makes_or_finds_as_told(void **state)
{
    struct ada_channel_options new = with(ADA_CHANNEL_NEW), old = with(ADA_CHANNEL_EXISTING);
    struct ada_channel *w, *r;

    (void)state;
    assert_int_equal(ada_channel_exists(folder, "a"), 0);
    assert_int_equal(ada_channel_open("a", ADA_CHANNEL_WRITER, &old, &w), -ENOENT);
    assert_int_equal(ada_channel_open("a", ADA_CHANNEL_WRITER, &new, &w), 0);
    assert_int_equal(ada_channel_exists(folder, "a"), 1);
    assert_int_equal(ada_channel_open("a", ADA_CHANNEL_READER, &new, &r), -EEXIST);
    assert_int_equal(ada_channel_open("a", ADA_CHANNEL_READER, &old, &r), 0);
    assert_int_equal(ada_ring_capacity(ada_channel_ring(r)), 4096);
    ada_channel_close(w);
    ada_channel_close(r);
    assert_int_equal(ada_channel_remove(folder, "a"), 0);
    assert_int_equal(ada_channel_remove(folder, "a"), -ENOENT);
    assert_int_equal(ada_channel_exists(folder, "a"), 0);
}

static void what_cannot_be_opened_is_refused_in_words(void **state)
{
    struct ada_channel_options bad = here;
    char longest[65] = "", far[PATH_MAX + 1] = "";
    struct ada_channel *c;

    (void)state;
    assert_int_equal(ada_channel_open("../a", ADA_CHANNEL_WRITER, &here, &c), -EINVAL);
    assert_int_equal(ada_channel_open(".a", ADA_CHANNEL_WRITER, &here, &c), -EINVAL);
    memset(longest, 'a', 64);
    assert_int_equal(ada_channel_open(longest, ADA_CHANNEL_WRITER, &here, &c), -EINVAL);
    assert_int_equal(ada_channel_open("a", (enum ada_channel_end)2, &here, &c), -EINVAL);
    bad.size = 1;
    assert_int_equal(ada_channel_open("a", ADA_CHANNEL_WRITER, &bad, &c), -EINVAL);
    bad = here;
    bad.capacity = UINT64_MAX;
    assert_int_equal(ada_channel_open("a", ADA_CHANNEL_WRITER, &bad, &c), -ERANGE);
    assert_int_equal(ada_channel_exists(folder, "a"), 0);
    assert_int_equal(ada_channel_exists(folder, "../a"), -EINVAL);
    assert_int_equal(ada_channel_remove(folder, "../a"), -EINVAL);
    bad = here;
    bad.flags = 8;
    assert_int_equal(ada_channel_open("a", ADA_CHANNEL_WRITER, &bad, &c), -EINVAL);
    memset(far, 'f', sizeof(far) - 1);
    assert_int_equal(ada_channel_exists(far, "a"), -ENAMETOOLONG);
    bad = here;
    bad.folder = "/tmp"; /* everybody's */
    assert_int_equal(ada_channel_open("a", ADA_CHANNEL_WRITER, &bad, &c), -EPERM);
    assert_int_equal(threads(), threads_at_first);
}

static void an_end_has_one_holder(void **state)
{
    struct ada_channel *w = take("one", ADA_CHANNEL_WRITER), *other;

    (void)state;
    assert_int_equal(ada_channel_open("one", ADA_CHANNEL_WRITER, &here, &other), -EBUSY);
    ada_channel_close(w);
    w = take("one", ADA_CHANNEL_WRITER);
    ada_channel_close(w);
    ada_channel_close(NULL);
    assert_int_equal(threads(), threads_at_first);
    assert_int_equal(ada_channel_remove(folder, "one"), 0);
}

static void presence_of_the_other_end_is_told(void **state)
{
    struct ada_channel *w = take("p", ADA_CHANNEL_WRITER), *r;

    (void)state;
    assert_int_equal(ada_channel_peer(w), ADA_CHANNEL_NEVER);
    r = take("p", ADA_CHANNEL_READER);
    assert_int_equal(threads(), threads_at_first + 1); /* one for all that is held */
    assert_int_equal(ada_channel_peer(w), ADA_CHANNEL_HERE);
    ada_channel_close(r);
    assert_int_equal(ada_channel_peer(w), ADA_CHANNEL_LEFT);
    r = take("p", ADA_CHANNEL_READER);
    assert_int_equal(ada_channel_peer(w), ADA_CHANNEL_HERE);
    ada_channel_close(w);
    assert_int_equal(ada_channel_peer(r), ADA_CHANNEL_LEFT);
    ada_channel_close(r);
    assert_int_equal(ada_channel_remove(folder, "p"), 0);
}

static void reader_of_a_writer_that_left_gets_the_last_record_then_closed(void **state)
{
    struct ada_channel *w = take("left", ADA_CHANNEL_WRITER);
    struct ada_channel *r = take("left", ADA_CHANNEL_READER);
    char buffer[16];

    (void)state;
    assert_int_equal(ada_ring_write(ada_channel_ring(w), "last", 4, 0), 0);
    ada_channel_close(w);
    assert_int_equal(ada_ring_read(ada_channel_ring(r), buffer, 16, ADA_FOREVER), 4);
    assert_int_equal(ada_ring_read(ada_channel_ring(r), buffer, 16, ADA_FOREVER), -EPIPE);
    w = take("left", ADA_CHANNEL_WRITER);
    assert_int_equal(ada_ring_read(ada_channel_ring(r), buffer, 16, 1000), -ETIMEDOUT);
    assert_int_equal(ada_ring_write(ada_channel_ring(w), "again", 5, 0), 0);
    assert_int_equal(ada_ring_read(ada_channel_ring(r), buffer, 16, ADA_FOREVER), 5);
    ada_channel_close(r);
    ada_channel_close(w);
    assert_int_equal(ada_channel_remove(folder, "left"), 0);
}

static void writer_without_a_reader_writes_until_full_then_closed(void **state)
{
    struct ada_channel *w = take("full", ADA_CHANNEL_WRITER), *r;
    struct ada_ring *ring = ada_channel_ring(w);
    unsigned count = 0;
    char byte;

    (void)state;
    assert_int_equal(ada_ring_wait_room(ring, 1, 0), 0);
    while (!ada_ring_try_write(ring, "x", 1))
        count++;
    assert_int_equal(count, 4096 / 16);
    assert_int_equal(ada_ring_try_write(ring, "x", 1), -EAGAIN); /* one may come */
    r = take("full", ADA_CHANNEL_READER);
    ada_channel_close(r);
    assert_int_equal(ada_ring_try_write(ring, "x", 1), -EPIPE);
    assert_int_equal(ada_ring_write(ring, "x", 1, ADA_FOREVER), -EPIPE);
    r = take("full", ADA_CHANNEL_READER);
    assert_int_equal(ada_ring_try_read(ada_channel_ring(r), &byte, 1), 1);
    assert_int_equal(ada_ring_write(ring, "x", 1, ADA_FOREVER), 0);
    ada_channel_close(r);
    ada_channel_close(w);
    assert_int_equal(ada_channel_remove(folder, "full"), 0);
}

static void shutdown_is_for_good(void **state)
{
    struct ada_channel *w = take("shut", ADA_CHANNEL_WRITER), *r;
    char byte;

    (void)state;
    assert_int_equal(ada_ring_write(ada_channel_ring(w), "x", 1, 0), 0);
    ada_ring_shutdown(ada_channel_ring(w));
    ada_channel_close(w);
    r = take("shut", ADA_CHANNEL_READER);
    w = take("shut", ADA_CHANNEL_WRITER);
    assert_int_equal(ada_ring_write(ada_channel_ring(w), "x", 1, 0), -EPIPE);
    assert_int_equal(ada_ring_read(ada_channel_ring(r), &byte, 1, ADA_FOREVER), 1);
    assert_int_equal(ada_ring_read(ada_channel_ring(r), &byte, 1, ADA_FOREVER), -EPIPE);
    ada_channel_close(r);
    ada_channel_close(w);
    assert_int_equal(ada_channel_remove(folder, "shut"), 0);
}

static int count_channels(void *context, const struct ada_channel_stats *stats)
{
    int *count = context;

    assert_true(!strcmp(stats->name, "stat.1") || !strcmp(stats->name, "stat-2"));
    (*count)++;
    return 0;
}

static int stop_at_first(void *context, const struct ada_channel_stats *stats)
{
    (void)context;
    (void)stats;
    return 42;
}

static void statistics_of_all_channels_can_be_read_by_anybody(void **state)
{
    struct ada_channel *w = take("stat.1", ADA_CHANNEL_WRITER);
    struct ada_channel *r = take("stat-2", ADA_CHANNEL_READER);
    struct ada_channel_stats s;
    int count = 0, fd;

    (void)state;
    assert_int_equal(ada_ring_write(ada_channel_ring(w), "abc", 3, 0), 0);
    assert_int_equal(ada_channel_stats_read(folder, "stat.1", &s), 0);
    assert_string_equal(s.name, "stat.1");
    assert_int_equal(s.writer, ADA_CHANNEL_HERE);
    assert_int_equal(s.reader, ADA_CHANNEL_NEVER);
    assert_int_equal(s.writer_pid, getpid());
    assert_int_equal(s.writers, 1);
    assert_int_equal(s.ring.written, 1);
    assert_int_equal(s.ring.head, 16);
    assert_int_equal(s.ring.capacity, 4096);
    assert_int_equal(s.shut_down, 0);
    fd = openat(AT_FDCWD, folder, O_DIRECTORY | O_RDONLY);
    close(openat(fd, "no-channel", O_CREAT | O_RDWR, 0600)); /* passed over */
    assert_int_equal(mkdirat(fd, "a-folder", 0700), 0);
    assert_int_equal(ada_channels_visit(folder, count_channels, &count), 0);
    assert_int_equal(count, 2);
    assert_int_equal(ada_channels_visit(folder, stop_at_first, NULL), 42);
    assert_int_equal(ada_channels_visit("/nowhere/at/all", count_channels, &count), 0);
    assert_int_equal(ada_channel_stats_read(folder, "no-channel", &s), -EBADMSG);
    assert_int_equal(unlinkat(fd, "a-folder", AT_REMOVEDIR), 0);
    close(fd);
    ada_channel_close(w);
    ada_channel_close(r);
}

static void usual_folder_comes_from_the_environment(void **state)
{
    struct ada_channel *c;
    char path[256];
    struct stat status;

    (void)state;
    snprintf(path, sizeof(path), "%s/mine", folder);
    setenv("ADATRACE_CHANNELS", path, 1);
    assert_int_equal(ada_channel_open("x", ADA_CHANNEL_WRITER, NULL, &c), 0);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    ada_channel_close(c);
    assert_int_equal(ada_channel_exists(NULL, "x"), 1);
    assert_int_equal(ada_channel_remove(NULL, "x"), 0);
    assert_int_equal(rmdir(path), 0);
    /* Else the user's runtime folder, if it is one; else a folder that shared memory has for him.
     */
    setenv("ADATRACE_CHANNELS", "", 1);
    setenv("XDG_RUNTIME_DIR", folder, 1);
    snprintf(path, sizeof(path), "%s/adatrace-channels", folder);
    assert_int_equal(ada_channel_open("x", ADA_CHANNEL_WRITER, NULL, &c), 0);
    ada_channel_close(c);
    assert_int_equal(ada_channel_exists(path, "x"), 1);
    setenv("XDG_RUNTIME_DIR", "relative", 1);
    assert_int_equal(ada_channel_exists(NULL, "no such channel"), -EINVAL);
    assert_int_equal(ada_channel_exists(NULL, "nobody-has-this-one"), 0);
    unsetenv("XDG_RUNTIME_DIR");
    unsetenv("ADATRACE_CHANNELS");
    assert_int_equal(ada_channel_remove(path, "x"), 0);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(ada_channels_visit(path, NULL, NULL), 0); /* no folder, no channels */
}

/* Every byte of the file's head, in turn, is something else: opening ends, and so does using. */
static void hostile_files_hurt_nobody(void **state)
{
    uint64_t random = fixture_seed();
    char path[256];
    int fd;

    (void)state;
    ada_channel_close(take("bad", ADA_CHANNEL_WRITER));
    snprintf(path, sizeof(path), "%s/bad", folder);
    fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    for (off_t at = 0; at < 1100; at++) {
        unsigned char was, byte = (unsigned char)fixture_random(&random), buffer[64];
        struct ada_channel_stats stats;
        struct ada_channel *c;
        int err;

        assert_int_equal(pread(fd, &was, 1, at), 1);
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        (void)!ada_channel_stats_read(folder, "bad", &stats);
        for (int end = 0; end < 2; end++) {
            err = ada_channel_open("bad", (enum ada_channel_end)end, &here, &c);
            if (err)
                continue;
            for (int i = 0; i < 20; i++) {
                (void)!ada_ring_try_write(ada_channel_ring(c), buffer, 30);
                (void)!ada_ring_try_read(ada_channel_ring(c), buffer, sizeof(buffer));
            }
            ada_channel_close(c);
        }
        assert_int_equal(pwrite(fd, &was, 1, at), 1);
    }
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_makes_or_finds_as_told),
        cmocka_unit_test(what_cannot_be_opened_is_refused_in_words),
        cmocka_unit_test(an_end_has_one_holder),
        cmocka_unit_test(presence_of_the_other_end_is_told),
        cmocka_unit_test(reader_of_a_writer_that_left_gets_the_last_record_then_closed),
        cmocka_unit_test(writer_without_a_reader_writes_until_full_then_closed),
        cmocka_unit_test(shutdown_is_for_good),
        cmocka_unit_test(statistics_of_all_channels_can_be_read_by_anybody),
        cmocka_unit_test(usual_folder_comes_from_the_environment),
        cmocka_unit_test(hostile_files_hurt_nobody),
    };

    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
