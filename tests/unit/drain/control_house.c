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

static struct trace_writer *writer_make(const struct house_plan *plan)
{
    const struct trace_recording recording = {.command = "program word"};
    const struct trace_writer_options options = {
        .level = 1, .flight = plan->flight, .flight_bytes = plan->flight ? 1 << 20 : 0};
    int fd = plan->flight ? -1 : plan->fd ? plan->fd : open("/dev/null", O_WRONLY | O_CLOEXEC);
    struct trace_writer *writer;

    assert_int_equal(trace_writer_open(&writer, fd, &options, &recording), 0);
    return writer;
}

struct control_options house_build(struct house *h, const struct house_plan *plan)
{
    const struct drain_options options = {.clock = CLOCK_SOURCE_MONOTONIC, .level = 1};
    const struct session_files_options files = {.path = plan->file};

    *h = (struct house){0};
    assert_int_equal(drain_create(&h->drain, writer_make(plan), &options), 0);
    assert_int_equal(drain_start(h->drain), 0);
    if (plan->file)
        assert_int_equal(session_files_create(&h->files, &files), 0);
    assert_int_equal(session_folder_create(&h->folder), 0);
    session_folder_at(&h->folder, CONTROL_SOCKET, h->socket);
    return (struct control_options){
        .folder = &h->folder,
        .drain = h->drain,
        .files = h->files,
        .verbs = plan->verbs,
        .identity = {.kind = "record",
                     .name = plan->name,
                     .command = "/usr/bin/program word",
                     .file = "/tmp/program.adatrace",
                     .pid = (uint32_t)getpid()},
        .end = plan->end,
        .end_context = plan->end_context,
    };
}

void house_open_as(struct house *h, const struct house_plan *plan)
{
    const struct control_options options = house_build(h, plan);

    assert_int_equal(control_open(&h->control, &options), 0);
}

void house_open(struct house *h, const char *name)
{
    house_open_as(h, &(struct house_plan){.name = name});
}

void house_open_verbs(struct house *h, const struct control_verb *verbs)
{
    house_open_as(h, &(struct house_plan){.verbs = verbs});
}

void house_close(struct house *h)
{
    control_close(h->control);
    drain_stop(h->drain);
    if (h->files)
        session_files_finish(h->files, h->drain);
    drain_destroy(h->drain);
    session_files_destroy(h->files);
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
