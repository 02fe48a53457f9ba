#include "tasks/shared/answer_filters.h"
#include "tasks/shared/gsm8k_task.h"

namespace winnow {
namespace {

// lm-eval's gsm8k, version 3.
const Gsm8kForm kForm{.name = "gsm8k",
                      .before_question = "Question: ",
                      .after_question = "\nAnswer:",
                      .until = {"Question:", "</s>", "<|im_end|>"},
                      .extract_strict = extract_after_hashes};

const Registration<Task> kRegistration{{.name = "gsm8k",
                                        .version = 3,
                                        .summary = "GSM8K word problems, 5 drawn shots, the number after '####' (exact_match)",
                                        .settings = gsm8k_settings(kForm, {.shots = 5, .split = "test", .dataset = "gsm8k"}),
                                        .make = [](const Params& params) { return make_gsm8k_task(kForm, params); }}};

}  // namespace
}  // namespace winnow
