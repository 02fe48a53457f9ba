#include "harness/core/json.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <chrono>

#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

double seconds_of(const std::function<void()>& act) {
  const auto start = std::chrono::steady_clock::now();
  act();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

TEST(Json, SaysLineColumnAndWhatWasExpected) {
  EXPECT_ERROR(parse_json("{\"a\": 1,\n \"a\": 2}", "sweep.json"), kInput, "sweep.json:2:5: the key 'a' stands twice in one object");
  EXPECT_ERROR_HAS(parse_json("\"; expected x'; expected y", "f"), kInput, "invalid string: missing closing quote, near");  // none of the text's own words
  EXPECT_ERROR(parse_json("{\"a\": 1", "sweep.json"), kInput, "sweep.json:1:8: not valid JSON: unexpected end of input; expected '}', near '{\"a\": 1'");
  EXPECT_ERROR(parse_json("{\"é\": x}", "sweep.json"), kInput, "sweep.json:1:7: not valid JSON: invalid literal, near '{\"é\": x'");
  EXPECT_ERROR(parse_json("[1,\n 2,,\n3]", "sweep.json"), kInput,
               "sweep.json:2:4: not valid JSON: unexpected ','; expected '[', '{', or a literal, near '[1,\\n 2,,'");
  EXPECT_ERROR(parse_json("[1, 18446744073709551620]", "f"), kInput, "f:1:5: the integer 18446744073709551620 does not fit into 64 bits");
  EXPECT_ERROR(parse_json("[1e999]", "f"), kInput, "f:1:2: the number 1e999 is beyond the range of a double");
  EXPECT_ERROR(parse_json("", "f"), kInput, "f:1:1: the text is empty; a JSON value was expected");
  EXPECT_ERROR(parse_json("\xef\xbb\xbf{}", "f"), kInput, "f:1:1: begins with a byte order mark (EF BB BF); save it as UTF-8 without one");
  EXPECT_ERROR(parse_json("[\n\"a\xff\"]", "f"), kInput, "f:2:3: is not UTF-8: byte ff");
  EXPECT_ERROR(parse_json(std::string("12\0", 3), "f"), kInput, "f:1:3: holds a NUL byte; JSON text was expected");
  EXPECT_ERROR(parse_json("// x\n1", "f"), kInput, "f:1:1: comments are not allowed here");
}

TEST(Json, ShowsNoControlCharactersAndNothingLong) {
  EXPECT_ERROR_HAS(parse_json("[1, \x1b[2J]", "a\x1b[2Jb"), kInput, "a\\x1b[2Jb:1:5: ");
  const std::string sentence = test::error_text(ErrorKind::kInput, [] { parse_json("\"" + std::string(5'000'000, 'x'), "f"); });
  EXPECT_LT(sentence.size(), 200u);
  EXPECT_LT(test::error_text(ErrorKind::kInput, [] { parse_json(std::string(5'000'000, '7'), "f"); }).size(), 200u);
  EXPECT_LT(
      test::error_text(ErrorKind::kInput, [] { parse_json("{\"" + std::string(5'000, 'k') + "\":1,\"" + std::string(5'000, 'k') + "\":2}", "f"); }).size(),
      200u);
  EXPECT_EQ(test::error_text(ErrorKind::kInput, [] { parse_json("\x1b", "f"); }).find('\x1b'), std::string::npos);
}

TEST(Json, RefusesAMillionNestedArraysAtOnce) {
  for (const std::string& bomb : {std::string(1'000'000, '['), std::string(1'000'000, '[') + std::string(1'000'000, ']')}) {
    EXPECT_LT(seconds_of([&] { EXPECT_ERROR(parse_json(bomb, "f"), kInput, "f:1:65: nested more than 64 deep"); }), 0.05);
  }
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  EXPECT_LT(seconds_of([&] { EXPECT_ERROR_HAS(parse_ordered_json(objects, "f"), kInput, "nested more than 64 deep"); }), 0.05);
}

TEST(Json, KeepsKeysInOrderWhereAsked) { EXPECT_EQ(parse_ordered_json("{\"b\":1,\"a\":{\"z\":0,\"y\":1}}", "f").dump(), "{\"b\":1,\"a\":{\"z\":0,\"y\":1}}"); }

TEST(Json, ReadsManyKeysInOneObjectInLinearTime) {
  std::string text = "{";
  for (int i = 0; i < 200'000; ++i) text += fmt::format("{}\"key {}\":{}", i ? "," : "", i, i);
  text += "}";
  EXPECT_LT(seconds_of([&] { EXPECT_EQ(parse_ordered_json(text, "f").size(), 200'000u); }), 3);
}

TEST(Json, KeepsIntegersAndDoublesApartAndExact) {
  const Json numbers = parse_json("[9007199254740993, 0.1, 18446744073709551615, -9223372036854775808, 1.0]", "f");
  EXPECT_EQ(numbers[0].get<std::int64_t>(), 9007199254740993);
  EXPECT_EQ(numbers[1].get<double>(), 0.1);
  EXPECT_EQ(numbers[2].get<std::uint64_t>(), UINT64_MAX);
  EXPECT_EQ(numbers[3].get<std::int64_t>(), INT64_MIN);
  EXPECT_TRUE(numbers[4].is_number_float());
}

TEST(ReadJsonFile, NamesTheFileAndKeepsToTheLimit) {
  const test::TemporaryFolder folder;
  const auto path = folder.write("config.json", "{\"a\": tru}");
  EXPECT_ERROR_HAS(read_json_file(path), kInput, path.string() + ":1:10: not valid JSON");
  EXPECT_ERROR_HAS(read_json_file(path, JsonComments::kRefused, 4), kInput, "config.json: has 10 bytes; at most 4 were expected");
  EXPECT_ERROR_HAS(read_json_file(folder.path()), kInput, "is a folder; a regular file was expected");
  EXPECT_EQ(read_json_file(folder.write("sweep.json", "// why\n{}"), JsonComments::kAllowed), Json::object());
}

TEST(CanonicalJson, SortsKeysLeavesOutSpaceAndReplacesInvalidUtf8) {
  EXPECT_EQ(canonical_json({{"b", {1, 2.5}}, {"a", "é"}, {"c", nullptr}}), "{\"a\":\"é\",\"b\":[1,2.5],\"c\":null}");
  EXPECT_EQ(canonical_json("a\xff"), "\"a\ufffd\"");
}

// Any value of the given depth at most.
Json any_json(int depth) {
  switch (*rc::gen::inRange(0, depth > 0 ? 8 : 6)) {
    case 0: return nullptr;
    case 1: return *rc::gen::arbitrary<bool>();
    case 2: return *rc::gen::arbitrary<std::int64_t>();
    case 3: return *rc::gen::arbitrary<std::uint64_t>();
    case 4:
      return *rc::gen::suchThat(rc::gen::map(rc::gen::arbitrary<std::uint64_t>(), [](std::uint64_t bits) { return std::bit_cast<double>(bits); }),
                                [](double x) { return std::isfinite(x); });
    case 5: return *rc::gen::map(rc::gen::container<std::string>(rc::gen::inRange<char>(0, 127)), [](std::string text) { return text + "é"; });
    case 6: {
      Json list = Json::array();
      for (int i = *rc::gen::inRange(0, 4); i > 0; --i) list.push_back(any_json(depth - 1));
      return list;
    }
    default: {
      Json object = Json::object();
      for (int i = *rc::gen::inRange(0, 4); i > 0; --i) object[*rc::gen::container<std::string>(rc::gen::inRange<char>(0, 127))] = any_json(depth - 1);
      return object;
    }
  }
}

RC_GTEST_PROP(CanonicalJson, ComesBackThroughTheDoorUnchanged, ()) {
  const Json value = any_json(4);
  const std::string text = canonical_json(value);
  RC_ASSERT(parse_json(text, "f") == value);
  RC_ASSERT(canonical_json(parse_json(text, "f")) == text);
  RC_ASSERT(canonical_json(parse_json(value.dump(3), "f")) == text);
}

RC_GTEST_PROP(Json, AnyBytesGiveAValueOrASentence, (const std::string& bytes)) {
  try {
    parse_json(bytes, "f", JsonComments::kAllowed);
  } catch (const Error& error) {
    RC_ASSERT(std::string_view(error.what()).starts_with("f:"));
  }
}

}  // namespace
}  // namespace winnow
