#include "tasks/shared/documents.h"

#include "harness/core/digest.h"
#include "harness/core/error.h"

namespace winnow {

const std::string& text_of(const OrderedJson& row, std::string_view key, std::string_view dataset) {
  const auto position = row.find(key);
  if (position == row.end() || !position->is_string()) {
    throw input_error("data set {}: its rows have no text \"{}\", which this task reads; name a data set of the task's format", dataset, key);
  }
  return position->get_ref<const std::string&>();
}

ExampleRecord record_of(std::string leaf, const DatasetRows& rows, std::size_t doc_id, const OrderedJson& document, std::string target) {
  ExampleRecord record;
  record.leaf = std::move(leaf);
  record.data_sha256 = rows.sha256;
  record.doc_id = static_cast<std::int64_t>(doc_id);
  record.doc_json = document.dump(2);
  record.doc_hash = sha256_hex(record.doc_json);
  record.target = std::move(target);
  return record;
}

ExampleRecord record_of(std::string leaf, const DatasetRows& rows, std::size_t doc_id, std::string target, std::optional<std::int64_t> gold) {
  ExampleRecord record = record_of(std::move(leaf), rows, doc_id, rows.rows.at(doc_id), std::move(target));
  record.gold = gold;
  return record;
}

}  // namespace winnow
