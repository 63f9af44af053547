/* SPDX-License-Identifier: Apache-2.0 */
/* What a program has come to, for people who look for the reason. */
#include <inttypes.h>

#include "model.h"
#include "play.h"
#include "sight.h"

static void item_show(const struct sight_item *item, FILE *out)
{
    if (item->is_gap)
        fprintf(out,
                "  thread %u: gap of kind %u: %" PRIu64 " records, %" PRIu64 " bytes, %" PRIu64
                " to %" PRIu64 "\n",
                item->thread, item->gap.kind, item->gap.records, item->gap.bytes,
                item->gap.first_ticks, item->gap.last_ticks);
    else
        fprintf(out, "  thread %u: record %" PRId64 " at %" PRIu64 "\n", item->thread,
                model_find(play_model(), item->number), item->ticks);
}

void play_show(FILE *out)
{
    static const char *const outcomes[] = {"open", "stored", "dropped", "left", "rolled back"};
    const struct sight *sight = sight_take();
    const struct model *m = play_model();

    for (size_t i = 0; i < m->count; i++) {
        const struct attempt *a = &m->attempts[i];

        fprintf(out,
                "  attempt %zu of thread %u in L%d: %s, %" PRIu64 " to %" PRIu64
                ", phases %u to %u\n",
                i, a->thread, (int)a->life, outcomes[a->outcome], a->start, a->end, a->first_phase,
                a->last_phase);
    }
    for (size_t i = 0; i < sight->count; i++)
        item_show(&sight->items[i], out);
}
