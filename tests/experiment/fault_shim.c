/* Preloaded into a program: makes one call of write, fsync, rename, link or close on a file below a folder fail.
 *
 *   REGRAD_FAULT_UNDER=/tmp/out REGRAD_FAULT=write:3:28 LD_PRELOAD=fault_shim.so program
 *
 * REGRAD_FAULT: the call, which one of them (from 1), and the errno it gets; "short" instead of an errno lets a write take half of its bytes.
 * REGRAD_FAULT_LOG: a file (elsewhere) that gets a line when the fault has happened. Calls on the lock file, and closes of what was only read, are let
 * through: nothing can be lost there. A close that fails has closed, as on Linux. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_int calls;

static int is_below(const char* path) {
  const char* under = getenv("REGRAD_FAULT_UNDER");
  return under && strncmp(path, under, strlen(under)) == 0 && !strstr(path, "/.regrad-lock");
}

static int fd_is_below(int fd) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (n < 0) return 0;
  path[n] = 0;
  return is_below(path);
}

/* 0: go on; -1: fail with errno; 1: short. */
static int fault(const char* call) {
  const char* wanted = getenv("REGRAD_FAULT");
  char name[16], how[16];
  int which = 0;
  if (!wanted || sscanf(wanted, "%15[a-z]:%d:%15s", name, &which, how) != 3 || strcmp(name, call) != 0) return 0;
  if (atomic_fetch_add(&calls, 1) + 1 != which) return 0;
  const char* log = getenv("REGRAD_FAULT_LOG");
  FILE* f = log ? fopen(log, "w") : NULL;
  if (f) fprintf(f, "%s\n", wanted), fclose(f);
  if (strcmp(how, "short") == 0) return 1;
  errno = atoi(how);
  return -1;
}

#define REAL(type, name, ...) ((type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name))

ssize_t write(int fd, const void* bytes, size_t n) {
  const int f = fd_is_below(fd) ? fault("write") : 0;
  if (f < 0) return -1;
  return REAL(ssize_t, "write", int, const void*, size_t)(fd, bytes, f > 0 && n > 1 ? n / 2 : n);
}

int fsync(int fd) { return fd_is_below(fd) && fault("fsync") ? -1 : REAL(int, "fsync", int)(fd); }

int rename(const char* from, const char* to) { return is_below(to) && fault("rename") ? -1 : REAL(int, "rename", const char*, const char*)(from, to); }

int link(const char* from, const char* to) { return is_below(to) && fault("link") ? -1 : REAL(int, "link", const char*, const char*)(from, to); }

int close(int fd) {
  const int written = fd_is_below(fd) && (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY;
  const int failed = written && fault("close"), error = errno;
  const int closed = REAL(int, "close", int)(fd);
  if (!failed) return closed;
  errno = error;
  return -1;
}
