#pragma once
#include <string>
#include <vector>

namespace winnow {

// sha256 of MMLU's three files of a subject: dev and test as upstream has them, val without the tenth of its rows that is held out.
struct MmluDigests {
  std::string subject, dev, val, test;
};

const std::vector<MmluDigests>& mmlu_digests();  // 57 subjects by name

}  // namespace winnow
