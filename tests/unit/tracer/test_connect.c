/* SPDX-License-Identifier: Apache-2.0 */
/* Joining a collector's session: whatever a collector can answer, and whatever can fail on the way.
 * The process stays as it was until one time, the last one, all is well. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/atomic.h"
#include "faulty.h"
#include "registry/registry.h"
#include "tracer/tracer_state.h"

ADA_EVENT(connect, event, (u32, n))

static const struct segment_geometry small = {.slots = 2,
                                              .ring_bytes = 4096,
                                              .arena_bytes = 65536,
                                              .policy = RING_DROP,
                                              .clock = SEGMENT_CLOCK_COUNTER};

/* ---- a collector that answers as it is told ---- */

struct answer {
    struct handshake_welcome welcome;
    size_t bytes; /* of it; 0: none, the connection is closed */
    int fds[2];
    unsigned fd_count;
};

static struct {
    char folder[32], path[64];
    int socket;
    pthread_t thread;
    pthread_mutex_t lock;
    struct answer answer;
    bool is_over;
    struct handshake_hello heard;
    struct segment segment;
} collector = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void answer_send(int client, const struct answer *a)
{
    union {
        char bytes[CMSG_SPACE(2 * sizeof(int))];
        struct cmsghdr aligned;
    } control = {0};
    struct iovec piece = {.iov_base = (void *)(uintptr_t)&a->welcome, .iov_len = a->bytes};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};

    if (a->fd_count) {
        struct cmsghdr *c;

        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(a->fd_count * sizeof(int));
        c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(a->fd_count * sizeof(int));
        memcpy(CMSG_DATA(c), a->fds, a->fd_count * sizeof(int));
    }
    (void)sendmsg(client, &message, MSG_NOSIGNAL);
}

/* Until somebody says nothing. */
static void *collect(void *unused)
{
    bool goes_on = true;

    while (goes_on) {
        int client = accept4(collector.socket, NULL, NULL, SOCK_CLOEXEC);
        ssize_t got = recvfrom(client, &collector.heard, sizeof(collector.heard), 0, NULL, NULL);
        struct answer a;

        /* A copy: on a slow machine who asked may have stopped waiting for it. */
        pthread_mutex_lock(&collector.lock);
        a = collector.answer;
        goes_on = !collector.is_over;
        pthread_mutex_unlock(&collector.lock);
        if (got > 0 && goes_on && a.bytes)
            answer_send(client, &a);
        close(client);
    }
    return unused;
}

static int collector_start(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    (void)state;
    strcpy(collector.folder, "/tmp/adatrace-connect-XXXXXX");
    if (!mkdtemp(collector.folder))
        return -1;
    snprintf(collector.path, sizeof(collector.path), "%s/s", collector.folder);
    strcpy(address.sun_path, collector.path);
    collector.socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    return bind(collector.socket, (struct sockaddr *)&address, sizeof(address)) ||
                   listen(collector.socket, 64) || segment_create(&collector.segment, &small, NULL)
               ? -1
               : pthread_create(&collector.thread, NULL, collect, NULL);
}

static int collector_stop(void **state)
{
    (void)state;
    pthread_mutex_lock(&collector.lock);
    collector.is_over = true;
    pthread_mutex_unlock(&collector.lock);
    (void)tracer_attach_socket(collector.path, HANDSHAKE_LIBRARY);
    pthread_join(collector.thread, NULL);
    close(collector.socket);
    unlink(collector.path);
    segment_destroy(&collector.segment);
    return rmdir(collector.folder);
}

static struct answer answer_with(int fd)
{
    return (struct answer){.welcome = {.magic = HANDSHAKE_MAGIC, .version = HANDSHAKE_VERSION},
                           .bytes = sizeof(struct handshake_welcome),
                           .fds = {fd, fd},
                           .fd_count = fd >= 0};
}

static int join(const struct answer *answer)
{
    pthread_mutex_lock(&collector.lock);
    collector.answer = *answer;
    pthread_mutex_unlock(&collector.lock);
    return tracer_attach_socket(collector.path, HANDSHAKE_LIBRARY);
}

static void expect_refused(const struct answer *answer, int error)
{
    struct ada_session_figures figures = {.size = sizeof(figures)};

    assert_int_equal(join(answer), error);
    assert_false(tracer_is_attached());
    assert_false(ada_session_is_active());
    assert_int_equal(ada_session_stats(&figures), -ENODATA);
}

/* ---- cases; the process is not attached ---- */

static void welcome_that_is_none_is_refused(void **state)
{
    struct answer a = answer_with(collector.segment.fd), b;

    (void)state;
    b = a, b.bytes = 0;
    expect_refused(&b, -EPROTO);
    b = a, b.bytes = 20;
    expect_refused(&b, -EPROTO);
    b = a, b.welcome.magic++;
    expect_refused(&b, -EPROTO);
    b = a, b.fd_count = 0;
    expect_refused(&b, -EPROTO);
    b = a, b.fd_count = 2;
    expect_refused(&b, -EPROTO);
    b = a, b.welcome.status = -EUSERS; /* and says so */
    expect_refused(&b, -EUSERS);
    assert_int_equal(collector.heard.magic, HANDSHAKE_MAGIC);
    assert_int_equal(collector.heard.role, HANDSHAKE_LIBRARY);
    assert_int_equal(collector.heard.page_bytes, sysconf(_SC_PAGESIZE));
}

/* A descriptor of which somebody could cut the end off, or that is no segment. */
static void memory_that_could_become_shorter_is_refused(void **state)
{
    int loose = memfd_create("loose", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int shut = memfd_create("shut", MFD_CLOEXEC | MFD_ALLOW_SEALING), pipes[2];
    struct answer a;

    (void)state;
    assert_int_equal(ftruncate(loose, 1 << 20), 0);
    a = answer_with(loose);
    expect_refused(&a, -EBADMSG);
    assert_int_equal(fcntl(loose, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    expect_refused(&a, -EBADMSG);
    assert_int_equal(ftruncate(shut, 1 << 20), 0);
    assert_int_equal(fcntl(shut, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    a = answer_with(shut);
    expect_refused(&a, -EBADMSG); /* sealed, and no segment */
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    a = answer_with(pipes[0]);
    expect_refused(&a, -EBADMSG);
    close(pipes[0]);
    close(pipes[1]);
    close(loose);
    close(shut);
}

static void file_that_others_may_write_is_refused(void **state)
{
    struct segment s;
    struct answer a;
    char path[64];

    (void)state;
    snprintf(path, sizeof(path), "%s/segment", collector.folder);
    assert_int_equal(segment_create(&s, &small, path), 0);
    a = answer_with(s.fd);
    assert_int_equal(fchmod(s.fd, 0620), 0);
    expect_refused(&a, -EBADMSG);
    assert_int_equal(fchmod(s.fd, 0602), 0);
    expect_refused(&a, -EBADMSG);
    assert_int_equal(fchmod(s.fd, 0600), 0);
    s.shared->version++;
    expect_refused(&a, -EPROTONOSUPPORT);
    s.shared->version--;
    assert_int_equal(unlink(path), 0); /* whose it is cannot be seen any more */
    expect_refused(&a, -EBADMSG);
    segment_destroy(&s);
}

/* A file on a tmpfs has seals, of which none could be set. */
static void file_of_shared_memory_is_a_file(void **state)
{
    struct segment s;
    struct answer a;
    char path[64];

    (void)state;
    snprintf(path, sizeof(path), "/dev/shm/adatrace-connect-%d", (int)getpid());
    assert_int_equal(segment_create(&s, &small, path), 0);
    a = answer_with(s.fd);
    s.shared->version++;
    expect_refused(&a, -EPROTONOSUPPORT); /* as memory it was good enough */
    faulty_next("fstat", EIO, 1);
    expect_refused(&a, -EIO);
    faulty_next(NULL, 0, 0);
    if (geteuid() == 0) { /* another user's, which only root can try */
        assert_int_equal(fchown(s.fd, 65534, 65534), 0);
        expect_refused(&a, -EBADMSG);
    }
    unlink(path);
    segment_destroy(&s);
}

static void path_that_leads_nowhere_is_refused(void **state)
{
    char longest[200];

    (void)state;
    memset(longest, 'a', sizeof(longest));
    longest[sizeof(longest) - 1] = 0;
    assert_int_equal(tracer_attach_socket(longest, HANDSHAKE_LIBRARY), -ENAMETOOLONG);
    assert_int_equal(tracer_attach_socket("/nowhere", HANDSHAKE_LIBRARY), -ENOENT);
    assert_int_equal(ada_session_join(NULL), -EINVAL);
    assert_int_equal(ada_session_join("/nowhere"), -ENOENT);
    assert_int_equal(unsetenv(HANDSHAKE_ENVIRONMENT), 0);
    assert_int_equal(tracer_attach_from_environment(HANDSHAKE_LIBRARY), -ENOENT);
    assert_int_equal(setenv(HANDSHAKE_ENVIRONMENT, "", 1), 0);
    assert_int_equal(tracer_attach_from_environment(HANDSHAKE_LIBRARY), -ENOENT);
    assert_int_equal(setenv(HANDSHAKE_ENVIRONMENT, "/nowhere", 1), 0);
    errno = 77;
    assert_int_equal(tracer_attach_from_environment(HANDSHAKE_LIBRARY), -ENOENT);
    assert_int_equal(errno, 77);
}

/* Without a drain in the program there is no session of its own. */
static void session_of_the_programs_own_needs_a_drain(void **state)
{
    (void)state;
    assert_int_equal(ada_session_start("/tmp/it", NULL), -ENOTSUP);
    assert_int_equal(ada_session_stop(), 0);
    assert_int_equal(ada_snapshot("/tmp/it"), -ESRCH);
    assert_int_equal(tracer_tell(ARENA_NOTE, "x", 1, NULL, 0), -ENOTCONN);
    tracer_silence();
    tracer_fork_child();
    tracer_thread_begin("nobody");
    tracer_thread_named("nobody");
    ada_thread_name(NULL);
}

/* Who listens as somebody else: SO_PEERCRED tells who called listen(). */
static int listen_as_nobody(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), status = 1;
    pid_t child;

    strcpy(address.sun_path, path);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) || chmod(path, 0777))
        return -1;
    child = fork();
    if (!child)
        _exit(setuid(65534) || listen(fd, 4) ? 1 : 0);
    return waitpid(child, &status, 0) == child && !status ? fd : -1;
}

static void collector_of_another_user_is_refused(void **state)
{
    static const struct answer none = {.bytes = 0};
    char path[64];
    int fd;

    (void)state;
    if (geteuid() != 0)
        skip();
    snprintf(path, sizeof(path), "%s/other", collector.folder);
    fd = listen_as_nobody(path);
    assert_true(fd >= 0);
    assert_int_equal(tracer_attach_socket(path, HANDSHAKE_LIBRARY), -EPERM);
    /* It is the one whom we act for: then all that is wrong is that nothing is heard of it. */
    faulty_next("recvmsg", ECONNRESET, 1);
    assert_int_equal(setresuid(65534, 0, 0), 0);
    assert_int_equal(tracer_attach_socket(path, HANDSHAKE_LIBRARY), -ECONNRESET);
    assert_int_equal(setresuid(0, 0, 0), 0);
    faulty_next("recvmsg", ECONNRESET, 1);
    assert_int_equal(chmod(collector.folder, 0711), 0);
    assert_int_equal(seteuid(65534), 0);
    assert_int_equal(tracer_attach_socket(path, HANDSHAKE_LIBRARY), -ECONNRESET);
    assert_int_equal(seteuid(0), 0);
    /* Root's collector may watch anybody. */
    faulty_next("recvmsg", ECONNRESET, 1);
    assert_int_equal(chmod(collector.path, 0777), 0);
    assert_int_equal(setresuid(65534, 65534, 0), 0);
    assert_int_equal(join(&none), -ECONNRESET);
    assert_int_equal(setresuid(0, 0, 0), 0);
    faulty_next(NULL, 0, 0);
    close(fd);
    unlink(path);
}

/* ---- the last one: attached for life ---- */

static int join_well(void *answer)
{
    return tracer_is_attached() ? 0 : join(answer);
}

static void whatever_fails_is_said_and_nothing_is_kept(void **state)
{
    struct answer a = answer_with(collector.segment.fd);

    (void)state;
    assert_int_equal(registry_prepare(&collector.segment, 2), 2);
    faulty_next("recvmsg", EINTR, 2);
    for (unsigned nth = 1; !tracer_is_attached(); nth++) {
        int got;

        faulty_arm(nth);
        got = join_well(&a);
        faulty_rest();
        if (got && !faulty_name())
            fail_msg("%d at call %u", got, nth);
        if (got)
            assert_false(tracer_is_attached());
        assert_true(nth < 30);
    }
    faulty_next(NULL, 0, 0);
    assert_int_equal(tracer_attach_from_environment(HANDSHAKE_LIBRARY), 0);
    assert_int_equal(ada_session_join(collector.path), 1);
    assert_int_equal(ada_session_start("/tmp/it", NULL), 1);
}

static void *emit_one(void *unused)
{
    ada_trace_connect_event(0);
    return unused;
}

static void emit_in_a_thread(void)
{
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, emit_one, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void figures_of_a_joined_session_are_those_of_its_segment(void **state)
{
    struct ada_session_figures figures = {.size = sizeof(figures)};

    (void)state;
    assert_true(ada_session_is_active());
    ada_trace_connect_event(1);
    for (unsigned n = 0; n < 1000; n++)
        ada_trace_connect_event(n);
    assert_int_equal(ada_session_stats(&figures), 0);
    assert_int_equal(figures.is_joined, 1);
    assert_int_equal(figures.threads, 1);
    assert_int_equal(figures.written + figures.dropped, 1001);
    assert_true(figures.dropped > 0);
    assert_true(figures.high_water_bytes > 3000);
    /* One that has written less, and one that is not there any more. */
    emit_in_a_thread();
    assert_int_equal(ada_session_stats(&figures), 0);
    assert_int_equal(figures.threads, 2);
    assert_true(figures.high_water_bytes > 3000);
    registry_free(&collector.segment, 1);
    assert_int_equal(ada_session_stats(&figures), 0);
    assert_int_equal(figures.threads, 1);
    figures.size = 8;
    assert_int_equal(ada_session_stats(&figures), -EINVAL);
    switches_gate_set(&collector.segment, SWITCH_GATE_SHUT); /* paused */
    assert_false(ada_session_is_active());
    switches_gate_set(&collector.segment, SWITCH_GATE_OPEN);
    assert_true(ada_session_is_active());
}

/* The drain has gone: what finds no room is counted, and events go off. */
static void session_that_nobody_drains_is_left(void **state)
{
    (void)state;
    store_relaxed(&collector.segment.shared->closed, 1);
    assert_false(ada_session_is_active());
    assert_true(ada_event_is_on(&ada_event_connect_event));
    emit_in_a_thread(); /* one without a ring finds out as well */
    assert_false(ada_event_is_on(&ada_event_connect_event));
    assert_int_equal(load_relaxed(&tracer_state.stopped), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(welcome_that_is_none_is_refused),
        cmocka_unit_test(memory_that_could_become_shorter_is_refused),
        cmocka_unit_test(file_that_others_may_write_is_refused),
        cmocka_unit_test(file_of_shared_memory_is_a_file),
        cmocka_unit_test(path_that_leads_nowhere_is_refused),
        cmocka_unit_test(session_of_the_programs_own_needs_a_drain),
        cmocka_unit_test(collector_of_another_user_is_refused),
        cmocka_unit_test(whatever_fails_is_said_and_nothing_is_kept),
        cmocka_unit_test(figures_of_a_joined_session_are_those_of_its_segment),
        cmocka_unit_test(session_that_nobody_drains_is_left),
    };

    return cmocka_run_group_tests(tests, collector_start, collector_stop);
}
