/* A service that starts as quickly as one can: says by UDP that it serves, with its pid and CLOCK_MONOTONIC, and waits.
   Usage: serve PORT */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc != 2) return 64;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int sender = socket(AF_INET, SOCK_DGRAM, 0);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    char text[64];
    int length = snprintf(text, sizeof text, "%d %lld", getpid(), now.tv_sec * 1000000000LL + now.tv_nsec);
    if (sendto(sender, text, length, 0, (struct sockaddr *)&to, sizeof to) < 0) return 1;
    for (;;) pause();
}
