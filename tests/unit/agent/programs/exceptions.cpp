/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions through instrumented frames, thread-local objects, new and delete. */
#include <cstdio>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

struct loud {
    ~loud()
    {
        std::puts("thread-local destroyed");
    }
};
thread_local loud of_thread;

static int fall(int depth)
{
    std::vector<int> ballast(static_cast<std::size_t>(depth) + 1);

    if (!depth)
        throw std::runtime_error("the bottom");
    return fall(depth - 1) + ballast[0];
}

static int catches()
{
    int caught = 0;

    for (int i = 0; i < 100; i++) {
        try {
            fall(i % 20);
        } catch (const std::runtime_error &) {
            caught++;
        }
    }
    return caught;
}

int main()
{
    std::printf("%d caught\n", catches());
    std::fflush(stdout);
    std::thread([] {
        (void)&of_thread;
        std::printf("%d caught in a thread\n", catches());
    }).join();
    try {
        volatile std::size_t bytes = static_cast<std::size_t>(1) << 62;
        std::unique_ptr<char[]> huge(new char[bytes]);

    } catch (const std::bad_alloc &) {
        std::puts("no memory");
    }
    return 0;
}
