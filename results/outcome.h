#pragma once
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace winnow {

// Values of an answer by name; few differ among a million answers, so copies share them.
class SharedValues {
 public:
  using Map = std::map<std::string, double>;
  SharedValues(Map values = {}) : values_(std::make_shared<const Map>(std::move(values))) {}
  SharedValues(std::initializer_list<Map::value_type> values) : SharedValues(Map(values)) {}

  // Null where it has none of that name.
  const double* find(const std::string& name) const {
    const auto found = values_->find(name);
    return found == values_->end() ? nullptr : &found->second;
  }
  const Map& map() const { return *values_; }

 private:
  std::shared_ptr<const Map> values_;
};

// An example as a trial asked it, by digests.
struct Question {
  std::string leaf;
  std::int64_t doc_id = 0;
  std::string doc_hash, prompt_sha256, arguments_sha256;
};

// One example of a trial as comparisons read it: what was asked, and the grades of the answer under one filter.
struct Outcome {
  std::shared_ptr<const Question> question;  // trials that asked alike share it
  SharedValues values;
};

}  // namespace winnow
