#pragma once
#include <string>
#include <vector>

#include "harness/core/json.h"

namespace winnow::test {

// The committed files of datasets/demo: the bytes, the rows of a JSON Lines file, one member of each row.
std::string demo_bytes(const std::string& name);
std::vector<std::string> demo_texts(const std::string& name, const std::string& key);

struct DemoQuestion {
  std::string question;
  std::vector<std::string> choices;
  char letter;
};
std::vector<DemoQuestion> demo_questions(const std::string& subject, const std::string& split);

}  // namespace winnow::test
