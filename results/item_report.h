#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/core/trial.h"
#include "results/store.h"

namespace winnow {

// What one trial answered to an example: one entry per filter.
struct ItemAnswer {
  std::string model, variant, task_label;
  std::vector<RecordedAnswer> by_filter;
};

// How a person names an example: "gsm8k/17" (also gsm8k:17, gsm8k#17), or the beginning of its document hash.
struct ItemName {
  std::string leaf;  // or the label of a task that is one leaf; empty: a hash
  std::int64_t doc_id = 0;
  std::string hash;
};
// Throws Error(kUsage).
ItemName parse_item(const std::string& text);

// The good trials' answers to an example, unpruned models first. `of` are the variants or models wanted, empty: all. Throws Error(kUsage) where no trial answered it,
// or the name could mean several documents.
std::vector<ItemAnswer> find_item(std::span<Store> stores, const ItemName& item, const std::vector<std::string>& of);

// Where two texts first differ, in code points; nothing where they are equal.
std::optional<std::size_t> first_difference(std::string_view first, std::string_view second);

// The prompt, then the first answer beside each other one: replies in two columns, grades, log-likelihoods of each choice. Printable; `width` columns.
std::string item_text(const std::vector<ItemAnswer>& answers, std::size_t width);
std::string item_json(const std::vector<ItemAnswer>& answers);

}  // namespace winnow
