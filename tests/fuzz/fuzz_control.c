/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both sides of the control socket. First byte even: the rest is one packet that a guest sends to a
 * session. Odd: it is packets, each with a u16 length in front, that somebody sends who was asked.
 * Magic, version and length of every packet are made right, unless bit 1 is set. With bit 2 a
 * session gets the packet by its socket, and runs its verb on the thread where it belongs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/le.h"
#include "cli/session_client.h"
#include "drain/control_guest.h"
#include "fuzz_target.h"

enum {
    ANSWERS = 1,
    AS_IT_IS = 2,
    BY_SOCKET = 4,
    PACKETS_MAX = 16,
    ANSWER_PARTS_MAX = 4096,
    PATIENCE_S = 20
};

static struct control *control, *served;
static int served_socket; /* its file, which has no name any more */

static void pair_make(int pair[2])
{
    FUZZ_CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
}

/* ---- a session whose own socket nobody uses, and one that is asked by it ---- */

/* All of them are run by who asks: its guest is none that the session's own threads know. */
static const struct control_verb *verbs_at_once(void)
{
    static struct control_verb verbs[32];
    unsigned count = 0;

    for (; control_verbs[count].name; count++) {
        FUZZ_CHECK(count + 1 < sizeof(verbs) / sizeof(*verbs));
        verbs[count] = control_verbs[count];
        verbs[count].at_once = true;
    }
    return verbs;
}

static struct drain *drain_make(void)
{
    const struct drain_options options = {.clock = CLOCK_SOURCE_MONOTONIC, .level = 1};
    const struct trace_recording recording = {.command = "program word"};
    struct trace_writer *writer;
    struct drain *drain;

    FUZZ_CHECK(trace_writer_open(&writer, open("/dev/null", O_WRONLY | O_CLOEXEC),
                                 &(struct trace_writer_options){.level = 1}, &recording) == 0);
    FUZZ_CHECK(drain_create(&drain, writer, &options) == 0);
    FUZZ_CHECK(drain_start(drain) == 0);
    return drain;
}

/* A fuzzer ends without a word: what has a name goes now. */
static struct control *control_make(struct session_folder *folder, const struct control_verb *verbs,
                                    int *socket)
{
    const struct control_options options = {
        .folder = folder, .verbs = verbs, .drain = drain_make(), .identity = {.kind = "record"}};
    char path[SESSION_PATH_BYTES];
    struct control *made;

    FUZZ_CHECK(session_folder_create(folder) == 0);
    FUZZ_CHECK(control_open(&made, &options) == 0);
    session_folder_at(folder, CONTROL_SOCKET, path);
    *socket = open(path, O_PATH | O_CLOEXEC);
    FUZZ_CHECK(*socket >= 0 && session_folder_remove(folder) == 0);
    return made;
}

static void sessions_make(void)
{
    static struct session_folder folders[2];
    char runtime[] = "/tmp/fuzz-XXXXXX";
    int unused;

    FUZZ_CHECK(mkdtemp(runtime) && setenv("ADATRACE_RUNTIME_DIR", runtime, 1) == 0);
    control = control_make(&folders[0], verbs_at_once(), &unused);
    served = control_make(&folders[1], NULL, &served_socket);
    FUZZ_CHECK(served && rmdir(runtime) == 0);
}

/* ---- asked ---- */

/* What the guest is told: whole packets, until the end of the answer. */
static void answer_hear(int fd, struct control_guest *guest)
{
    char packet[sizeof(struct control_answer) + CONTROL_PART_BYTES];
    struct control_answer head = {0};
    uint64_t bytes = 0;

    for (int part = 0; part < ANSWER_PARTS_MAX; part++) {
        ssize_t size = recv(fd, packet, sizeof(packet), MSG_DONTWAIT);

        if (size <= 0)
            return;
        FUZZ_CHECK(size >= (ssize_t)sizeof(head));
        memcpy(&head, packet, sizeof(head));
        FUZZ_CHECK(head.magic == CONTROL_MAGIC && head.bytes == (size_t)size - sizeof(head));
        bytes += head.bytes;
        FUZZ_CHECK(bytes <= head.body_bytes && (head.status >= 0 || head.body_bytes));
        if (guest->fd >= 0 && head.flags & CONTROL_MORE)
            (void)guest_turn(guest, control, POLLOUT, clock_monotonic_ns());
    }
}

static void request_mend(uint8_t *packet, size_t size)
{
    struct control_request head;

    if (size < sizeof(head))
        return;
    memcpy(&head, packet, sizeof(head));
    head.magic = CONTROL_MAGIC;
    head.version = CONTROL_VERSION;
    head.words_bytes = (uint32_t)(size - sizeof(head));
    memcpy(packet, &head, sizeof(head));
}

static void request_try(const uint8_t *bytes, size_t size)
{
    struct control_guest guest;
    int pair[2];

    pair_make(pair);
    guest_begin(&guest, pair[0], clock_monotonic_ns());
    FUZZ_CHECK(guest.fd >= 0);
    if (send(pair[1], bytes, size, MSG_DONTWAIT) == (ssize_t)size) {
        (void)guest_turn(&guest, control, POLLIN, clock_monotonic_ns());
        answer_hear(pair[1], &guest);
    }
    guest_end(&guest);
    close(pair[1]);
}

/* ---- asked by the socket ---- */

static int served_connect(void)
{
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", served_socket);
    FUZZ_CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    FUZZ_CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0);
    return fd;
}

/* libFuzzer's alarm interrupts a receive that has a time-out, SA_RESTART or not: signal(7). */
static ssize_t served_hear(int fd, char *packet, size_t size)
{
    ssize_t got;

    do {
        got = recv(fd, packet, size, 0);
    } while (got < 0 && errno == EINTR);
    return got;
}

/* It is told something, in good time, and to the end: the next one has the session to itself. */
static void served_try(const uint8_t *bytes, size_t size)
{
    char packet[sizeof(struct control_answer) + CONTROL_PART_BYTES];
    struct control_answer head = {0};
    int fd = served_connect();
    ssize_t got = -1;

    if (send(fd, bytes, size, MSG_NOSIGNAL) == (ssize_t)size)
        do {
            got = served_hear(fd, packet, sizeof(packet));
            FUZZ_CHECK(got >= (ssize_t)sizeof(head) || !size || (!got && head.magic));
            if (got >= (ssize_t)sizeof(head))
                memcpy(&head, packet, sizeof(head));
            FUZZ_CHECK(got <= 0 ||
                       (head.magic == CONTROL_MAGIC && (head.status >= 0 || head.body_bytes)));
        } while (got > 0 && (head.flags & CONTROL_MORE));
    close(fd);
}

/* ---- asking ---- */

static void answer_mend(uint8_t *packet, size_t size)
{
    struct control_answer head;

    if (size < sizeof(head))
        return;
    memcpy(&head, packet, sizeof(head));
    head.magic = CONTROL_MAGIC;
    head.version = CONTROL_VERSION;
    head.bytes = (uint32_t)(size - sizeof(head));
    memcpy(packet, &head, sizeof(head));
}

static void answers_send(int fd, uint8_t *bytes, size_t size, bool as_they_are)
{
    for (int n = 0; n < PACKETS_MAX && size >= 2; n++) {
        size_t length = le16_load(bytes);

        bytes += 2;
        size -= 2;
        length = length < size ? length : size;
        if (!as_they_are)
            answer_mend(bytes, length);
        if (send(fd, bytes, length, MSG_DONTWAIT) != (ssize_t)length)
            return;
        bytes += length;
        size -= length;
    }
}

static void answers_try(uint8_t *bytes, size_t size, bool as_they_are)
{
    struct session_answer answer;
    struct session_client client;
    int pair[2];

    pair_make(pair);
    client.fd = pair[0];
    answers_send(pair[1], bytes, size, as_they_are);
    shutdown(pair[1], SHUT_WR);
    if (session_client_ask(&client, "describe", 0, NULL, 1000, &answer) == 0) {
        FUZZ_CHECK(answer.body && answer.body[answer.bytes] == 0);
        fuzz_touch(answer.body, answer.bytes);
        session_answer_free(&answer);
    }
    session_client_close(&client);
    close(pair[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint8_t *own;
    unsigned how;

    if (!served)
        sessions_make();
    if (!size)
        return 0;
    how = bytes[0];
    own = malloc(size);
    FUZZ_CHECK(own);
    memcpy(own, bytes + 1, --size);
    if (!(how & (ANSWERS | AS_IT_IS)))
        request_mend(own, size);
    if (how & ANSWERS)
        answers_try(own, size, how & AS_IT_IS);
    else if (how & BY_SOCKET)
        served_try(own, size);
    else
        request_try(own, size);
    free(own);
    return 0;
}
