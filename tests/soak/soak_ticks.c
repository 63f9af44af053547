/* SPDX-License-Identifier: Apache-2.0 */
#include "soak_ticks.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const struct ada_field tick_fields[] = {
    {"id", NULL, 0, 1, ADA_KIND_UNSIGNED, 8},
    {"number", NULL, 0, 1, ADA_KIND_UNSIGNED, 8},
    {"bytes", NULL, 0, 1, ADA_KIND_BYTES, 0},
};
static const struct ada_field signal_fields[] = {
    {"id", NULL, 0, 1, ADA_KIND_UNSIGNED, 8},
    {"number", NULL, 0, 1, ADA_KIND_UNSIGNED, 8},
};
static struct ada_event tick_event = {.on = ADA_EVENT_OFF,
                                      .phase = ADA_PHASE_INSTANT,
                                      .level = ADA_LEVEL_INFO,
                                      .provider = "soak",
                                      .name = "tick",
                                      .fields = tick_fields,
                                      .field_count = 3};
static struct ada_event signal_event = {.on = ADA_EVENT_OFF,
                                        .phase = ADA_PHASE_INSTANT,
                                        .level = ADA_LEVEL_INFO,
                                        .provider = "soak",
                                        .name = "signal",
                                        .fields = signal_fields,
                                        .field_count = 2};

/* Handlers of this thread come between: volatile, and each counter is written in one place. */
static __thread volatile uint64_t own_id, ticks, signals;

__attribute__((constructor)) static void events_register(void)
{
    (void)ada_event_register(&tick_event);
    (void)ada_event_register(&signal_event);
}

uint64_t soak_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t soak_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

void soak_begin(void)
{
    own_id = 0;
    ticks = signals = 0;
    own_id = soak_now_ns() << 16 | ((uint64_t)syscall(SYS_gettid) & 0xffff);
}

void soak_end(void)
{
    const char *path = getenv("SOAK_TRUTH");
    uint64_t id = own_id;
    char line[80];
    int fd, size;

    own_id = 0; /* from here on handlers are silent */
    size = snprintf(line, sizeof(line), "%llu %llu %llu\n", (unsigned long long)id,
                    (unsigned long long)ticks, (unsigned long long)signals);
    fd = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd < 0)
        return;
    (void)!write(fd, line, (size_t)size);
    close(fd);
}

void soak_tick(uint32_t size)
{
    static const unsigned char bytes[2048];
    struct ada_record record;
    uint64_t id = own_id, number = ticks;

    record = ada_reserve(&tick_event, 20 + size);
    if (!record.payload)
        return;
    memcpy(record.payload, &id, 8);
    memcpy(record.payload + 8, &number, 8);
    memcpy(record.payload + 16, &size, 4);
    memcpy(record.payload + 20, bytes, size);
    ada_commit(&record);
    ticks = number + 1;
}

void soak_signal(void)
{
    uint64_t payload[2] = {own_id, signals};

    if (payload[0] && ada_emit(&signal_event, payload, sizeof(payload)) == 1)
        signals = payload[1] + 1;
}
