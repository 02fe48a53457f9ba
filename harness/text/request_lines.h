#pragma once
#include <string>

#include "harness/text/requests.h"

namespace winnow {

// The request as a line of recorded outputs (recorded_language_model.h) without its answer, for any engine to complete. Throws Error(kUnsupported) for windows of token ids, which no text names.
std::string request_line(const Request& request);

// How a sentence names a request: `score request for the continuation " A" of the context "The following…" (sha256 0123…)`.
std::string describe(const Request& request);

}  // namespace winnow
