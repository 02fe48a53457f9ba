#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "harness/core/error.h"
#include "harness/core/trial.h"

namespace winnow {

// What a sweep and its workers tell each other, a line of JSON each.

// The first line that a worker hears: everything it needs to run some cells. After it only the end of its input: stop, and save.
struct WorkOrder {
  std::string sweep_json;  // as frozen: the file may have changed since
  std::string folder;      // that relative paths are from
  std::string data;        // folder of the data sets
  bool takes_unverified_data = false;
  std::string store, cache;
  std::string device;
  int threads = 1;
  std::int64_t token_budget = 8192;
  Json environment;
  std::vector<Cell> cells;
};
std::string to_line(const WorkOrder& order);
WorkOrder work_order(const std::string& line);

// What a worker says. Cells are named by their place in the order.
struct WorkerMessage {
  enum class Kind {
    kAlive,     // loading or planning goes on
    kBegin,     // of a cell
    kProgress,  // within a cell
    kEnd,       // of a cell: its trial is saved
    kFinished,  // every cell of the order is settled, here or by another process
    kStopped,   // as asked
    kLost,      // the device's context is lost: only a new process can go on
    kError,     // nothing more can be done: the log fails, the order cannot be carried out
  };
  Kind kind = Kind::kAlive;
  std::size_t cell = 0;
  std::size_t examples_done = 0, examples_total = 0;  // kProgress
  std::int64_t tokens_forwarded = 0;                  // kProgress: since the worker began
  std::optional<Metric> score;                        // kProgress, kEnd: the headline
  TrialStatus status = TrialStatus::kOk;              // kEnd
  std::string reason;                                 // kEnd
  double seconds = 0;                                 // kEnd
  ErrorKind error = ErrorKind::kInput;                // kError
  std::string sentence;                               // kError
};
std::string to_line(const WorkerMessage& message);
// Nothing for a line that is no message: a library may have written to the descriptor.
std::optional<WorkerMessage> worker_message(const std::string& line);

}  // namespace winnow
