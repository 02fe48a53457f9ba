#include "tests/support/demo_files.h"

#include <sstream>

#include "harness/api/dataset.h"
#include "harness/core/json.h"
#include "tests/support/dataset_sources.h"
#include "tests/support/files.h"

namespace winnow::test {

std::string demo_bytes(const std::string& name) { return read_text(source_folder() / "datasets" / "demo" / name); }

std::vector<std::string> demo_texts(const std::string& name, const std::string& key) {
  std::istringstream lines(demo_bytes(name));
  std::vector<std::string> texts;
  for (std::string line; std::getline(lines, line);) texts.push_back(OrderedJson::parse(line).at(key).get<std::string>());
  return texts;
}

std::vector<DemoQuestion> demo_questions(const std::string& subject, const std::string& split) {
  std::vector<DemoQuestion> questions;
  const auto source = folder_source(source_folder() / "datasets");
  for (const OrderedJson& row : source->read({"demo_mmlu", split, subject}).rows) {
    questions.push_back({row.at("question"), row.at("choices"), static_cast<char>('A' + row.at("answer").get<int>())});
  }
  return questions;
}

}  // namespace winnow::test
