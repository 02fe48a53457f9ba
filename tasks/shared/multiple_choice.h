#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "harness/core/trial.h"
#include "harness/text/requests.h"

namespace winnow {

// One score request a choice: the context, and " " + choice as its continuation. `contexts` holds one for all choices, or one for each.
std::vector<Request> choice_requests(std::span<const std::string> contexts, std::span<const std::string> choices);

// acc: whether the likeliest choice is the right one, the first of equals. tied: whether the largest log-likelihood is shared.
Answer grade_choices(std::int64_t gold, std::span<const Response> responses);

// acc_norm: the same after dividing each log-likelihood by the code points of its choice, the space in front not counted.
double acc_norm(std::int64_t gold, std::span<const Request> requests, std::span<const Response> responses);

}  // namespace winnow
