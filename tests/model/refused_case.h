#pragma once
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "tests/model/tiny_model.h"
#include "tests/support/errors.h"

namespace winnow::test {

// One way to spoil a checkpoint, and the sentence it must be refused with.
struct RefusedCase {
  std::string name;
  std::function<void(TinyModel&)> spoil;
  std::vector<std::string> words;  // the sentence holds each
  ErrorKind kind = ErrorKind::kInput;
  std::string family = "mixtral";
};

// Fails the test unless the folder is refused: with that kind, in one line that names a file of the folder and has the words, within a second.
inline void expect_refused(const RefusedCase& spoilt) {
  SCOPED_TRACE(spoilt.name);
  TemporaryFolder temporary;
  const std::filesystem::path folder = temporary / "model";
  TinyModel model(spoilt.family);
  spoilt.spoil(model);
  model.write(folder);
  const auto start = std::chrono::steady_clock::now();
  const std::string sentence = error_text(spoilt.kind, [&] { read_whole(folder); });
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), 1.0);
  EXPECT_THAT(sentence, ::testing::StartsWith(folder.string()));
  EXPECT_THAT(sentence, ::testing::Not(::testing::HasSubstr("\n")));
  EXPECT_LT(sentence.size(), 1000u);
  for (const std::string& word : spoilt.words) EXPECT_THAT(sentence, ::testing::HasSubstr(word));
}

inline void expect_all_refused(const std::vector<RefusedCase>& cases) {
  for (const RefusedCase& spoilt : cases) expect_refused(spoilt);
}

inline std::function<void(TinyModel&)> with_config(std::function<void(Json&)> edit) {
  return [edit](TinyModel& model) { edit(model.config); };
}
inline std::function<void(TinyModel&)> with_key(const std::string& key, const Json& value) {
  return [key, value](TinyModel& model) { model.config[key] = value; };
}

}  // namespace winnow::test
