/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start-up of libadatrace when it is linked into a program (not of the agent, which has its own).
 *
 * Under `adatrace record` three cases: the agent is preloaded and this is the shared library: the
 * agent's ada_* interpose ours, nobody calls us, nothing is to do. The agent is preloaded and this
 * is the static library: two tracers in one process; ours joins with a segment of its own and says
 * so in the trace. No agent (a static program): ours joins alone.
 */
#include <link.h>
#include <string.h>

#include "tracer/tracer_state.h"

extern __typeof__(ada_version) tracer_version_own;

static int is_agent(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size;
    (void)context;
    return info->dlpi_name && strstr(info->dlpi_name, "libadatrace-agent.so") != NULL;
}

static void say_static(void)
{
    static const char text[] = "this program links adatrace statically: its own events come in a "
                               "second stream of the same "
                               "process, beside the agent's; link libadatrace.so to have one";
    struct arena_note note = {.ticks = tracer_ticks(), .pid = tracer_pid(), .warning = 1};

    (void)tracer_tell(ARENA_NOTE, &note, sizeof(note), text, sizeof(text));
}

__attribute__((constructor)) static void library_start(void)
{
    bool agent = dl_iterate_phdr(is_agent, NULL) != 0;
    __typeof__(&ada_version) seen = ada_version;

    /* clang is sure that two names are two functions; here it depends on the loader. */
    __asm__("" : "+r"(seen));
    if (seen != tracer_version_own)
        return; /* interposed */
    if (!tracer_attach_from_environment(agent ? HANDSHAKE_STATIC : HANDSHAKE_LIBRARY) && agent)
        say_static();
}
