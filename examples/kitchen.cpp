/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kitchen in C++: a cook hands dishes to a waiter; some dishes burn.
 *
 *     ./kitchen kitchen.adatrace        the program owns its session
 *     adatrace record -- ./kitchen      or takes part in the collector's
 */
#include <array>
#include <cstdint>
#include <cstdio>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <adatrace/adatrace.h>

namespace
{

constexpr unsigned DISHES = 500;

ADA_EVENT(kitchen, cooked, (string, dish), (array, u16, 3, grams))
ADA_EVENT_LEVEL(ADA_LEVEL_WARNING, kitchen, burnt, (string, dish), (bool, smoke))
ADA_FLOW(kitchen, served)

/* Throws for every fiftieth dish: the scope ends all the same. */
std::string dish_cook(unsigned number)
{
    ADA_SCOPE(kitchen, cook);
    const std::string dish = "dish " + std::to_string(number);
    const std::array<uint16_t, 3> grams = {120, 80, static_cast<uint16_t>(number)};

    if (number % 50 == 0) {
        ada_trace_kitchen_burnt(dish.c_str(), number % 100 == 0);
        throw std::runtime_error(dish + " burnt");
    }
    ada_trace_kitchen_cooked(dish.c_str(), grams.data());
    return dish;
}

unsigned kitchen_run()
{
    std::vector<std::promise<std::string>> plates(DISHES);
    unsigned burnt = 0;

    std::thread cook([&plates] {
        ada_thread_name("cook");
        for (unsigned number = 1; number <= DISHES; number++) {
            try {
                std::string dish = dish_cook(number);
                ada_flow_out_kitchen_served(number); /* the arrow leaves here ... */
                plates[number - 1].set_value(std::move(dish));
            } catch (...) {
                plates[number - 1].set_exception(std::current_exception());
            }
        }
    });
    ada_thread_name("waiter");
    for (unsigned number = 1; number <= DISHES; number++) {
        try {
            plates[number - 1].get_future().get();
            ada_flow_in_kitchen_served(number); /* ... and arrives here */
        } catch (const std::runtime_error &) {
            burnt++;
        }
    }
    cook.join();
    return burnt;
}

bool succeeded(const char *path, int result)
{
    if (result < 0)
        std::fprintf(stderr, "kitchen: %s: %s\n", path, ada_error_text(result));
    return result >= 0;
}

} // namespace

int main(int count, char **words)
{
    const char *path = count > 1 ? words[1] : nullptr;

    if (path && !succeeded(path, ada_session_start(path, nullptr)))
        return 1;
    const unsigned burnt = kitchen_run();
    if (path && !succeeded(path, ada_session_stop()))
        return 1;
    std::printf("%u dishes, %u burnt\n", DISHES, burnt);
    return 0;
}
