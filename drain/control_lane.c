/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/control_lane.h"

#include <errno.h>
#include <string.h>

#include "base/atomic.h"

int lane_init(struct control_lane *lane, struct control *control)
{
    lane->control = control;
    lane->thread = errands_create();
    return lane->thread ? 0 : -ENOMEM;
}

void lane_fini(struct control_lane *lane)
{
    errands_destroy(lane->thread);
}

/* On the lane's thread. */
static void lane_run(struct errand *errand)
{
    struct control_lane *lane = (struct control_lane *)errand;
    struct control_guest *g = lane->guest;
    struct control_request request;

    memcpy(&request, lane->packet, sizeof(request));
    verb_call(lane->control, &request, lane->packet + sizeof(request), lane->size - sizeof(request),
              g->pid, &g->answer);
    store_release(&lane->done, 1); /* The answer. Pairs with lane_end(). */
    control_wake(lane->control);
}

void lane_begin(struct control_lane *lane, struct control_guest *g, const char *packet, size_t size)
{
    lane->errand.run = lane_run;
    lane->guest = g;
    lane->size = size;
    memcpy(lane->packet, packet, size + 1);
    errands_post(lane->thread, &lane->errand);
}

struct control_guest *lane_end(struct control_lane *lane)
{
    struct control_guest *g = lane->guest;

    /* Pairs with lane_run(). */
    if (!g || !load_acquire(&lane->done))
        return NULL;
    store_relaxed(&lane->done, 0); /* relaxed: nobody runs */
    lane->guest = NULL;
    return g;
}

void lane_wait(struct control_lane *lane)
{
    errands_wait(lane->thread);
}
