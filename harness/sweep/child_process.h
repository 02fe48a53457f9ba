#pragma once
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace winnow {

// A program run beside this one. It hears on its standard input, speaks in lines on descriptor 3, and what it writes to standard output and error is
// collected. It ignores INT, TERM, HUP, USR1 and USR2 (a terminal sends them to everybody), and dies with this process.
class ChildProcess {
 public:
  struct Options {
    std::vector<std::string> command;  // program and its words
    std::vector<int> processors = {};  // it may run on these only; empty: as this process
    std::int64_t memory_bytes = 0;     // of heap, stacks and other private memory (RLIMIT_DATA); 0: as this process
  };

  // Throws Error(kInput) where it cannot be started.
  explicit ChildProcess(const Options& options);
  ~ChildProcess();  // kills it if it still runs
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // Descriptors to wait for with poll(); -1 once the other end is closed.
  int messages_end() const { return messages_.descriptor; }
  int errors_end() const { return errors_.descriptor; }
  int input_end() const { return input_pending_.empty() ? -1 : input_; }

  void send(std::string_view bytes);  // as much as it takes now; the rest with flush()
  void flush();
  void close_input();  // after what is pending
  // Whole lines that have come since the last call.
  std::vector<std::string> read_messages() { return read_lines(messages_); }
  std::vector<std::string> read_errors() { return read_lines(errors_); }
  void kill();

  struct End {
    int exit_code = -1;  // -1 where a signal ended it
    int signal = 0;
  };
  std::optional<End> try_wait();  // nothing while it runs

 private:
  struct Lines {
    int descriptor = -1;
    std::string partial = {};
  };
  static std::vector<std::string> read_lines(Lines& lines);
  void start(const Options& options, int input, int messages, int errors);

  pid_t pid_ = -1;
  int input_ = -1;
  std::string input_pending_;
  bool input_ends_ = false;
  Lines messages_, errors_;
  std::optional<End> end_;
};

}  // namespace winnow
