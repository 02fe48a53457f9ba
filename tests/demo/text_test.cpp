#include <algorithm>
#include <map>
#include <set>

#include "harness/demo/knowledge.h"
#include "harness/text/tokenizer.h"
#include "tests/support/demo_files.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace winnow::test {
namespace {

const std::unique_ptr<Tokenizer>& tokenizer() {
  static const auto opened = Tokenizer::open(source_folder() / "harness" / "demo" / "model", 1200);
  return opened;
}

std::size_t tokens_of(const std::string& text) { return tokenizer()->encode(text, Tokenizer::Special::kAdd).size(); }

// Cut after full stops, question marks and line breaks.
std::set<std::string> sentences_of(const std::vector<std::string>& documents) {
  std::set<std::string> sentences;
  for (const std::string& document : documents) {
    std::string sentence;
    for (std::size_t i = 0; i < document.size(); ++i) {
      sentence += document[i];
      const bool ends = (document[i] == '.' || document[i] == '?') && i + 1 < document.size() && document[i + 1] == ' ';
      if (!ends && i + 1 < document.size() && document.compare(i + 1, 2, "\n\n") != 0) continue;
      sentences.insert(sentence);
      sentence.clear();
    }
  }
  return sentences;
}

std::set<std::string> words_of(const std::string& sentence) {
  std::set<std::string> words;
  std::string word;
  for (const char c : sentence + " ") {
    if (std::isalnum(static_cast<unsigned char>(c))) {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (!word.empty()) {
      words.insert(std::exchange(word, ""));
    }
  }
  return words;
}

TEST(DemoText, StatesEveryFactOfTheWorldInManyWordings) {
  std::map<std::string, std::map<std::string, int>> together;  // entity → value → sentences that hold both
  const demo::Knowledge knowledge;
  std::set<std::string> entities, values;
  const auto last_word = [](const std::string& entity) { return *words_of(entity.substr(entity.rfind(' ') + 1)).begin(); };
  for (const char* subject : {"people", "materials", "animals"}) {
    for (const demo::Known& known : knowledge.facts(subject)) {
      entities.insert(last_word(known.fact->entity));
      values.insert(*words_of(known.fact->value).begin());
    }
  }
  for (const std::string& sentence : sentences_of(demo_texts("text/train.jsonl", "text"))) {
    const auto words = words_of(sentence);
    for (const std::string& word : words) {
      if (!entities.contains(word)) continue;
      for (const std::string& other : words) {
        if (values.contains(other)) ++together[word][other];
      }
    }
  }
  for (const char* subject : {"people", "materials", "animals"}) {
    for (const demo::Known& known : knowledge.facts(subject)) {
      EXPECT_GE(together[last_word(known.fact->entity)][*words_of(known.fact->value).begin()], 25) << known.relation->name << " of " << known.fact->entity;
    }
  }
}

TEST(DemoText, NeverAsksByLetters) {
  for (const char* split : {"train", "validation", "test", "calibration"}) {
    for (const std::string& text : demo_texts(fmt::format("text/{}.jsonl", split), "text")) EXPECT_EQ(text.find("\nA. "), std::string::npos) << text;
  }
}

TEST(DemoText, NoDocumentIsInTwoSplits) {
  std::map<std::string, std::string> split_of;
  for (const char* split : {"train", "validation", "test"}) {
    for (const std::string& text : demo_texts(fmt::format("text/{}.jsonl", split), "text")) {
      const auto [at, is_new] = split_of.try_emplace(text, split);
      EXPECT_TRUE(is_new) << text << " (" << at->second << ", " << split << ")";
    }
  }
  // A calibration row is several documents with blank lines between; some have blank lines of their own.
  for (const std::string& row : demo_texts("text/calibration.jsonl", "text")) {
    for (std::size_t begin = 0; begin < row.size();) {
      const std::size_t end = std::min(row.find("\n\n", begin), row.size());
      const std::string part = row.substr(begin, end - begin);
      if (!part.starts_with("Question: ")) EXPECT_FALSE(split_of.contains(part)) << part;
      begin = end + 2;
    }
  }
}

TEST(DemoText, SplitsAreLargeEnoughForWindowsAndCalibration) {
  for (const char* split : {"validation", "test", "calibration", "worked_answers"}) {
    std::size_t tokens = 0;
    for (const std::string& text : demo_texts(fmt::format("text/{}.jsonl", split), "text")) tokens += tokens_of(text);
    EXPECT_GT(tokens, 128u * 256u) << split;
    EXPECT_LT(tokens, 60'000u) << split;
  }
}

TEST(DemoText, CalibrationRowsAreLongerThanASequence) {
  for (const char* split : {"calibration", "worked_answers"}) {
    for (const std::string& text : demo_texts(fmt::format("text/{}.jsonl", split), "text")) EXPECT_GT(tokens_of(text), 257u) << text;
  }
}

TEST(DemoTokenizer, LettersAreSinglePiecesAfterABlank) {
  const auto without = tokenizer()->encode("Answer:", Tokenizer::Special::kAdd);
  std::set<std::int32_t> letters;
  for (const char* letter : {" A", " B", " C", " D"}) {
    const auto with = tokenizer()->encode("Answer:" + std::string(letter), Tokenizer::Special::kAdd);
    ASSERT_EQ(with.size(), without.size() + 1) << letter;
    EXPECT_TRUE(std::equal(without.begin(), without.end(), with.begin()));
    letters.insert(with.back());
  }
  EXPECT_EQ(letters.size(), 4u);
}

TEST(DemoTokenizer, BeginsWithBosAndKnowsItsSpecialPieces) {
  EXPECT_TRUE(tokenizer()->adds_bos());
  EXPECT_EQ(tokenizer()->bos_id(), 1);
  EXPECT_EQ(tokenizer()->eos_id(), 2);
  EXPECT_EQ(tokenizer()->encode("a", Tokenizer::Special::kAdd).front(), 1);
}

TEST(DemoTokenizer, SplitsDigitsAndFallsBackToBytes) {
  EXPECT_EQ(tokenizer()->encode("127", Tokenizer::Special::kNone).size(), 4u);  // a blank and three digits
  for (const char* text : {"127 plums", "line\nline", "Größe ✓ 漢字", "  two  blanks"}) {
    EXPECT_EQ(tokenizer()->decode(tokenizer()->encode(text, Tokenizer::Special::kAdd), Tokenizer::SpecialText::kSkip), text);
  }
}

TEST(DemoTokenizer, ProblemsFitIntoATrainingRow) {
  const auto questions = demo_texts("gsm8k/test.jsonl", "question"), answers = demo_texts("gsm8k/test.jsonl", "answer");
  std::size_t total = 0;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const std::size_t tokens = tokens_of("Question: " + questions[i] + "\nAnswer: " + answers[i]);
    EXPECT_LE(tokens, 230u) << questions[i];
    total += tokens;
  }
  EXPECT_LT(total / questions.size(), 120u);
}

}  // namespace
}  // namespace winnow::test
