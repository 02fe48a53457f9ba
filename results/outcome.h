#pragma once
#include <cstdint>
#include <map>
#include <string>

namespace winnow {

// One example of a trial as comparisons read it: what was asked, by digest, and the grades of the answer under one filter.
struct Outcome {
  std::string leaf;
  std::int64_t doc_id = 0;
  std::string doc_hash, prompt_sha256, arguments_sha256;
  std::map<std::string, double> values;
};

}  // namespace winnow
