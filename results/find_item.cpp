#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "harness/core/error.h"
#include "harness/core/settings.h"
#include "results/item_report.h"
#include "results/measurement_tables.h"
#include "results/sides.h"

namespace winnow {
namespace {

constexpr std::size_t kShortestHash = 4, kShownHash = 12;

bool is_hex(const std::string& text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_wanted(const Cell& cell, const std::vector<std::string>& of) {
  if (of.empty()) return true;
  return std::ranges::any_of(of, [&](const std::string& name) {
    return name == cell.variant || name == cell.model || name == cell.model + "/" + cell.variant || name == replicated_label(cell.variant);
  });
}

bool is_unpruned(const Cell& cell) {
  return cell.variant == "dense" || (cell.identity.is_object() && cell.identity.contains("steps") && cell.identity["steps"] == Json::array());
}

// The documents a hash can mean, in all stores.
ItemName resolved(std::span<Store> stores, const ItemName& item) {
  if (!item.leaf.empty()) return item;
  std::set<std::pair<std::string, std::int64_t>> found;
  for (Store& store : stores) {
    for (const auto& place : store.documents(item.hash)) found.insert(place);
  }
  if (found.empty()) throw usage_error("no document's hash begins with '{}'; an example is named as gsm8k/17 or by 4 or more digits of its hash", item.hash);
  if (found.size() > 1) {
    std::string names;
    for (const auto& [leaf, doc_id] : found) names += fmt::format("{}{}/{}", names.empty() ? "" : ", ", leaf, doc_id);
    throw usage_error("'{}' begins the hashes of several documents: {}", item.hash, names.substr(0, 400));
  }
  return {found.begin()->first, found.begin()->second, item.hash};
}

[[noreturn]] void refuse(std::span<Store> stores, const ItemName& item, const std::vector<std::string>& of) {
  std::vector<std::string> leaves;
  for (Store& store : stores) {
    for (const std::string& leaf : store.leaves()) leaves.push_back(leaf);
  }
  for (const StoredTrial& stored : latest_of(stores)) {
    const std::string& label = stored.trial.cell.task_label;
    if (stored.trial.status == TrialStatus::kOk && !is_measurement(stored.trial) && std::ranges::find(leaves, label) == leaves.end()) leaves.push_back(label);
  }
  if (std::ranges::find(leaves, item.leaf) != leaves.end()) {
    throw usage_error("no good trial{} answered {} document {}", of.empty() ? "" : fmt::format(" of {}", fmt::join(of, ", ")), item.leaf, item.doc_id);
  }
  throw usage_error("no answers are of a task '{}'{}; there are: {}", item.leaf, did_you_mean(item.leaf, leaves), fmt::join(leaves, ", "));
}

// The one leaf that a trial's answers are of; empty where they are of several.
std::string only_leaf(Store& store, std::int64_t trial_id) {
  std::string leaf;
  for (const ScoredAnswer& answer : store.answers(trial_id)) {
    if (!leaf.empty() && answer.leaf != leaf) return "";
    leaf = answer.leaf;
  }
  return leaf;
}

const std::string& document_of(const ItemAnswer& answer) { return answer.by_filter.front().example.doc_hash; }

// Data sets number their documents alike: of several documents under one name that of the task with this label is meant.
void keep_one_document(std::vector<ItemAnswer>& answers, const ItemName& item) {
  const auto is_one = [&] {
    return std::ranges::all_of(answers, [&](const ItemAnswer& answer) { return document_of(answer) == document_of(answers.front()); });
  };
  if (!item.hash.empty()) std::erase_if(answers, [&](const ItemAnswer& answer) { return !document_of(answer).starts_with(item.hash); });
  if (is_one()) return;
  if (std::ranges::any_of(answers, [&](const ItemAnswer& answer) { return answer.task_label == item.leaf; })) {
    std::erase_if(answers, [&](const ItemAnswer& answer) { return answer.task_label != item.leaf; });
  }
  if (is_one()) return;
  std::map<std::string, std::string> labels;  // of each document
  for (const ItemAnswer& answer : answers) labels.emplace(document_of(answer), answer.task_label);
  std::string names;
  for (const auto& [hash, label] : labels) names += fmt::format("{}{} in {}", names.empty() ? "" : ", ", hash.substr(0, kShownHash), label);
  throw usage_error("{}/{} is another document in each of several data sets; name it by the beginning of its hash: {}", item.leaf, item.doc_id, names);
}

}  // namespace

ItemName parse_item(const std::string& text) {
  const std::size_t cut = text.find_last_of("/:# ");
  if (cut != std::string::npos && cut > 0) {
    ItemName item{.leaf = text.substr(0, cut)};
    const char* end = text.data() + text.size();
    const auto [stop, fault] = std::from_chars(text.data() + cut + 1, end, item.doc_id);
    if (fault == std::errc() && stop == end && item.doc_id >= 0) return item;
  } else if (text.size() >= kShortestHash && is_hex(text)) {
    return {.hash = text};
  }
  throw usage_error("'{}' names no example; expected TASK/DOCUMENT such as gsm8k/17, or {} or more digits of a document's hash", text, kShortestHash);
}

std::vector<ItemAnswer> find_item(std::span<Store> stores, const ItemName& named, const std::vector<std::string>& of) {
  const ItemName item = resolved(stores, named);
  std::vector<ItemAnswer> pruned, answers;
  for (const StoredTrial& stored : latest_of(stores)) {
    const Cell& cell = stored.trial.cell;
    if (stored.trial.status != TrialStatus::kOk || !is_wanted(cell, of)) continue;
    Store& store = stores[stored.store];
    std::vector<RecordedAnswer> by_filter = store.item(stored.trial.id, item.leaf, item.doc_id);
    if (by_filter.empty() && cell.task_label == item.leaf) by_filter = store.item(stored.trial.id, only_leaf(store, stored.trial.id), item.doc_id);
    if (by_filter.empty()) continue;
    (is_unpruned(cell) ? answers : pruned).push_back({cell.model, cell.variant, cell.task_label, std::move(by_filter)});
  }
  std::ranges::move(pruned, std::back_inserter(answers));
  if (answers.empty()) refuse(stores, item, of);
  keep_one_document(answers, item);
  return answers;
}

}  // namespace winnow
