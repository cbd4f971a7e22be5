/* For scripts/bench: connections to one port of this machine lead to another, where a proxy adds a delay.
   LD_PRELOAD=this BENCH_REDIRECT=FROM:TO; so the programs under test are the real ones. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int connect(int fd, const struct sockaddr *address, socklen_t length) {
    static int (*original)(int, const struct sockaddr *, socklen_t);
    if (!original) original = (int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "connect");
    unsigned from = 0, to = 0;
    const char *ports = getenv("BENCH_REDIRECT");
    if (ports && address->sa_family == AF_INET && length >= sizeof(struct sockaddr_in)
        && sscanf(ports, "%u:%u", &from, &to) == 2) {
        struct sockaddr_in copy;
        memcpy(&copy, address, sizeof copy);
        if (ntohs(copy.sin_port) == from) {
            copy.sin_port = htons((unsigned short)to);
            return original(fd, (struct sockaddr *)&copy, sizeof copy);
        }
    }
    return original(fd, address, length);
}
