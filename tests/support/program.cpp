#include "tests/support/program.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <string_view>

extern char** environ;

namespace winnow::test {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

struct Pipe {
  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
    read_end = ends[0];
    write_end = ends[1];
  }
  ~Pipe() {
    close_end(read_end);
    close_end(write_end);
  }
  static void close_end(int& end) {
    if (end >= 0) close(end);
    end = -1;
  }
  int read_end, write_end;
};

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& added) {
  std::vector<std::string> merged;
  for (char** entry = environ; *entry; ++entry) {
    const std::string_view text = *entry;
    if (!added.contains(std::string(text.substr(0, text.find('='))))) merged.emplace_back(text);
  }
  for (const auto& [name, value] : added) merged.push_back(name + "=" + value);
  return merged;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

pid_t start(const std::vector<std::string>& command, const ProgramOptions& options, Pipe& in, Pipe& out, Pipe& err) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (options.input.empty()) {
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  } else {
    posix_spawn_file_actions_adddup2(&actions, in.read_end, 0);
  }
  posix_spawn_file_actions_adddup2(&actions, out.write_end, 1);
  posix_spawn_file_actions_adddup2(&actions, err.write_end, 2);
  if (!options.folder.empty()) posix_spawn_file_actions_addchdir_np(&actions, options.folder.c_str());
  posix_spawnattr_t attributes;  // a group of its own, so that a kill reaches its workers too
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);

  const std::vector<std::string> environment = merged_environment(options.environment);
  pid_t child = -1;
  const int failure = posix_spawnp(&child, command.at(0).c_str(), &actions, &attributes, pointers(command).data(), pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (failure != 0) throw std::runtime_error("cannot start " + command[0]);
  return child;
}

// Reads what is there; closes the end when the writer has gone.
void drain(int& end, std::string& into) {
  char buffer[65536];
  const ssize_t count = read(end, buffer, sizeof buffer);
  if (count > 0) {
    into.append(buffer, static_cast<std::size_t>(count));
  } else if (count == 0 || errno != EINTR) {
    Pipe::close_end(end);
  }
}

void feed(int& end, std::string_view& left) {
  const ssize_t count = write(end, left.data(), left.size());
  if (count > 0) left.remove_prefix(static_cast<std::size_t>(count));
  if (left.empty() || (count < 0 && errno != EAGAIN && errno != EINTR)) Pipe::close_end(end);
}

}  // namespace

ProgramResult run_program(const std::vector<std::string>& command, const ProgramOptions& options) {
  std::signal(SIGPIPE, SIG_IGN);
  Pipe in, out, err;
  const Clock::time_point begin = Clock::now();
  const pid_t child = start(command, options, in, out, err);
  Pipe::close_end(in.read_end);
  Pipe::close_end(out.write_end);
  Pipe::close_end(err.write_end);
  std::string_view input = options.input;
  if (input.empty()) {
    Pipe::close_end(in.write_end);
  } else {
    fcntl(in.write_end, F_SETFL, O_NONBLOCK);
  }

  ProgramResult result;
  bool signalled = !options.signal_after;
  int status = 0;
  rusage usage{};
  while (wait4(child, &status, WNOHANG, &usage) == 0) {
    pollfd ends[3] = {{out.read_end, POLLIN, 0}, {err.read_end, POLLIN, 0}, {in.write_end, POLLOUT, 0}};
    poll(ends, 3, 5);
    if (ends[0].revents) drain(out.read_end, result.output);
    if (ends[1].revents) drain(err.read_end, result.errors);
    if (ends[2].revents) feed(in.write_end, input);
    if (!signalled && seconds_since(begin) >= *options.signal_after) {
      kill(-child, options.signal);
      signalled = true;
    }
    if (!result.timed_out && seconds_since(begin) > options.seconds) {
      kill(-child, SIGKILL);
      result.timed_out = true;
    }
  }
  result.seconds = seconds_since(begin);
  // What it wrote last. A grandchild may still hold the pipe: take what is there and do not wait for it.
  for (auto [end, text] : {std::pair{&out.read_end, &result.output}, std::pair{&err.read_end, &result.errors}}) {
    if (*end >= 0) fcntl(*end, F_SETFL, O_NONBLOCK);
    while (*end >= 0) drain(*end, *text);
  }
  if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.ended_by = WTERMSIG(status);
  result.peak_bytes = static_cast<long long>(usage.ru_maxrss) * 1024;
  return result;
}

std::filesystem::path winnow_program() { return WINNOW_PROGRAM; }

ProgramResult run_winnow(const std::vector<std::string>& arguments, const ProgramOptions& options) {
  std::vector<std::string> command{winnow_program().string()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return run_program(command, options);
}

}  // namespace winnow::test
