/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/record_metrics.h"

#include <errno.h>
#include <time.h>

#include "cli/message.h"
#include "cli/status.h"

static int picture_take(void *context, struct stats_picture *picture)
{
    return collector_stats(context, picture);
}

static double now_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int http_begin(struct record_metrics *m, const char *address)
{
    int err = metrics_http_open(&m->http, address, &m->source);

    if (!err) {
        message_print("metrics at %s", metrics_http_url(m->http));
        return STATUS_GOOD;
    }
    m->http = NULL;
    if (err == -ELIBACC)
        message_print("metrics over HTTP need libmicrohttpd, which is not installed; "
                      "--metrics FILE needs nothing");
    else if (err == -EADDRINUSE)
        message_print("metrics cannot be served at %s: somebody else listens there", address);
    else
        message_failure(err, "metrics cannot be served at %s", address);
    return STATUS_FAILED;
}

int record_metrics_begin(struct record_metrics *m, const struct record_metrics_choice *wanted,
                         struct collector *collector, const char *session, const char *command)
{
    int err = 0;

    *m = (struct record_metrics){
        .source = {.take = picture_take,
                   .context = collector,
                   .labels = {.session = session,
                              .command = command,
                              .start_seconds = now_seconds()}},
        .path = wanted->file,
    };
    if (wanted->address && http_begin(m, wanted->address))
        return STATUS_FAILED;
    if (wanted->file)
        err = metrics_file_open(&m->file, wanted->file, &m->source);
    if (!err)
        return STATUS_GOOD;
    record_metrics_pause(m);
    return message_failure(err, "metrics cannot be written to %s", wanted->file);
}

void record_metrics_pause(struct record_metrics *m)
{
    metrics_http_close(m->http);
    m->http = NULL;
    metrics_file_pause(m->file);
}

void record_metrics_end(struct record_metrics *m)
{
    int err = metrics_file_close(m->file);

    m->file = NULL;
    if (err)
        message_failure(err, "the last metrics did not get into %s", m->path);
}
