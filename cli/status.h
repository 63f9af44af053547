/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the command tells its caller by the exit status. `record` adds to these the status of the
 * program that it ran. Constants only.
 */
#ifndef ADATRACE_CLI_STATUS_H
#define ADATRACE_CLI_STATUS_H

enum {
    STATUS_GOOD = 0,
    STATUS_FAILED = 1, /* could not do it: not readable, not writable, no memory */
    STATUS_MISUSE = 2, /* did not understand the command line */
    STATUS_LOSSY = 3,  /* `verify`: readable, but lossy or cut off */
};

#endif
