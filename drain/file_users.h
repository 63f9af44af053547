/* SPDX-License-Identifier: Apache-2.0 */
/* File users: who has a file in memory. Reads /proc; any thread. */
#ifndef ADATRACE_DRAIN_FILE_USERS_H
#define ADATRACE_DRAIN_FILE_USERS_H

#include <stdint.h>

/* A process that maps the file behind `fd` right now, of those that we may look at; 0: none. */
uint32_t file_user_find(int fd);

#endif
