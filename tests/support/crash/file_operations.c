/* Counts the operations on files below some folders, and disturbs one of them.

   Preloaded into a process, it stands before the C library, so that it sees what Python, Arrow,
   NumPy and safetensors do alike. Nothing happens until `arm`. Processes forked afterwards count
   with their parent; programs that are started anew do not. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { SEND_SIGNAL = 1, FULL_FROM_HERE = 2, FAIL_ONCE = 3, SHOW_ALL = 4 };
enum { GROWS = 1, SHRINKS = 0 }; /* a full disk refuses only what takes room */

struct state {
  atomic_long count;
  long at;
  int action, value, times, log, ask, answer;
  pid_t target;
  char roots[4][PATH_MAX];
};
static struct state *state;

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

/* `roots`: folders, one a line. Action and value: a signal sent `times` times from operation `at`
   on, once for each operation; or an errno for all, or one; or every operation waits until somebody
   has looked at the files, to whom `ask` and `answer` are pipes. `log`: descriptor for a line each. */
int arm(const char *roots, long at, int action, int value, int times, int log, int ask,
        int answer) {
  state = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (state == MAP_FAILED) return -1;
  state->at = at, state->action = action, state->value = value, state->times = times;
  state->log = log, state->target = getpid(), state->ask = ask, state->answer = answer;
  for (int i = 0; i < 4 && *roots; i++) {
    size_t length = strcspn(roots, "\n");
    memcpy(state->roots[i], roots, length);
    roots += length + (roots[length] == '\n');
  }
  return 0;
}

/* Pages and manifests tell the date: it stands still, so that equal runs are equal. */
int clock_gettime(clockid_t clock, struct timespec *now) {
  int failed = syscall(SYS_clock_gettime, clock, now);
  if (state && clock == CLOCK_REALTIME) *now = (struct timespec){1767225600, 0};
  return failed;
}

static int below(const char *path) {
  for (int i = 0; i < 4 && state->roots[i][0]; i++) {
    size_t length = strlen(state->roots[i]);
    if (!strncmp(path, state->roots[i], length) && (path[length] == '/' || !path[length])) return 1;
  }
  return 0;
}

static int place(char *whole, int folder, const char *path) {
  char link[64];
  ssize_t length = 0;
  if (path[0] != '/') {
    snprintf(link, sizeof link, folder == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", folder);
    length = readlink(link, whole, PATH_MAX - 1);
    if (length < 0) return 0;
    if (path[0]) whole[length++] = '/';
  }
  snprintf(whole + length, PATH_MAX - length, "%s", path);
  return below(whole);
}

/* Has the files looked at as a kill at this operation would leave them. */
static void show(long number) {
  char answered;
  while (syscall(SYS_write, state->ask, &number, sizeof number) < 0 && errno == EINTR) {}
  while (syscall(SYS_read, state->answer, &answered, 1) < 0 && errno == EINTR) {}
}

/* Returns 0, or the error with which the operation has to fail. */
static int disturb(const char *name, int folder, const char *path, int grows, void (*half)(void *),
                   void *what) {
  char whole[PATH_MAX + 1], line[PATH_MAX + 64];
  int saved = errno;
  if (!state || !place(whole, folder, path)) return errno = saved, 0;
  long number = atomic_fetch_add(&state->count, 1) + 1;
  if (state->log >= 0) {
    int length = snprintf(line, sizeof line, "%ld\t%s\t%s\n", number, name, whole);
    syscall(SYS_write, state->log, line, length);
  }
  if (state->action == SHOW_ALL) {
    show(number);
    if (half) half(what), show(number);
    return errno = saved, 0;
  }
  errno = saved;
  if (!state->action || number < state->at) return 0;
  if (state->action == SEND_SIGNAL) {
    if (number >= state->at + state->times) return 0;
    if (half && state->value == SIGKILL) half(what);
    kill(state->target, state->value);
    return errno = saved, 0;
  }
  if (state->action == FAIL_ONCE ? number > state->at : !grows && number > state->at) return 0;
  if (state->action == FULL_FROM_HERE && number == state->at && half) half(what);
  return state->value;
}

#define REFUSE(name, folder, path, grows)                                     \
  do {                                                                        \
    int error = disturb(name, folder, path, grows, NULL, NULL);               \
    if (error) return errno = error, -1;                                      \
  } while (0)

/* Half of what was to be written gets onto the disk before it is full, or before the kill. */
struct bytes { int file; const void *data; size_t size; ssize_t written; };
static void write_half(void *what) {
  struct bytes *bytes = what;
  ssize_t written = syscall(SYS_write, bytes->file, bytes->data, bytes->size / 2);
  if (written > 0) bytes->written = written;
}

ssize_t write(int file, const void *data, size_t size) {
  struct bytes bytes = {file, data, size, 0};
  int error = state ? disturb("write", file, "", GROWS, write_half, &bytes) : 0;
  if (error) return errno = error, -1;
  ssize_t rest = REAL(write)(file, (const char *)data + bytes.written, size - bytes.written);
  return rest < 0 ? (bytes.written ? bytes.written : rest) : bytes.written + rest;
}
ssize_t writev(int file, const struct iovec *parts, int count) {
  REFUSE("write", file, "", GROWS);
  return REAL(writev)(file, parts, count);
}
ssize_t pwrite(int file, const void *data, size_t size, off_t at) {
  REFUSE("write", file, "", GROWS);
  return REAL(pwrite)(file, data, size, at);
}
ssize_t pwrite64(int file, const void *data, size_t size, off64_t at) {
  REFUSE("write", file, "", GROWS);
  return REAL(pwrite64)(file, data, size, at);
}
ssize_t sendfile(int to, int from, off_t *at, size_t size) {
  ssize_t (*call)(int, int, off_t *, size_t) = real("sendfile");
  REFUSE("write", to, "", GROWS);
  return call(to, from, at, size);
}
ssize_t copy_file_range(int from, off64_t *at, int to, off64_t *there, size_t size,
                        unsigned flags) {
  REFUSE("write", to, "", GROWS);
  return REAL(copy_file_range)(from, at, to, there, size, flags);
}
int posix_fallocate(int file, off_t at, off_t size) {
  int error = disturb("fallocate", file, "", GROWS, NULL, NULL);
  return error ? error : REAL(posix_fallocate)(file, at, size);
}
int posix_fallocate64(int file, off64_t at, off64_t size) {
  int error = disturb("fallocate", file, "", GROWS, NULL, NULL);
  return error ? error : REAL(posix_fallocate64)(file, at, size);
}
int ftruncate(int file, off_t size) {
  REFUSE("truncate", file, "", SHRINKS);
  return REAL(ftruncate)(file, size);
}
int ftruncate64(int file, off64_t size) {
  REFUSE("truncate", file, "", SHRINKS);
  return REAL(ftruncate64)(file, size);
}
int fsync(int file) {
  REFUSE("fsync", file, "", GROWS);
  return REAL(fsync)(file);
}
int fdatasync(int file) {
  REFUSE("fsync", file, "", GROWS);
  return REAL(fdatasync)(file);
}

#define OPEN(name, folder, call)                                              \
  mode_t mode = 0;                                                            \
  if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE) {                                        \
    va_list rest;                                                             \
    va_start(rest, flags);                                                    \
    mode = va_arg(rest, mode_t);                                              \
    va_end(rest);                                                             \
  }                                                                           \
  if (flags & (O_CREAT | O_TRUNC)) REFUSE("open", folder, path, GROWS);       \
  return call

int open(const char *path, int flags, ...) {
  OPEN(open, AT_FDCWD, REAL(open)(path, flags, mode));
}
int open64(const char *path, int flags, ...) {
  OPEN(open64, AT_FDCWD, REAL(open64)(path, flags, mode));
}
int openat(int folder, const char *path, int flags, ...) {
  OPEN(openat, folder, REAL(openat)(folder, path, flags, mode));
}
int openat64(int folder, const char *path, int flags, ...) {
  OPEN(openat64, folder, REAL(openat64)(folder, path, flags, mode));
}
static FILE *opened(const char *name, const char *path, const char *how) {
  FILE *(*call)(const char *, const char *) = real(name);
  int error = how[0] == 'r' ? 0 : disturb("open", AT_FDCWD, path, GROWS, NULL, NULL);
  if (error) return errno = error, NULL;
  return call(path, how);
}
FILE *fopen(const char *path, const char *how) { return opened("fopen", path, how); }
FILE *fopen64(const char *path, const char *how) { return opened("fopen64", path, how); }

int rename(const char *from, const char *to) {
  REFUSE("rename", AT_FDCWD, to, GROWS);
  return REAL(rename)(from, to);
}
int renameat(int a, const char *from, int b, const char *to) {
  REFUSE("rename", b, to, GROWS);
  return REAL(renameat)(a, from, b, to);
}
int link(const char *from, const char *to) {
  REFUSE("link", AT_FDCWD, to, GROWS);
  return REAL(link)(from, to);
}
int linkat(int a, const char *from, int b, const char *to, int flags) {
  REFUSE("link", b, to, GROWS);
  return REAL(linkat)(a, from, b, to, flags);
}
int unlink(const char *path) {
  REFUSE("unlink", AT_FDCWD, path, SHRINKS);
  return REAL(unlink)(path);
}
int unlinkat(int folder, const char *path, int flags) {
  REFUSE("unlink", folder, path, SHRINKS);
  return REAL(unlinkat)(folder, path, flags);
}
int rmdir(const char *path) {
  REFUSE("rmdir", AT_FDCWD, path, SHRINKS);
  return REAL(rmdir)(path);
}
int mkdir(const char *path, mode_t mode) {
  REFUSE("mkdir", AT_FDCWD, path, GROWS);
  return REAL(mkdir)(path, mode);
}
int mkdirat(int folder, const char *path, mode_t mode) {
  REFUSE("mkdir", folder, path, GROWS);
  return REAL(mkdirat)(folder, path, mode);
}
