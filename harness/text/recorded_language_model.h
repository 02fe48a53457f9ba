#pragma once
#include <filesystem>
#include <memory>

#include "harness/text/language_model.h"

namespace winnow {

// A model whose answers were recorded by whatever engine: a JSON object a line, found again by kind, sha256 of the context or text, and continuation.
//   {"kind": "generate", "context" | "context_sha256": …, "reply": …}     the reply is raw; stop strings cut it here
//   {"kind": "score", "context" | "context_sha256": …, "continuation": …, "log_likelihood": x, "is_greedy": b}
//   {"kind": "rolling", "text" | "text_sha256": …, "log_likelihood": x}
// Other keys are let be. The whole file is checked at once; memory holds a fixed number of bytes a record, no texts.
// Throws Error(kInput) naming file and line for a malformed line and for a key that comes again with another value; answer() throws one naming
// the request that has no record.
std::unique_ptr<LanguageModel> open_recorded_outputs(const std::filesystem::path& path);

}  // namespace winnow
