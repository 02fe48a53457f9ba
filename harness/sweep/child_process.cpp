#include "harness/sweep/child_process.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "harness/core/error.h"

namespace winnow {
namespace {

constexpr int kMessages = 3;           // descriptor in the child
constexpr int kAboveTheStandard = 10;  // so that no end is overwritten while they are put in place
constexpr std::size_t kMaxLine = std::size_t{1} << 24;

struct PipeEnds {
  int read_end = -1, write_end = -1;
};

int close_end(int& end) { return end < 0 ? 0 : ::close(std::exchange(end, -1)); }

PipeEnds make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw input_error("a pipe to a worker cannot be made: {}", std::strerror(errno));
  PipeEnds moved{::fcntl(ends[0], F_DUPFD_CLOEXEC, kAboveTheStandard), ::fcntl(ends[1], F_DUPFD_CLOEXEC, kAboveTheStandard)};
  ::close(ends[0]);
  ::close(ends[1]);
  if (moved.read_end < 0 || moved.write_end < 0) throw input_error("a pipe to a worker cannot be made: {}", std::strerror(errno));
  return moved;
}

void set_nonblocking(int descriptor) { ::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) | O_NONBLOCK); }

}  // namespace

ChildProcess::ChildProcess(const Options& options) {
  PipeEnds input = make_pipe(), messages = make_pipe(), errors = make_pipe();
  input_ = input.write_end;
  messages_.descriptor = messages.read_end;
  errors_.descriptor = errors.read_end;
  for (const int end : {input_, messages_.descriptor, errors_.descriptor}) set_nonblocking(end);
  start(options, input.read_end, messages.write_end, errors.write_end);
  for (int* end : {&input.read_end, &messages.write_end, &errors.write_end}) close_end(*end);
}

// Between fork and exec only what a signal handler may do.
void ChildProcess::start(const Options& options, int input, int messages, int errors) {
  std::vector<char*> words;
  for (const std::string& word : options.command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  cpu_set_t processors;
  CPU_ZERO(&processors);
  for (const int processor : options.processors) CPU_SET(processor, &processors);
  const rlimit memory{static_cast<rlim_t>(options.memory_bytes), static_cast<rlim_t>(options.memory_bytes)};
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) throw input_error("a worker cannot be started: {}", std::strerror(errno));
  if (pid_ > 0) return;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2}) std::signal(signal, SIG_IGN);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(kExitBug);  // it died before the line above
  if (!options.processors.empty()) ::sched_setaffinity(0, sizeof processors, &processors);
  if (options.memory_bytes > 0) ::setrlimit(RLIMIT_DATA, &memory);
  if (const int score = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC); score >= 0) {  // the kernel should take a worker, not its sweep
    [[maybe_unused]] const ssize_t ignored = ::write(score, "500", 3);
  }
  ::dup2(input, STDIN_FILENO);
  ::dup2(errors, STDOUT_FILENO);
  ::dup2(errors, STDERR_FILENO);
  ::dup2(messages, kMessages);
  ::execv(words[0], words.data());
  ::_exit(kExitBug);
}

ChildProcess::~ChildProcess() {
  if (pid_ > 0 && !end_) {
    kill();
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {}
  }
  for (int* end : {&input_, &messages_.descriptor, &errors_.descriptor}) close_end(*end);
}

void ChildProcess::send(std::string_view bytes) {
  input_pending_ += bytes;
  flush();
}

void ChildProcess::flush() {
  while (input_ >= 0 && !input_pending_.empty()) {
    const ssize_t written = ::write(input_, input_pending_.data(), input_pending_.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) return;
    if (written < 0) input_pending_.clear();  // it has gone; its end says why
    if (written > 0) input_pending_.erase(0, static_cast<std::size_t>(written));
  }
  if (input_ends_) close_end(input_);
}

void ChildProcess::close_input() {
  input_ends_ = true;
  flush();
}

std::vector<std::string> ChildProcess::read_lines(Lines& lines) {
  std::vector<std::string> whole;
  char buffer[65536];
  while (lines.descriptor >= 0) {
    const ssize_t count = ::read(lines.descriptor, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) break;
    if (count <= 0) {
      close_end(lines.descriptor);
      if (!lines.partial.empty()) whole.push_back(std::exchange(lines.partial, {}));
      break;
    }
    lines.partial.append(buffer, static_cast<std::size_t>(count));
    std::size_t begin = 0;
    for (std::size_t newline; (newline = lines.partial.find('\n', begin)) != std::string::npos; begin = newline + 1)
      whole.push_back(lines.partial.substr(begin, newline - begin));
    lines.partial.erase(0, begin);
    if (lines.partial.size() > kMaxLine) {
      whole.push_back(lines.partial);
      lines.partial.clear();
    }
  }
  return whole;
}

void ChildProcess::kill() {
  if (pid_ > 0 && !end_) ::kill(pid_, SIGKILL);
}

std::optional<ChildProcess::End> ChildProcess::try_wait() {
  if (end_) return end_;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  end_ = WIFSIGNALED(status) ? End{.exit_code = -1, .signal = WTERMSIG(status)} : End{.exit_code = WEXITSTATUS(status), .signal = 0};
  return end_;
}

}  // namespace winnow
