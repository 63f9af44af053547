/* SPDX-License-Identifier: Apache-2.0 */
#include "spsc_fixture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

uint64_t fixture_seed(void)
{
    const char *given = getenv("SPSC_SEED");
    struct timespec now;
    uint64_t seed;

    clock_gettime(CLOCK_REALTIME, &now);
    seed = given ? strtoull(given, NULL, 0)
                 : (uint64_t)now.tv_sec * 1000000007u + (uint64_t)now.tv_nsec;
    printf("SPSC_SEED=%" PRIu64 "\n", seed);
    fflush(stdout);
    return seed;
}

uint64_t fixture_random(uint64_t *state)
{
    uint64_t x = (*state += UINT64_C(0x9e3779b97f4a7c15));

    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

unsigned fixture_rounds(unsigned rounds)
{
#ifdef TEST_IS_WRAPPED
    return rounds / 100 + 1;
#elif defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    return rounds / 10 + 1;
#else
    return rounds;
#endif
}

size_t fixture_record(uint64_t number, size_t most, unsigned char *out)
{
    uint64_t state = number;
    size_t bytes = 8 + (most ? fixture_random(&state) % (most + 1) : 0);

    memcpy(out, &number, 8);
    memset(out + 8, (int)(number * 7), bytes - 8);
    return bytes;
}

uint64_t fixture_number(const void *record, size_t bytes, size_t most)
{
    unsigned char expected[65536];
    uint64_t number;

    if (bytes < 8)
        return UINT64_MAX;
    memcpy(&number, record, 8);
    if (fixture_record(number, most, expected) != bytes || memcmp(expected, record, bytes))
        return UINT64_MAX;
    return number;
}

pid_t fixture_fork(int (*part)(void *context), void *context)
{
    pid_t child;

    fflush(NULL);
    child = fork();
    if (!child)
        _exit(part(context));
    return child;
}

int fixture_wait(pid_t child)
{
    int status;

    if (waitpid(child, &status, 0) != child)
        return -1000;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}
