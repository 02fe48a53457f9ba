#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "harness/core/trial.h"
#include "harness/text/requests.h"

namespace winnow {

// One score request a choice: the context, and " " + choice as its continuation.
std::vector<Request> choice_requests(const std::string& context, std::span<const std::string> choices);

// acc: whether the likeliest choice is the right one, the first of equals. tied: whether the largest log-likelihood is shared.
Answer grade_choices(std::int64_t gold, std::span<const Response> responses);

}  // namespace winnow
