/* SPDX-License-Identifier: Apache-2.0 */
#include "control_house.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_MS = 100000 }; /* 16 MiB take valgrind long */

static char runtime[32];

int house_runtime_folder(void **state)
{
    (void)state;
    strcpy(runtime, "/tmp/control-XXXXXX");
    if (!mkdtemp(runtime))
        return -1;
    return setenv("ADATRACE_RUNTIME_DIR", runtime, 1);
}

int house_runtime_folder_remove(void **state)
{
    (void)state;
    return rmdir(runtime); /* a folder that a session left would be in the way */
}

static void open_with(struct house *h, const char *name, const struct control_verb *verbs)
{
    const struct drain_options options = {.clock = CLOCK_SOURCE_MONOTONIC, .level = 1};
    const struct trace_recording recording = {.command = "program word"};
    struct trace_writer *writer;
    struct control_options control = {
        .folder = &h->folder,
        .verbs = verbs,
        .identity = {.kind = "record",
                     .name = name,
                     .command = "/usr/bin/program word",
                     .file = "/tmp/program.adatrace",
                     .pid = (uint32_t)getpid()},
    };

    assert_int_equal(trace_writer_open(&writer, open("/dev/null", O_WRONLY | O_CLOEXEC),
                                       &(struct trace_writer_options){.level = 1}, &recording),
                     0);
    assert_int_equal(drain_create(&h->drain, writer, &options), 0);
    assert_int_equal(drain_start(h->drain), 0);
    assert_int_equal(session_folder_create(&h->folder), 0);
    control.drain = h->drain;
    assert_int_equal(control_open(&h->control, &control), 0);
    session_folder_at(&h->folder, CONTROL_SOCKET, h->socket);
}

void house_open(struct house *h, const char *name)
{
    open_with(h, name, NULL);
}

void house_open_verbs(struct house *h, const struct control_verb *verbs)
{
    open_with(h, NULL, verbs);
}

void house_close(struct house *h)
{
    control_close(h->control);
    drain_destroy(h->drain);
    session_folder_remove(&h->folder);
}

int house_knock(const struct house *h)
{
    struct session_client client;

    assert_int_equal(session_client_open(&client, h->socket), 0);
    return client.fd;
}

void house_ask(const struct house *h, const char *verb, unsigned count, const char *const *words,
               struct session_answer *answer)
{
    struct session_client client;

    assert_int_equal(session_client_open(&client, h->socket), 0);
    assert_int_equal(session_client_ask(&client, verb, count, words, PATIENCE_MS, answer), 0);
}

void house_is_well(const struct house *h)
{
    struct session_answer answer;

    house_ask(h, "describe", 0, NULL, &answer);
    assert_int_equal(answer.status, 0);
    assert_memory_equal(answer.body, "kind\0record", 12);
    session_answer_free(&answer);
}
