// The system as it is on a bad day, put in front of the real one by LD_PRELOAD. What a variable of the environment asks for:
//   HOSTILE_CLOCK=FILE        the calendar is a day behind while FILE exists
//   HOSTILE_STATFS=TYPE       every file system has that type
//   HOSTILE_NO_SHARED_MAPS=1  no file can be mapped for several processes to write to
//   HOSTILE_MEMORY=FILE       holds N: the N-th block that a worker takes for a tensor is refused, and FILE removed; or "N and on"
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace {

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

bool is_a_day_behind() {
  static const char* const file = getenv("HOSTILE_CLOCK");
  return file != nullptr && access(file, F_OK) == 0;
}

bool is_worker() {
  char words[4096] = {};
  const int file = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
  const ssize_t count = read(file, words, sizeof words - 1);
  close(file);
  return count > 0 && strcmp(words + strlen(words) + 1, "worker") == 0;
}

// Tensors are taken there. oneDNN takes its own before main() begins, and does not survive a refusal.
bool is_in_libc10(const void* address) {
  Dl_info place{};
  return dladdr(address, &place) != 0 && place.dli_fname != nullptr && strstr(place.dli_fname, "libc10") != nullptr;
}

// The number of the first refused block, and whether all later ones are too.
struct Memory {
  long first = -1;
  bool lasts = false;
  const char* file = nullptr;
};

Memory read_memory() {
  Memory memory;
  memory.file = getenv("HOSTILE_MEMORY");
  if (memory.file == nullptr || !is_worker()) return memory;
  char text[64] = {};
  const int file = open(memory.file, O_RDONLY | O_CLOEXEC);
  if (file < 0) return memory;
  if (read(file, text, sizeof text - 1) > 0) memory.first = atol(text);
  close(file);
  memory.lasts = strstr(text, "and on") != nullptr;
  return memory;
}

template <class Status>
int with_named_type(int result, Status* status) {
  if (const char* type = getenv("HOSTILE_STATFS"); result == 0 && type != nullptr)
    status->f_type = static_cast<decltype(status->f_type)>(strtol(type, nullptr, 0));
  return result;
}

bool is_refused_map(int protection, int flags) {
  const bool is_refused =
      getenv("HOSTILE_NO_SHARED_MAPS") != nullptr && (flags & MAP_SHARED) != 0 && (flags & MAP_ANONYMOUS) == 0 && (protection & PROT_WRITE) != 0;
  if (is_refused) errno = ENODEV;
  return is_refused;
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* now) noexcept {
  const long result = syscall(SYS_clock_gettime, clock, now);
  if (result == 0 && clock == CLOCK_REALTIME && is_a_day_behind()) now->tv_sec -= 24 * 60 * 60;
  return static_cast<int>(result);
}

int gettimeofday(timeval* now, void*) noexcept {
  timespec precise{};
  const int result = clock_gettime(CLOCK_REALTIME, &precise);
  now->tv_sec = precise.tv_sec;
  now->tv_usec = precise.tv_nsec / 1000;
  return result;
}

time_t time(time_t* to) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (to != nullptr) *to = now.tv_sec;
  return now.tv_sec;
}

int statfs(const char* path, struct statfs* status) noexcept { return with_named_type(real<int(const char*, struct statfs*)>("statfs")(path, status), status); }

int statfs64(const char* path, struct statfs64* status) noexcept {
  return with_named_type(real<int(const char*, struct statfs64*)>("statfs64")(path, status), status);
}

void* mmap(void* at, size_t size, int protection, int flags, int file, off_t offset) noexcept {
  if (is_refused_map(protection, flags)) return MAP_FAILED;
  return reinterpret_cast<void*>(syscall(SYS_mmap, at, size, protection, flags, file, offset));
}

void* mmap64(void* at, size_t size, int protection, int flags, int file, off64_t offset) noexcept { return mmap(at, size, protection, flags, file, offset); }

int posix_memalign(void** block, size_t alignment, size_t size) noexcept {
  static auto* const take = real<int(void**, size_t, size_t)>("posix_memalign");
  if (getenv("HOSTILE_MEMORY") == nullptr || !is_in_libc10(__builtin_return_address(0))) return take(block, alignment, size);
  static const Memory memory = read_memory();
  static std::atomic<long> taken = 0;
  const long number = ++taken;
  if (memory.first > 0 && (memory.lasts ? number >= memory.first : number == memory.first)) {
    if (!memory.lasts) unlink(memory.file);
    return ENOMEM;
  }
  return take(block, alignment, size);
}

}  // extern "C"
