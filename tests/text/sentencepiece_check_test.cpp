#include "harness/text/sentencepiece_check.h"

#include <cstring>
#include <limits>

#include "harness/text/tokenizer.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 128; value >>= 7) bytes.push_back(static_cast<char>(value | 128));
  bytes.push_back(static_cast<char>(value));
  return bytes;
}
std::string number(std::uint64_t field, std::uint64_t value) { return varint(field << 3) + varint(value); }
std::string bytes(std::uint64_t field, std::string_view content) { return varint(field << 3 | 2) + varint(content.size()) + std::string(content); }
std::string real(std::uint64_t field, float value) {
  std::string coded = varint(field << 3 | 5) + "1234";
  std::memcpy(coded.data() + coded.size() - 4, &value, 4);
  return coded;
}
std::string piece(std::string_view text, float score = 0, std::uint64_t type = 1) { return bytes(1, bytes(1, text) + real(2, score) + number(3, type)); }

// <unk> <s> </s> ▁ a b ab
std::string pieces() {
  return piece("<unk>", 0, 2) + piece("<s>", 0, 3) + piece("</s>", 0, 3) + piece("\xe2\x96\x81", -1) + piece("a", -2) + piece("b", -3) + piece("ab", -4);
}
std::string trainer(std::uint64_t type = 2) { return bytes(2, number(3, type)); }
std::string normalizer(std::string_view charsmap = "") { return bytes(3, bytes(1, "mine") + bytes(2, charsmap) + number(3, 1) + number(4, 0)); }

constexpr std::uint32_t kNode = 256u ^ 'x';

// Rules in a double array: the root leads to the block at `root_offset`; unit 256 ^ 'x' is a match whose replacement stands at `replacement`.
std::string charsmap(std::uint32_t root_offset, std::uint32_t replacement = 0, std::string_view texts = std::string_view("y\0", 2), std::size_t units = 768) {
  std::vector<std::uint32_t> trie(units, 0x80000000u);
  trie[0] = root_offset << 10;
  trie[kNode] = static_cast<std::uint32_t>('x') | (1u << 8) | ((kNode ^ 512u) << 10);  // has a leaf, at 512
  if (units > 512) trie[512] = 0x80000000u | replacement;
  std::string blob(4 + units * 4, '\0');
  const auto trie_bytes = static_cast<std::uint32_t>(units * 4);
  std::memcpy(blob.data(), &trie_bytes, 4);
  std::memcpy(blob.data() + 4, trie.data(), trie_bytes);
  return blob.append(texts);
}

struct Case {
  const char* name;
  std::string model;
  std::string fault;
  std::int64_t vocabulary = 7;
};

std::string with_charsmap(std::string_view blob) { return pieces() + trainer() + normalizer(blob); }

std::vector<Case> malformed() {
  const std::string good = pieces() + trainer() + normalizer();
  std::vector<Case> cases = {
      {"empty", "", "is empty"},
      {"git-lfs pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 493443\n", "git-lfs pointer"},
      {"web page", "<!DOCTYPE html><html>", "wire type 4"},
      {"cut within a piece", good.substr(0, 20), "the file is cut off or damaged"},
      {"cut within a number", pieces() + "\x0a", "the file ends within a number"},
      {"cut at the end", good.substr(0, good.size() - 1), "the file"},
      {"endless varint", pieces() + std::string("\x10") + std::string(11, '\xff'), "longer than 64 bits"},
      {"varint beyond 64 bits", pieces() + std::string("\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), "longer than 64 bits"},
      {"length beyond the file", pieces() + std::string("\x12\xff\xff\xff\xff\x0f"), "claims 4294967295 bytes"},
      {"length of 2^63", pieces() + std::string("\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), "claims 9223372036854775807 bytes"},
      {"group", good + "\x0b", "wire type 3"},
      {"end of group", good + "\x0c", "wire type 4"},
      {"wire type 7", good + "\x0f", "wire type 7"},
      {"field number 0", good + std::string("\x02\x00", 2), "field number 0"},
      {"pieces as numbers", number(1, 5), "pieces (field 1) has wire type 0"},
      {"trainer as number", pieces() + number(2, 5), "trainer_spec (field 2) has wire type 0"},
      {"normalizer as number", pieces() + number(3, 5), "normalizer_spec (field 3) has wire type 0"},
      {"piece text as number", bytes(1, number(1, 5)), "piece 0: piece (field 1) has wire type 0"},
      {"score as varint", bytes(1, bytes(1, "a") + number(2, 1)), "piece 0: score (field 2) has wire type 0"},
      {"score not a number", pieces() + piece("c", std::numeric_limits<float>::quiet_NaN()), "piece 7: its score is not a number", 8},
      {"piece type 9", pieces() + piece("c", 0, 9), "piece 7: type 9 is unknown", 8},
      {"piece without text", pieces() + bytes(1, real(2, 1)), "piece 7: its text is empty", 8},
      {"piece not UTF-8", pieces() + piece("\xff\xfe"), "piece 7: its text is not UTF-8", 8},
      {"piece with NUL", pieces() + piece(std::string_view("a\0b", 3)), "piece 7: its text holds a NUL byte", 8},
      {"piece of 1 MB", pieces() + piece(std::string(1 << 20, 'a')), "piece 7: its text has 1048576 bytes", 8},
      {"no pieces", trainer() + normalizer(), "holds no pieces"},
      {"more pieces than rows", good, "has 7 pieces but the model's vocabulary has 6 rows", 6},
      {"model type 9", pieces() + trainer(9) + normalizer(), "model_type 9 is unknown"},
      {"piece twice", good + piece("a"), "SentencePiece refuses it", 8},
      {"no unknown piece", piece("a") + trainer() + normalizer(), "SentencePiece refuses it"},
      {"two unknown pieces", good + piece("<unk2>", 0, 2), "SentencePiece refuses it", 8},
      {"charsmap as number", pieces() + trainer() + bytes(3, number(2, 5)), "precompiled_charsmap (field 2) has wire type 0"},
      {"charsmap too short", with_charsmap(std::string_view("\x04\0\0\0", 4)), "too few for a trie"},
      {"charsmap trie beyond the blob", with_charsmap(std::string("\xff\xff\xff\x7f", 4) + std::string(64, '\0')), "claims a trie of 2147483647 bytes"},
      {"charsmap trie of 3 bytes", with_charsmap(std::string("\x03\0\0\0", 4) + std::string(64, '\0')), "claims a trie of 3 bytes"},
      {"charsmap root escapes", with_charsmap(charsmap(0x1FFFFF)), "unit 0 of precompiled_charsmap's trie points to"},
      {"charsmap root one block too far", with_charsmap(charsmap(768)), "points to 768, beyond its 768 units"},
      {"charsmap block cut", with_charsmap(charsmap(256, 0, std::string_view("y\0", 2), 767)), "beyond its 767 units"},
      {"charsmap text beyond the blob", with_charsmap(charsmap(256, 99)), "points to text at 99"},
      {"charsmap text without end", with_charsmap(charsmap(256, 0, "y")), "points to text at 0"},
      {"charsmap text not UTF-8", with_charsmap(charsmap(256, 0, std::string_view("\xff\0", 2))), "is not UTF-8"},
  };
  std::string circle = charsmap(256);
  const std::uint32_t again = static_cast<std::uint32_t>('x') | ((kNode ^ 256u) << 10);  // no leaf: x leads to itself
  std::memcpy(circle.data() + 4 + 4 * kNode, &again, 4);
  cases.push_back({"charsmap in a circle", with_charsmap(circle), "runs in a circle"});
  return cases;
}

TEST(SentencePieceCheck, RefusesEveryMalformedModelNamingTheFile) {
  const test::TemporaryFolder folder;
  const auto cases = malformed();
  ASSERT_GE(cases.size(), 24u);
  for (const Case& one : cases) {
    folder.write("tokenizer.model", one.model);
    const std::string sentence =
        test::error_text(ErrorKind::kInput, [&] { Tokenizer::open(folder.path(), one.vocabulary)->encode("xab ba", Tokenizer::Special::kAdd); });
    EXPECT_THAT(sentence, AllOf(HasSubstr("tokenizer.model"), HasSubstr(one.fault))) << one.name;
  }
}

TEST(SentencePieceCheck, RefusesModelTypesItDoesNotDoByName) {
  EXPECT_ERROR_HAS(check_sentencepiece_model(pieces() + trainer(3), "t", 7), kUnsupported, "a SentencePiece model of words");
  EXPECT_ERROR_HAS(check_sentencepiece_model(pieces() + trainer(4), "t", 7), kUnsupported, "a SentencePiece model of characters");
}

TEST(SentencePieceCheck, SurvivesAModelCutAnywhere) {
  const std::string good = with_charsmap(charsmap(256));
  const test::TemporaryFolder folder;
  int refused = 0;
  for (std::size_t end = 0; end < good.size(); end += 13) {
    folder.write("tokenizer.model", good.substr(0, end));
    try {
      Tokenizer::open(folder.path(), 7)->encode("xab ba", Tokenizer::Special::kAdd);
    } catch (const Error& fault) {
      EXPECT_THAT(fault.what(), HasSubstr("tokenizer.model"));
      ++refused;
    }
  }
  EXPECT_GT(refused, 150) << "only a cut between two fields can leave a smaller whole model";
}

TEST(SentencePieceCheck, AcceptsOddButValidModels) {
  const test::TemporaryFolder folder;
  const auto ids = [&](const std::string& model, std::string_view text, std::int64_t vocabulary = 7) {
    folder.write("tokenizer.model", model);
    return Tokenizer::open(folder.path(), vocabulary)->encode(text, Tokenizer::Special::kAdd);
  };
  const std::vector<std::int32_t> expected = {1, 3, 6};
  EXPECT_EQ(ids(pieces() + trainer() + normalizer(), "ab"), expected);
  EXPECT_EQ(ids(normalizer() + trainer() + pieces(), "ab"), expected) << "fields in another order";
  EXPECT_EQ(ids(pieces() + trainer() + normalizer(), "ab", 272), expected) << "padded vocabulary";
  EXPECT_EQ(ids(pieces() + trainer() + normalizer() + bytes(200, "more") + number(201, 7), "ab"), expected) << "unknown fields";
  EXPECT_EQ(ids(with_charsmap(charsmap(256)), "x"), (std::vector<std::int32_t>{1, 3, 0})) << "a rule: x becomes y, which is unknown";
  EXPECT_EQ(ids(with_charsmap(charsmap(256, 0, std::string_view("ab\0", 3))), "x"), expected) << "a rule: x becomes ab";
  EXPECT_EQ(ids(pieces() + trainer() + normalizer() + piece(std::string(64 << 10, 'a')), "ab", 8), expected) << "a piece as long as may be";
  const std::string other_unknown = piece("<unk>", -2) + piece("what", -4, 2) + piece("\xe2\x96\x81", -1) + piece("a", -1) + trainer(1) + normalizer();
  EXPECT_EQ(ids(other_unknown, "az", 8), (std::vector<std::int32_t>{4, 2, 3, 1})) << "the unknown piece has another name than <unk>";
}

}  // namespace
}  // namespace winnow
