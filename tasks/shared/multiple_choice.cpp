#include "tasks/shared/multiple_choice.h"

#include <algorithm>
#include <cmath>

#include "harness/core/error.h"
#include "harness/core/unicode.h"

namespace winnow {

std::vector<Request> choice_requests(std::span<const std::string> contexts, std::span<const std::string> choices) {
  WINNOW_CHECK(contexts.size() == 1 || contexts.size() == choices.size());
  std::vector<Request> requests;
  for (std::size_t i = 0; i < choices.size(); ++i) requests.push_back(ScoreRequest{contexts[contexts.size() == 1 ? 0 : i], " " + choices[i]});
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

double acc_norm(std::int64_t gold, std::span<const Request> requests, std::span<const Response> responses) {
  WINNOW_CHECK(!responses.empty() && requests.size() == responses.size());
  std::vector<double> per_point;
  for (std::size_t i = 0; i < responses.size(); ++i) {
    const std::string& continuation = std::get<ScoreRequest>(requests[i]).continuation;
    per_point.push_back(responses[i].log_likelihood / static_cast<double>(code_point_count(continuation) - 1));
  }
  // An empty choice has -inf, as there, or 0 / 0 where it is certain: numpy's argmax takes the first of those.
  auto best = std::find_if(per_point.begin(), per_point.end(), [](double value) { return std::isnan(value); });
  if (best == per_point.end()) best = std::max_element(per_point.begin(), per_point.end());
  return best - per_point.begin() == gold ? 1.0 : 0.0;
}

}  // namespace winnow
