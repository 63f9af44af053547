/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics over HTTP: `/metrics`, for a Prometheus server to scrape, as OpenMetrics or in the older
 * text format, whichever the request prefers.
 *
 * libmicrohttpd does the talking, in a thread of its own. It is loaded when it is needed first:
 * linked in, it and what it needs would make every command start later. Opened and closed by one
 * thread.
 */
#ifndef ADATRACE_CLI_METRICS_HTTP_H
#define ADATRACE_CLI_METRICS_HTTP_H

#include "cli/metrics_source.h"

struct metrics_http;

/* "HOST:PORT", ":PORT" (then 127.0.0.1) or "[::1]:PORT"? No file is touched. */
bool metrics_http_is_address(const char *text);

/*
 * Listen at `address` (port 0: any that is free) and answer from now on. The source stays the
 * caller's and has to stay. 0 or a negative errno: -ELIBACC: libmicrohttpd is not there; -EINVAL,
 * -EADDRNOTAVAIL: the address is none, or none of this machine's.
 */
int metrics_http_open(struct metrics_http **out, const char *address,
                      const struct metrics_source *source) __attribute__((warn_unused_result));
/* Where it can be reached: "http://127.0.0.1:9464/metrics". */
const char *metrics_http_url(const struct metrics_http *http);
/* NULL: nothing. */
void metrics_http_close(struct metrics_http *http);

#endif
