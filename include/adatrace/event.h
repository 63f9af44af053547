/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ADATRACE_EVENT_H
#define ADATRACE_EVENT_H
#endif
