#include "tasks/shared/multiple_choice.h"

#include <algorithm>

#include "harness/core/error.h"

namespace winnow {

std::vector<Request> choice_requests(const std::string& context, std::span<const std::string> choices) {
  std::vector<Request> requests;
  for (const std::string& choice : choices) requests.push_back(ScoreRequest{context, " " + choice});
  return requests;
}

Answer grade_choices(std::int64_t gold, std::span<const Response> responses) {
  WINNOW_CHECK(!responses.empty());
  const auto by_likelihood = [](const Response& a, const Response& b) { return a.log_likelihood < b.log_likelihood; };
  const auto best = std::max_element(responses.begin(), responses.end(), by_likelihood);  // the first of equals
  const auto ties = std::count_if(responses.begin(), responses.end(), [&](const Response& r) { return r.log_likelihood == best->log_likelihood; });
  const bool truncated = std::any_of(responses.begin(), responses.end(), [](const Response& r) { return r.prompt_truncated; });
  Answer answer;
  answer.values = {{"acc", best - responses.begin() == gold ? 1.0 : 0.0}, {"tied", ties > 1 ? 1.0 : 0.0}, {"prompt_truncated", truncated ? 1.0 : 0.0}};
  return answer;
}

}  // namespace winnow
