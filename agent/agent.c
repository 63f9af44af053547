/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start-up of the preloaded library. Linked initfirst: it runs before any other constructor.
 *
 * There is no shut-down. Destructors and exit handlers of others still emit after ours would have
 * run, and the kernel tells the drain of our death better than we could. When the session cannot be
 * joined, every event stays off for the life of the process and the hooks only pass on.
 */
#include "agent/agent.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

bool agent_clock_is_counter;

/* In the order in which they start. */
static const struct agent_family *const families[] = {
    &module_family, &process_family, &exec_family, &thread_family, &function_family, &memory_family,
};

void agent_event_add(struct ada_event *event)
{
    (void)ada_event_register(event); /* fails when the arena is full: the event stays off */
}

void agent_emit_text(const struct ada_event *event, const void *fixed, uint32_t fixed_bytes,
                     const char *text)
{
    uint32_t length = (uint32_t)strlen(text);
    uint64_t bytes = ada_record_bytes((uint64_t)fixed_bytes + 4 + length);
    struct ada_record record;

    if (!ada__event_is_on(event))
        return;
    record = ada_reserve_bytes(event->tag | ada_record_tag(0, bytes), bytes);
    if (!record.payload)
        return;
    memcpy(record.payload, fixed, fixed_bytes);
    memcpy(record.payload + fixed_bytes, &length, 4);
    memcpy(record.payload + fixed_bytes + 4, text, length);
    ada_commit_record(&record);
}

/* glibc hands its constructors main's arguments. libc's own constructor, which comes after ours, is
 * the one that sets `environ`, to this same value. */
__attribute__((constructor)) static void agent_start(int argc, char **argv, char **envp)
{
    int saved = errno;

    (void)argc;
    (void)argv;
    real_resolve();
    if (!environ)
        environ = envp;
    for (size_t i = 0; i < AGENT_COUNT(families); i++)
        if (families[i]->prepare)
            families[i]->prepare();
    /* Its payloads are laid out as little-endian machines have them: elsewhere it stays out. */
    if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ &&
        !tracer_attach_from_environment(HANDSHAKE_AGENT)) {
        agent_clock_is_counter = tracer_clock_is_counter();
        tracer_thread_begin(NULL);
        for (size_t i = 0; i < AGENT_COUNT(families); i++)
            families[i]->start();
    }
    errno = saved;
}
