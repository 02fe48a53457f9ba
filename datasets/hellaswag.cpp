#include "datasets/shared/jsonl.h"
#include "harness/api/dataset.h"
#include "harness/api/named_file.h"
#include "harness/core/registry.h"

namespace winnow {
namespace {

std::vector<std::string> endings_of(const JsonLine& line, std::string_view key) {
  std::vector<std::string> endings = line.texts(key);
  if (endings.size() != 4) throw input_error("{}: \"{}\" has {} endings; expected 4", line.place().text(), key, endings.size());
  return endings;
}

// llama.cpp's text: "query" is "activity: context", already cleaned; split here into the fields of the original.
OrderedJson cleaned_row(const JsonLine& line) {
  const std::string query = line.filled_text("query");
  const std::size_t colon = query.find(": ");
  if (colon == std::string::npos) throw input_error("{}: \"query\" has no ': ' between activity and context", line.place().text());
  OrderedJson row;
  row["ind"] = line.integer("ind", 0, INT32_MAX);
  row["activity_label"] = query.substr(0, colon);
  row["ctx_a"] = query.substr(colon + 2);
  row["ctx_b"] = "";
  row["ctx"] = query.substr(colon + 2);
  row["endings"] = endings_of(line, "choices");
  row["label"] = std::to_string(line.integer("gold", 0, 3));
  return row;
}

// The authors' own files, with the keys in Hugging Face's order.
OrderedJson original_row(const JsonLine& line) {
  OrderedJson row;
  row["ind"] = line.integer("ind", 0, INT32_MAX);
  row["activity_label"] = line.filled_text("activity_label");
  for (const char* key : {"ctx_a", "ctx_b", "ctx"}) row[key] = line.text(key);
  row["endings"] = endings_of(line, "endings");
  for (const char* key : {"source_id", "split", "split_type"}) {
    if (line.has(key)) row[key] = line.text(key);
  }
  const bool is_digit = line.at("label").is_string() && line.text("label").size() == 1 && line.text("label")[0] >= '0' && line.text("label")[0] <= '3';
  row["label"] = is_digit ? line.text("label") : std::to_string(line.integer("label", 0, 3));  // Hugging Face's copy has a string
  return row;
}

// HellaSwag in either form.
class Hellaswag : public Dataset {
 public:
  std::vector<std::string> splits() const override { return {"val"}; }

  std::vector<DatasetFile> files(const std::string& split, const std::string& subset) const override {
    if (const auto named = file_of_split(split)) return {{*named, {}}};
    check_split("hellaswag", *this, split);
    check_subset("hellaswag", *this, subset);
    return {{"zeroshot/hellaswag/hellaswag_val.jsonl", {{"ad74bd4c1be5748e77b0770a8085d2c8bb39c37a03b1763a688088e39af5c0da", "cleaned-text"}}}};
  }

  std::vector<OrderedJson> rows(const std::string& split, const std::string& subset, const std::vector<std::string>& contents) const override {
    return read_jsonl(files(split, subset).front().path, contents.at(0),
                      [](const JsonLine& line) { return line.has("ctx_a") ? original_row(line) : cleaned_row(line); });
  }
};

const Registration<Dataset> kRegistration{{.name = "hellaswag",
                                           .version = 1,
                                           .summary = "HellaSwag: which of four endings follows (val 10,042)",
                                           .settings = {},
                                           .make = [](const Params&) -> std::unique_ptr<Dataset> { return std::make_unique<Hellaswag>(); }}};

}  // namespace
}  // namespace winnow
