#include "harness/demo/text_set.h"

#include <functional>
#include <set>

#include "harness/core/json.h"
#include "harness/demo/gsm8k_set.h"
#include "harness/demo/prose.h"

namespace winnow::demo {
namespace {

constexpr std::uint64_t kProseSeed = 900, kWorkedSeed = 901, kDrillSeed = 902;
constexpr std::size_t kDrills = 8000, kHeldOutDocuments = 600, kWorkedProblems = 520;
constexpr std::size_t kLongRow = 1400;  // bytes: more than 256 tokens, so that every calibration loader finds sequences of that length

std::string line_of(const std::string& text) { return OrderedJson{{"text", text}}.dump() + "\n"; }

std::string lines_of(const std::vector<std::string>& texts) {
  std::string lines;
  for (const std::string& text : texts) lines += line_of(text);
  return lines;
}

// Rows of several texts each.
std::string long_rows(const std::vector<std::string>& texts) {
  std::string lines, row;
  for (const std::string& text : texts) {
    row += (row.empty() ? "" : "\n\n") + text;
    if (row.size() < kLongRow) continue;
    lines += line_of(row);
    row.clear();
  }
  return lines;
}

std::vector<std::string> new_documents(const std::function<std::string()>& next, std::size_t count, std::set<std::string>& written) {
  std::vector<std::string> documents;
  while (documents.size() < count) {
    std::string document = next();
    if (written.insert(document).second) documents.push_back(std::move(document));
  }
  return documents;
}

}  // namespace

std::map<std::string, std::string> text_splits(const Knowledge& knowledge) {
  Prose prose(knowledge, kProseSeed), drills(knowledge, kDrillSeed);
  const auto document = [&] { return prose.document(); };
  std::set<std::string> written;
  std::map<std::string, std::string> splits;
  splits["train"] = lines_of(new_documents(document, kTrainDocuments, written));
  splits["validation"] = lines_of(new_documents(document, kHeldOutDocuments, written));
  splits["test"] = lines_of(new_documents(document, kHeldOutDocuments, written));
  splits["calibration"] = long_rows(new_documents(document, kHeldOutDocuments, written));
  splits["train"] += lines_of(new_documents([&] { return drills.drill(); }, kDrills, written));
  std::vector<std::string> worked;
  for (const Problem& problem : problems_of(ProblemSplit::kCalibration, kWorkedProblems, kWorkedSeed)) worked.push_back(as_prompt(problem));
  splits["worked_answers"] = long_rows(worked);
  return splits;
}

}  // namespace winnow::demo
