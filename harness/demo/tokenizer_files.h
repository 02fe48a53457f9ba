#pragma once
#include <string>
#include <string_view>

namespace winnow::demo {

// What transformers reads beside tokenizer.model: tokenizer_config.json and special_tokens_map.json of a Llama tokenizer, and tokenizer.json with the model's
// pieces as merges, since transformers 5 leaves out the blank before a text where it must make tokenizer.json itself.
std::string tokenizer_config();
std::string special_tokens_map();
std::string tokenizer_json(std::string_view model);

}  // namespace winnow::demo
