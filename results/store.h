#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "harness/core/trial_log.h"
#include "results/outcome.h"

namespace winnow {

// An SQLite file that keeps every number and every answer; results/schema.sql says how. Every call is one transaction: it is there whole or
// not at all, whenever the process dies. Throws Error(kInput) with one sentence for what a person can put right (full disk, damaged file …).
class Store : public TrialLog {
 public:
  // To write: made where there is none, an older one is brought up to date, a copy kept beside it.
  static Store open(const std::filesystem::path& file);
  // To read: writes nothing, works on a read-only file in a read-only folder.
  static Store open_read_only(const std::filesystem::path& file);
  Store(Store&&) noexcept;
  ~Store() override;

  // What open() refuses before it makes or touches the file: to be asked before hours of work.
  static void check_place(const std::filesystem::path& file);

  // Notes the sweep that the next trials belong to, and its cells with their newest labels, in the order of the reports. They are frozen as the
  // sweep's grid where its newest one differs.
  void start_sweep(const std::string& name, const std::string& sweep_json, std::span<const Cell> cells);

  // The same for a worker of a sweep that was started: names it, and leaves cells and grid alone.
  void continue_sweep(const std::string& name, const std::string& sweep_json);

  // The cells of the newest grid of a sweep; none where it never was started here.
  std::vector<Cell> frozen_cells(const std::string& sweep_name);

  // Takes over the trials of another store that have ended, with all they stand on: all of them or none. What is here already is known by its
  // cell, times and costs, and stays once.
  struct Joined {
    std::size_t added = 0, already_there = 0;
    std::size_t unfinished = 0;          // still running there, or cut off: left where they are
    std::vector<std::string> conflicts;  // a sentence for each cell whose new good trial tells another result than one that was here
  };
  Joined join(Store& other);

  std::set<std::string> finished_keys() override;
  std::set<std::string> failed_keys();  // cells whose newest trial failed
  OpenTrial begin(const Cell& cell, const Json& environment) override;
  void append(std::int64_t trial_id, std::span<const RecordedAnswer> answers, const std::map<std::string, double>& seconds) override;
  // By task, document and filter, so that sums over them do not depend on where a run was cut off.
  std::vector<ScoredAnswer> answers(std::int64_t trial_id) override;
  std::vector<ScoredAnswer> answers_of_cell(const std::string& key) override;
  void finish(std::int64_t trial_id, const TrialEnd& end) override;
  void record_plan(std::int64_t trial_id, const std::string& plan_json) override;

  // One trial per cell that was begun: the newest good one, else the newest. In the order of the cells.
  std::vector<Trial> latest();
  // Every answer of a trial, one filter after the other within a task (`answers` has one element; `raw_reply` is that of the example).
  // One answer in memory at a time.
  void for_each_answer(std::int64_t trial_id, const std::function<void(const RecordedAnswer&)>& visit);

  // The answers of a trial under one filter, by task and document, without their texts.
  std::vector<Outcome> outcomes(std::int64_t trial_id, const std::string& filter);

  // A trial's answer to one example, once per filter; empty where it has none.
  std::vector<RecordedAnswer> item(std::int64_t trial_id, const std::string& leaf, std::int64_t doc_id);
  std::vector<std::string> leaves();  // tasks in lm-eval's naming that examples are of
  // Examples (leaf, document) whose document hash begins so.
  std::vector<std::pair<std::string, std::int64_t>> documents(const std::string& hash_prefix);

  // Whether the store still tells what its trials ended with: the file's pages, the digest of every text and trial, and every metric of `ok` trials computed
  // again from their answers. What somebody changed who computes the digests anew is not found.
  // `recompute` gives a task's metrics from the cell's identity and answers; what it throws is a reason why it cannot.
  using Recompute = std::function<std::vector<Metric>(const std::string& task, const Json& identity, std::vector<ScoredAnswer> answers)>;
  struct Verified {
    std::size_t trials = 0, recomputed = 0;
    std::size_t unfinished = 0, without_digest = 0;  // running or cut off; of an older Winnow
    std::vector<std::string> not_recomputed;         // a sentence each, with the reason
    std::vector<std::string> faults;                 // a sentence each
  };
  Verified verify(const Recompute& recompute);

  const std::filesystem::path& file() const;

 private:
  struct Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// SHA-256 of the cells' keys in running order.
std::string grid_sha256(std::span<const Cell> cells);

// Several stores read together: for a cell in more than one, a good trial is preferred, then the store named later.
// `store` counts the given files.
struct StoredTrial {
  std::size_t store = 0;
  Trial trial;
};
std::vector<StoredTrial> latest_of(std::span<Store> stores);

}  // namespace winnow
