/* The least a supervisor can do: start a program, wait for its end, start it again. Usage: loop PROGRAM ARGUMENT... */
#define _GNU_SOURCE
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

int main(int argc, char **argv) {
    if (argc < 2) return 64;
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    for (;;) {
        pid_t child;
        if (posix_spawn(&child, argv[1], 0, &attributes, argv + 1, environ) != 0) return 1;
        while (waitpid(child, 0, 0) != child) {}
    }
}
