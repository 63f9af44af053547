/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sentences for people, on stderr. What they quote is escaped: it cannot steer a terminal. Any
 * thread.
 */
#ifndef ADATRACE_CLI_MESSAGE_H
#define ADATRACE_CLI_MESSAGE_H

/* "adatrace: " and the sentence, in one write. */
void message_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same without "adatrace: ". */
void message_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Say why `errno` (positive or negative) stopped us, and return STATUS_FAILED. */
int message_failure(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
