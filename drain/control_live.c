/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/control_live.h"

#include "drain/live.h"

static int subscribe_call(struct drain *d, void *context)
{
    return live_subscribe(d, context);
}

static void guest_gone(void *context)
{
    live_unsubscribe(context);
}

int control_subscribe(struct control_context *c)
{
    struct live_subscription s;
    int err = drain_call(c->drain, subscribe_call, &s);

    if (err)
        return err;
    err = answer_keep(c->answer, guest_gone, c->drain);
    if (err)
        live_unsubscribe(c->drain);
    (void)answer_fd(c->answer, s.buffer);
    (void)answer_fd(c->answer, s.catalogue);
    if (err)
        return answer_fail(c->answer, err, "too many listen to this session already");
    (void)answer_print(c->answer, "live %d", LIVE_VERSION);
    return 0;
}
