#include "harness/sweep/shard.h"

#include <charconv>
#include <map>
#include <utility>

#include "harness/core/error.h"
#include "harness/sweep/until_examples.h"

namespace winnow {
namespace {

constexpr std::size_t kMaxShards = 100000;

bool is_measured_together(const Cell& cell) { return cell.identity.contains("task") && cell.identity["task"].contains("measures"); }

bool parse_count(std::string_view text, std::size_t& count) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

Shard parse_shard(const std::string& text) {
  Shard shard;
  const std::size_t slash = text.find('/');
  const bool is_read = slash != std::string::npos && parse_count(std::string_view(text).substr(0, slash), shard.index) &&
                       parse_count(std::string_view(text).substr(slash + 1), shard.count);
  if (!is_read || shard.index < 1 || shard.index > shard.count || shard.count > kMaxShards)
    throw usage_error("--shard {}: expected I/N with I from 1 to N, such as 3/8; N is at most {}", text, kMaxShards);
  return shard;
}

std::vector<Cell> cells_of_shard(std::span<const Cell> grid, const Shard& shard) {
  std::map<std::string, std::size_t> shard_of;                                      // by key
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> first_of_measurement;  // (model, task) → shard of its first cell
  for (std::size_t i = 0; i < grid.size(); ++i) {
    std::size_t owner = i * shard.count / grid.size();
    if (is_measured_together(grid[i])) owner = first_of_measurement.try_emplace({grid[i].model_index, grid[i].task_index}, owner).first->second;
    shard_of.emplace(grid[i].key, owner);
  }
  std::vector<Cell> cells;
  for (const Cell& cell : grid) {
    const auto reference = until_of(cell) ? shard_of.find(unpruned_key(cell)) : shard_of.end();
    const std::size_t owner = reference == shard_of.end() ? shard_of.at(cell.key) : reference->second;
    if (owner == shard.index - 1) cells.push_back(cell);
  }
  return cells;
}

}  // namespace winnow
