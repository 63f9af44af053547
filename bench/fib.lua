-- SPDX-License-Identifier: Apache-2.0
-- The call benchmark: nothing but calls. `lua fib.lua 32` makes 28 million function events.
local function fib(n)
    if n < 2 then
        return n
    end
    return fib(n - 1) + fib(n - 2)
end
print(fib(tonumber(arg[1])))
