#pragma once
#include <string>
#include <vector>

namespace winnow::demo {

// The bytes of a SentencePiece model (BPE, digits split, byte fall-back; <unk> 0, <s> 1, </s> 2) by SentencePiece's own trainer, in one thread.
std::string train_tokenizer(const std::vector<std::string>& texts);

}  // namespace winnow::demo
