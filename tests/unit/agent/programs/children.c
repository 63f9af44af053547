/* SPDX-License-Identifier: Apache-2.0 */
/* Every way to have a child and to become another program; says how each ended. */
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char *const echo_args[] = {"echo", "from the child", NULL};
static char *const no_environment[] = {NULL};
static char *const some_environment[] = {"A=1", "PATH=/usr/bin:/bin", NULL};

static void report(const char *what, pid_t child)
{
    int status = -1;

    if (child > 0)
        waitpid(child, &status, 0);
    printf("%s: %#x\n", what, (unsigned)status);
    fflush(stdout);
}

#define IN_CHILD(what, fork_, ...) \
    do {                           \
        pid_t child_ = (fork_);    \
                                   \
        if (!child_) {             \
            __VA_ARGS__;           \
            _exit(99);             \
        }                          \
        report(what, child_);      \
    } while (0)

static pid_t clone_raw(void)
{
    return (pid_t)syscall(SYS_clone, (unsigned long)SIGCHLD, 0ul, 0ul, 0ul, 0ul);
}

static void spawn(const char *what, int search, const char *path, char *const *environment)
{
    pid_t child = -1;
    int err = search ? posix_spawnp(&child, path, NULL, NULL, echo_args, environment)
                     : posix_spawn(&child, path, NULL, NULL, echo_args, environment);

    report(what, err ? -1 : child);
    printf("%s returned %d\n", what, err);
}

int main(void)
{
    FILE *pipe;
    char line[64] = "";
    int bin;

    IN_CHILD("fork, _exit", fork(), _exit(1));
    IN_CHILD("fork, exit", fork(), exit(2));
    IN_CHILD("fork, _Exit", fork(), _Exit(3));
    IN_CHILD("fork, quick_exit", fork(), quick_exit(4));
    IN_CHILD("fork, malloc", fork(), free(malloc(100)); _exit(5));
    IN_CHILD("_Fork", _Fork(), free(malloc(100)); _exit(6));
    IN_CHILD("clone", clone_raw(), free(malloc(100)); _exit(7));
    IN_CHILD("fork, fork", fork(), if (!fork()) _exit(1); wait(NULL); _exit(8));
    IN_CHILD("fork, abort", fork(), abort());
    IN_CHILD("vfork, _exit", vfork(), _exit(9));
    IN_CHILD("vfork, execve", vfork(), execve("/bin/echo", echo_args, environ));
    IN_CHILD("vfork, execve fails", vfork(), execve("/no/such", echo_args, environ); _exit(10));
    IN_CHILD("execv", fork(), execv("/bin/echo", echo_args));
    IN_CHILD("execvp", fork(), execvp("echo", echo_args));
    IN_CHILD("execvp fails", fork(), execvp("no-such-program", echo_args); _exit(11));
    IN_CHILD("execvpe", fork(), execvpe("echo", echo_args, some_environment));
    IN_CHILD("execve, no environment", fork(), execve("/bin/echo", echo_args, no_environment));
    IN_CHILD("execve, NULL environment", fork(), execve("/bin/echo", echo_args, NULL));
    IN_CHILD("execl", fork(), execl("/bin/echo", "echo", "one", "two", (char *)NULL));
    IN_CHILD("execlp", fork(), execlp("echo", "echo", "one", (char *)NULL));
    IN_CHILD("execle", fork(), execle("/bin/echo", "echo", "x", (char *)NULL, some_environment));
    bin = open("/bin/echo", O_RDONLY | O_CLOEXEC);
    IN_CHILD("fexecve", fork(), fexecve(bin, echo_args, environ));
    close(bin);
    bin = open("/bin", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    IN_CHILD("execveat", fork(), execveat(bin, "echo", echo_args, environ, 0));
    close(bin);
    spawn("posix_spawn", 0, "/bin/echo", environ);
    spawn("posix_spawn, no environment", 0, "/bin/echo", no_environment);
    spawn("posix_spawn fails", 0, "/no/such", environ);
    spawn("posix_spawnp", 1, "echo", some_environment);
    printf("system: %#x\n", (unsigned)system("echo from the shell; exit 12"));
    fflush(stdout);
    pipe = popen("echo from the pipe", "r");
    if (pipe && fgets(line, sizeof(line), pipe))
        printf("popen: %s%#x\n", line, (unsigned)pclose(pipe));
    return 0;
}
