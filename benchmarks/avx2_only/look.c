/* Prints what CPUID says of the newer vector extensions, in this thread, a new one and a fork: one line each. */

#include <cpuid.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void look(const char *where) {
    unsigned a, b, c, d, e, f, g, h;
    __cpuid_count(7, 0, a, b, c, d);
    __cpuid_count(7, 1, e, f, g, h);
    printf("%s: avx2 %u, avx512f %u, avx512_vnni %u, avx_vnni %u, amx_int8 %u, amx_bf16 %u\n", where, b >> 5 & 1,
           b >> 16 & 1, c >> 11 & 1, e >> 4 & 1, d >> 25 & 1, d >> 22 & 1);
    fflush(stdout);
}

static void *in_thread(void *name) {
    look(name);
    return NULL;
}

int main(void) {
    pthread_t thread;
    look("main");
    pthread_create(&thread, NULL, in_thread, "thread");
    pthread_join(thread, NULL);
    if (fork() == 0) {
        look("fork");
        _exit(0);
    }
    wait(NULL);
    return 0;
}
