#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "harness/api/dataset.h"
#include "harness/core/trial.h"

namespace winnow {

// A string of a row. Throws Error(kInput) where the data set's rows have no such string: it is of another format than the task reads.
const std::string& text_of(const OrderedJson& row, std::string_view key, std::string_view dataset);

// The example's record: the document as lm-eval hashes it, two-space indent, non-ASCII kept.
ExampleRecord record_of(std::string leaf, const DatasetRows& rows, std::size_t doc_id, std::string target, std::optional<std::int64_t> gold = {});

// A document that is no row of the data set (a page cut from its lines, a window of its tokens).
ExampleRecord record_of(std::string leaf, const DatasetRows& rows, std::size_t doc_id, const OrderedJson& document, std::string target);

}  // namespace winnow
