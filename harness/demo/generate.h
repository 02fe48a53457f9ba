#pragma once
#include <map>
#include <string>

namespace winnow::demo {

// Every file of the demo's data sets by its path below the data folder ("demo/gsm8k/train.jsonl" …): the same bytes on every run.
std::map<std::string, std::string> generate_datasets();

// The tokenizer's files by their names in the model folder, trained on the data sets' training text.
std::map<std::string, std::string> generate_tokenizer();

}  // namespace winnow::demo
