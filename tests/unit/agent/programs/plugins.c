/* SPDX-License-Identifier: Apache-2.0 */
/* Opens, calls and closes the library in argv[1] repeatedly. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    int sum = 0;

    for (int i = 0; argc > 1 && i < 5; i++) {
        void *library = dlopen(argv[1], RTLD_NOW);
        int (*add)(int, int) = NULL;
        void *symbol = library ? dlsym(library, "plugin_add") : NULL;

        memcpy(&add, &symbol, sizeof(add));
        if (!add)
            return 1;
        sum = add(sum, i);
        if (dlclose(library))
            return 2;
    }
    printf("sum %d, no error: %d\n", sum, dlerror() == NULL);
    printf("close nothing: %d\n", dlopen("/no/such.so", RTLD_NOW) == NULL);
    printf("%s\n", dlerror() ? "with a message" : "without");
    return 0;
}
