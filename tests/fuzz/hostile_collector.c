/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program whose environment leads it to somebody who is no collector, or a bad one: it gets an
 * error, at once or after its patience, keeps no descriptor, maps nothing that could be cut short
 * under it, and goes on untraced.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "fuzz_evidence.h"
#include "peer_pretend.h"
#include "registry/handshake.h"
#include "registry/segment.h"
#include "tracer/tracer.h"

enum { DESCRIPTORS_MAX = 1024, SEALED = F_SEAL_SHRINK | F_SEAL_GROW };

/* Whoever answers: one connection, one answer. */
struct impostor {
    char folder[32], path[64];
    int listen_fd;
    struct handshake_welcome welcome;
    size_t bytes; /* of the welcome that are sent */
    int fds[4];
    unsigned fd_count;
    pthread_t thread;
};

static void answer_send(int fd, const struct impostor *i)
{
    union {
        char bytes[CMSG_SPACE(4 * sizeof(int))];
        struct cmsghdr aligned;
    } control = {0};
    struct iovec piece = {.iov_base = (void *)(uintptr_t)&i->welcome, .iov_len = i->bytes};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};

    if (i->fd_count) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(i->fd_count * sizeof(int));
        control.aligned.cmsg_level = SOL_SOCKET;
        control.aligned.cmsg_type = SCM_RIGHTS;
        control.aligned.cmsg_len = CMSG_LEN(i->fd_count * sizeof(int));
        memcpy(CMSG_DATA(&control.aligned), i->fds, i->fd_count * sizeof(int));
    }
    (void)!sendmsg(fd, &message, MSG_NOSIGNAL);
}

static void *impostor_run(void *argument)
{
    struct impostor *i = argument;
    struct handshake_hello hello;
    int fd = accept4(i->listen_fd, NULL, NULL, SOCK_CLOEXEC);

    if (fd >= 0 && recv(fd, &hello, sizeof(hello), 0) > 0)
        answer_send(fd, i);
    close(fd);
    return NULL;
}

static void impostor_begin(struct impostor *i)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    strcpy(i->folder, "/tmp/impostor-XXXXXX");
    assert_non_null(mkdtemp(i->folder));
    snprintf(i->path, sizeof(i->path), "%s/socket", i->folder);
    strcpy(address.sun_path, i->path);
    i->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(i->listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(i->listen_fd, 4), 0);
    assert_int_equal(pthread_create(&i->thread, NULL, impostor_run, i), 0);
}

static void impostor_end(struct impostor *i)
{
    pthread_join(i->thread, NULL);
    close(i->listen_fd);
    unlink(i->path);
    rmdir(i->folder);
}

static struct impostor impostor_of(int fd)
{
    return (struct impostor){
        .welcome = {.magic = HANDSHAKE_MAGIC, .version = HANDSHAKE_VERSION},
        .bytes = sizeof(struct handshake_welcome),
        .fds = {fd},
        .fd_count = fd >= 0,
    };
}

static unsigned descriptors_count(void)
{
    unsigned count = 0;

    for (int fd = 0; fd < DESCRIPTORS_MAX; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* What joining comes to. Nothing of it stays. */
static int join(struct impostor *i)
{
    unsigned before = descriptors_count();
    int err;

    impostor_begin(i);
    err = tracer_attach_socket(i->path, HANDSHAKE_LIBRARY);
    impostor_end(i);
    assert_int_equal(descriptors_count(), before);
    return err;
}

/* The result of being handed this descriptor, which is closed. */
static int join_with(int fd)
{
    struct impostor i = impostor_of(fd);
    int err;

    assert_true(fd >= 0);
    err = join(&i);
    close(fd);
    return err;
}

/* ---- descriptors ---- */

static void descriptor_that_is_no_memory_is_refused(void **state)
{
    int pipes[2];

    (void)state;
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    assert_true(join_with(pipes[0]) < 0);
    close(pipes[1]);
    assert_true(join_with(open("/dev/zero", O_RDWR | O_CLOEXEC)) < 0);
    assert_true(join_with(open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0);
    assert_true(join_with(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0);
}

static int memory_of(uint64_t bytes, int seals, unsigned flags)
{
    int fd = memfd_create("impostor", MFD_CLOEXEC | flags);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
    if (seals)
        assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

/* As good as any, but for its seals. */
static int copy_of_a_segment(int seals, unsigned flags)
{
    const struct segment_geometry geometry = {
        .slots = 2, .ring_bytes = 4096, .arena_bytes = 65536, .clock = SEGMENT_CLOCK_MONOTONIC};
    struct segment segment;
    uint64_t at = 0;
    int fd;

    assert_int_equal(segment_create(&segment, &geometry, NULL), 0);
    fd = memory_of(segment.bytes, 0, flags);
    while (at < segment.bytes)
        at += (uint64_t)pwrite(fd, (char *)segment.shared + at, segment.bytes - at, (off_t)at);
    segment_destroy(&segment);
    if (seals)
        assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

static void memory_that_can_be_cut_short_is_refused(void **state)
{
    (void)state;
    assert_int_equal(join_with(copy_of_a_segment(0, MFD_ALLOW_SEALING)), -EBADMSG);
    assert_int_equal(join_with(copy_of_a_segment(F_SEAL_GROW, MFD_ALLOW_SEALING)), -EBADMSG);
    assert_int_equal(join_with(copy_of_a_segment(F_SEAL_WRITE, MFD_ALLOW_SEALING)), -EBADMSG);
    assert_int_equal(join_with(copy_of_a_segment(0, 0)), -EBADMSG);
}

static void file_that_others_may_write_to_is_refused(void **state)
{
    char path[] = "/tmp/impostor-file-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);

    (void)state;
    assert_int_equal(ftruncate(fd, 1 << 20), 0);
    assert_int_equal(fchmod(fd, 0666), 0);
    assert_int_equal(join_with(fd), -EBADMSG);
    unlink(path);
}

static void memory_that_is_no_segment_is_refused(void **state)
{
    (void)state;
    assert_true(join_with(memory_of(0, SEALED, MFD_ALLOW_SEALING)) < 0);
    assert_true(join_with(memory_of(100, SEALED, MFD_ALLOW_SEALING)) < 0);
    assert_int_equal(join_with(memory_of(1 << 20, SEALED, MFD_ALLOW_SEALING)), -EBADMSG);
}

static void segment_of_another_version_is_refused(void **state)
{
    int fd = copy_of_a_segment(0, MFD_ALLOW_SEALING);
    uint32_t version = SEGMENT_VERSION + 1;

    (void)state;
    assert_int_equal(
        pwrite(fd, &version, sizeof(version), offsetof(struct segment_shared, version)),
        sizeof(version));
    assert_int_equal(fcntl(fd, F_ADD_SEALS, SEALED), 0);
    assert_int_equal(join_with(fd), -EPROTONOSUPPORT);
}

/* ---- answers ---- */

static void more_descriptors_than_one_are_closed(void **state)
{
    struct impostor i = impostor_of(STDIN_FILENO);

    (void)state;
    for (unsigned count = 2; count <= 4; count++) {
        i.fds[count - 1] = STDERR_FILENO;
        i.fd_count = count;
        assert_int_equal(join(&i), -EPROTO);
    }
}

static void answer_that_is_none_is_refused(void **state)
{
    struct impostor i = impostor_of(-1);
    struct impostor with = impostor_of(STDIN_FILENO);

    (void)state;
    assert_int_equal(join(&i), -EPROTO); /* good, and nothing in it */
    i.bytes = 7;
    with.bytes = sizeof(with.welcome) - 1;
    assert_int_equal(join(&i), -EPROTO);
    assert_int_equal(join(&with), -EPROTO);
    i.bytes = 0;
    assert_int_equal(join(&i), -EPROTO);
    i.bytes = with.bytes = sizeof(i.welcome);
    with.welcome.magic++;
    assert_int_equal(join(&with), -EPROTO);
    i.welcome.status = 7;
    assert_int_equal(join(&i), -EPROTO);
    i.welcome.status = -EMFILE;
    assert_int_equal(join(&i), -EMFILE);
}

static void collector_of_another_user_is_refused(void **state)
{
    enum { ANN = 1000, BOB = 1001 };
    struct impostor i = impostor_of(-1);

    (void)state;
    peer_pretend(BOB, ANN);
    assert_int_equal(join(&i), -EPERM);
    peer_pretend(BOB, 0);
    assert_int_equal(join(&i), -EPERM);
    peer_pretend(0, ANN);
    assert_int_equal(join(&i), -EPROTO); /* root is believed, and says nothing */
    peer_pretend_end();
}

static void folder_that_is_a_loop_or_nobody_s_is_an_error(void **state)
{
    char folder[] = "/tmp/impostor-XXXXXX", path[64], longest[200];

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/loop", folder);
    assert_int_equal(symlink("loop", path), 0);
    assert_true(tracer_attach_socket(path, HANDSHAKE_LIBRARY) < 0);
    unlink(path);
    assert_int_equal(tracer_attach_socket(path, HANDSHAKE_LIBRARY), -ENOENT);
    rmdir(folder);
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = 0;
    assert_int_equal(tracer_attach_socket(longest, HANDSHAKE_LIBRARY), -ENAMETOOLONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptor_that_is_no_memory_is_refused),
        cmocka_unit_test(memory_that_can_be_cut_short_is_refused),
        cmocka_unit_test(file_that_others_may_write_to_is_refused),
        cmocka_unit_test(memory_that_is_no_segment_is_refused),
        cmocka_unit_test(segment_of_another_version_is_refused),
        cmocka_unit_test(more_descriptors_than_one_are_closed),
        cmocka_unit_test(answer_that_is_none_is_refused),
        cmocka_unit_test(collector_of_another_user_is_refused),
        cmocka_unit_test(folder_that_is_a_loop_or_nobody_s_is_an_error),
    };

    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    if (!failed)
        evidence_write("hostile-collector",
                       "%zu kinds of bad collectors refused, nothing left open",
                       sizeof(tests) / sizeof(*tests));
    return failed;
}
