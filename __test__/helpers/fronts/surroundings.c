/* Stands before the C library of a test's process: answers look-ups of names as the test says, and keeps connections on
 * this machine.
 *
 * LOOKUPS: `name=address,address;name=address`. A name without an address does not exist; `slow+name=…` answers late, after
 * LOOKUP_SECONDS. Names that are not in it do not exist, but `localhost` and addresses are what they are.
 * SURROUNDINGS_LOG: a file that gets a line for each look-up (`lookup name`) and each connection that was tried to another
 * machine (`connect address`), which fails.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void note(const char *what, const char *which) {
  const char *file = getenv("SURROUNDINGS_LOG");
  char line[300];
  int length = snprintf(line, sizeof line, "%s %s\n", what, which);
  int out = file == NULL ? -1 : open(file, O_WRONLY | O_APPEND | O_CREAT, 0600);
  if (out < 0) return;
  if (write(out, line, (size_t)length) < 0) perror(file);
  close(out);
}

typedef int look_up(const char *, const char *, const struct addrinfo *, struct addrinfo **);

/* Finds a name in LOOKUPS; its addresses go to `found`. */
static int find(const char *name, char *found, size_t size, int *slow) {
  const char *table = getenv("LOOKUPS");
  char *copy = strdup(table == NULL ? "" : table);
  char *rest = NULL;
  int is_known = 0;
  for (char *entry = strtok_r(copy, ";", &rest); entry != NULL; entry = strtok_r(NULL, ";", &rest)) {
    char *equals = strchr(entry, '=');
    if (equals == NULL) continue;
    *equals = '\0';
    *slow = strncmp(entry, "slow+", 5) == 0;
    if (strcasecmp(*slow ? entry + 5 : entry, name) != 0) continue;
    snprintf(found, size, "%s", equals + 1);
    is_known = 1;
    break;
  }
  free(copy);
  return is_known;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **result) {
  look_up *real = (look_up *)dlsym(RTLD_NEXT, "getaddrinfo");
  unsigned char address[sizeof(struct in6_addr)];
  char found[300] = "";
  int slow = 0;
  if (name == NULL || strcmp(name, "localhost") == 0 || inet_pton(AF_INET, name, address) == 1 ||
      inet_pton(AF_INET6, name, address) == 1)
    return real(name, service, hints, result);
  note("lookup", name);
  int is_known = find(name, found, sizeof found, &slow);
  const char *seconds = getenv("LOOKUP_SECONDS");
  if (slow) sleep(seconds == NULL ? 1 : (unsigned)atoi(seconds));
  if (!is_known) return EAI_NONAME;
  struct addrinfo *first = NULL;
  struct addrinfo **next = &first;
  char *rest = NULL;
  for (char *one = strtok_r(found, ",", &rest); one != NULL; one = strtok_r(NULL, ",", &rest)) {
    if (real(one, service, hints, next) != 0) continue;
    while (*next != NULL) next = &(*next)->ai_next;
  }
  *result = first;
  return first == NULL ? EAI_NONAME : 0;
}

int connect(int socket, const struct sockaddr *to, socklen_t length) {
  int (*real)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "connect");
  char text[INET6_ADDRSTRLEN] = "";
  if (to->sa_family == AF_INET) {
    const struct in_addr *address = &((const struct sockaddr_in *)to)->sin_addr;
    if ((ntohl(address->s_addr) >> 24) == 127) return real(socket, to, length);
    inet_ntop(AF_INET, address, text, sizeof text);
  } else if (to->sa_family == AF_INET6) {
    const struct in6_addr *address = &((const struct sockaddr_in6 *)to)->sin6_addr;
    if (IN6_IS_ADDR_LOOPBACK(address)) return real(socket, to, length);
    inet_ntop(AF_INET6, address, text, sizeof text);
  } else {
    return real(socket, to, length);
  }
  note("connect", text);
  errno = ENETUNREACH;
  return -1;
}
