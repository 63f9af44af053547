/* SPDX-License-Identifier: Apache-2.0 */
/* A library that comes and goes: events of its own, and functions that are recorded. */
#include <adatrace/adatrace.h>

ADA_EVENT(plugin, work, (u64, round), (string, name))

int soak_plugin_inner(int depth);
void soak_plugin_work(unsigned rounds);

__attribute__((visibility("default"), noinline)) int soak_plugin_inner(int depth)
{
    return depth ? soak_plugin_inner(depth - 1) + 1 : 0;
}

__attribute__((visibility("default"))) void soak_plugin_work(unsigned rounds)
{
    ADA_SCOPE(plugin, rounds);
    for (unsigned i = 0; i < rounds; i++)
        ada_trace_plugin_work((uint64_t)soak_plugin_inner(3), "a plug-in");
}
