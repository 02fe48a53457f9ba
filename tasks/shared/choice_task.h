#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/api/task.h"
#include "harness/core/error.h"
#include "harness/core/settings.h"
#include "tasks/shared/common_settings.h"

namespace winnow {

// One question with its choices, as lm-eval reads it from a document.
struct ChoiceQuestion {
  std::vector<std::string> contexts;       // one that all choices share, or one for each choice
  std::vector<std::string> choices;        // continuations, without the space in front
  std::int64_t gold = 0;                   // the right choice
  std::optional<std::string> target = {};  // as lm-eval's logs show it, where that is not the index of the right choice
};

// A document with the name of its data set; every reader throws Error(kInput) where the data set is of another format than the task reads.
class ChoiceDocument {
 public:
  ChoiceDocument(const OrderedJson& document, std::string_view dataset) : document_(document), dataset_(dataset) {}

  const std::string& text(std::string_view key) const;
  std::int64_t integer(std::string_view key) const;
  std::vector<std::string> texts(std::string_view key) const;
  // AI2's {"choices": {"text": […], "label": […]}, "answerKey": …}: choices and gold of a question in this context.
  ChoiceQuestion labelled_choices(std::string context) const;
  // "its rows have no <expected> "<key>", which this task reads"
  Error other_format(std::string_view key, std::string_view expected) const;

 private:
  const OrderedJson& document_;
  std::string_view dataset_;
};

// What tells lm-eval's multiple-choice tasks over one data set apart.
struct ChoiceForm {
  std::string name;        // also that of the data set read
  std::string split;       // evaluated unless "split" says otherwise
  std::string pool_split;  // shots come from it, or from "shots_file"
  enum class Draw {
    kExactly,
    kOneMore
  } draw = Draw::kExactly;                                    // kOneMore: the harness knows of no test split, draws one shot more and drops the question itself
  enum class Norm { kNone, kCodePoints } norm = Norm::kNone;  // whether there is an acc_norm
  enum class OldOrder { kAsListed, kReversed } old_order = OldOrder::kAsListed;  // of the choices in lm-eval of July 2023, where the last of equals is chosen
  ChoiceQuestion (*read)(const ChoiceDocument& document) = nullptr;
  OrderedJson (*prepare)(const OrderedJson& row, std::string_view dataset) = nullptr;  // the document made of a row, where it is not the row
};

std::vector<Setting> choice_settings(const ChoiceForm& form);
std::unique_ptr<Task> make_choice_task(const ChoiceForm& form, const Params& params);

}  // namespace winnow
