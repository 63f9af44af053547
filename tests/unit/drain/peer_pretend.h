/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is at the other end of a socket, and who we are, as a test wants it: for programs that are
 * linked with --wrap of getsockopt, geteuid and getuid. So wrong users can be tried by any user.
 */
#ifndef ADATRACE_TESTS_PEER_PRETEND_H
#define ADATRACE_TESTS_PEER_PRETEND_H

#include <stdint.h>

/* From here on every peer is of this user, and we are of that one; until peer_pretend_end(). */
void peer_pretend(uint32_t peer_uid, uint32_t own_uid);
void peer_pretend_end(void);

#endif
