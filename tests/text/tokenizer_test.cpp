#include "harness/text/tokenizer.h"

#include <sentencepiece_processor.h>

#include <fstream>
#include <random>

#include "harness/core/json.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

using test::fixture;
using test::read_text;
using Ids = std::vector<std::int32_t>;
using Special = Tokenizer::Special;
using SpecialText = Tokenizer::SpecialText;

std::unique_ptr<Tokenizer> mixtral() { return Tokenizer::open(fixture("lm_eval/tiny_mixtral"), 32000); }

// A folder with the small Unigram model and this tokenizer_config.json.
std::unique_ptr<Tokenizer> small(const test::TemporaryFolder& folder, std::string_view config, std::int64_t vocabulary = 1000) {
  folder.write("tokenizer.model", read_text(fixture("tokenizer/unigram_1k.model")));
  folder.write("tokenizer_config.json", config);
  return Tokenizer::open(folder.path(), vocabulary);
}

// The Mixtral pieces under another tokenizer_config.json.
std::unique_ptr<Tokenizer> mixtral_with(const test::TemporaryFolder& folder, std::string_view config, std::int64_t vocabulary = 32000) {
  folder.write("tokenizer.model", read_text(fixture("lm_eval/tiny_mixtral/tokenizer.model")));
  folder.write("tokenizer_config.json", config);
  return Tokenizer::open(folder.path(), vocabulary);
}

std::vector<Json> rows(std::string_view name) {
  std::ifstream file(fixture(name));
  std::vector<Json> all;
  for (std::string line; std::getline(file, line);) all.push_back(Json::parse(line));
  all.erase(all.begin());  // the header
  return all;
}

// Found by the fuzzer: SentencePiece takes the model, and fails on texts.
TEST(Tokenizer, AModelWhosePiecesMakeUpNoTextIsAFaultOfTheFile) {
  const test::TemporaryFolder folder;
  folder.write("tokenizer.model", read_text(test::source_folder() / "tests/fuzz/corpus/text_tokenizer/seed-pieces-that-make-up-no-text"));
  const auto tokenizer = Tokenizer::open(folder.path(), 65'536);
  const auto encode_all = [&] {
    for (const char* text : {"the quick  brown fox", "<s>[INST] ab </s>", "12 + 30 = 42\n"}) tokenizer->encode(text, Special::kAdd);
  };
  EXPECT_ERROR_HAS(encode_all(), kInput, "its tokenizer.model is damaged");
}

TEST(Tokenizer, EncodesAndDecodesEveryRecordedTextAsTransformersDoes) {
  const auto tokenizer = mixtral();
  const auto recorded = rows("tokenizer/mixtral_v1.jsonl");
  ASSERT_EQ(recorded.size(), 281u);
  for (const Json& row : recorded) {
    const std::string text = row.at("text");
    const Ids ids = row.at("ids");
    const Ids plain = row.contains("ids_nospecial") ? row.at("ids_nospecial").get<Ids>() : Ids(ids.begin() + 1, ids.end());
    EXPECT_EQ(tokenizer->encode(text, Special::kAdd), ids) << row.at("i");
    EXPECT_EQ(tokenizer->encode(text, Special::kNone), plain) << row.at("i");
    EXPECT_EQ(tokenizer->decode(ids, SpecialText::kKeep), row.at("decode").get<std::string>()) << row.at("i");
    EXPECT_EQ(tokenizer->decode(ids, SpecialText::kSkip), row.at("decode_skip").get<std::string>()) << row.at("i");
    EXPECT_EQ(tokenizer->decode(plain, SpecialText::kKeep), row.at("decode_nospecial").get<std::string>()) << row.at("i");
  }
}

TEST(Tokenizer, DecodesEveryRecordedListOfIdsAsTransformersDoes) {
  const auto tokenizer = mixtral();
  const auto recorded = rows("tokenizer/mixtral_v1_decode.jsonl");
  ASSERT_EQ(recorded.size(), 34u);
  for (const Json& row : recorded) {
    EXPECT_EQ(tokenizer->decode(row.at("ids"), SpecialText::kKeep), row.at("decode").get<std::string>()) << row.at("ids");
    EXPECT_EQ(tokenizer->decode(row.at("ids"), SpecialText::kSkip), row.at("decode_skip").get<std::string>()) << row.at("ids");
  }
}

TEST(Tokenizer, NamesItsSpecialTokens) {
  const auto tokenizer = mixtral();
  EXPECT_EQ(tokenizer->bos_id(), 1);
  EXPECT_EQ(tokenizer->eos_id(), 2);
  EXPECT_TRUE(tokenizer->adds_bos());
}

TEST(Tokenizer, AddsBosAndEosAsTheConfigurationSays) {
  const test::TemporaryFolder folder;
  const Ids text = mixtral()->encode("Hello world", Special::kNone);
  const auto both = mixtral_with(folder, R"({"add_bos_token": true, "add_eos_token": true})");
  Ids expected = {1};
  expected.insert(expected.end(), text.begin(), text.end());
  expected.push_back(2);
  EXPECT_EQ(both->encode("Hello world", Special::kAdd), expected);
  EXPECT_EQ(both->encode("Hello world", Special::kNone), text);
  EXPECT_EQ(mixtral_with(folder, R"({"add_bos_token": false})")->encode("Hello world", Special::kAdd), text);
}

TEST(Tokenizer, PutsOnlyTheWholeTextsBeginningBehindASpaceWithoutLegacy) {
  const test::TemporaryFolder folder;
  const auto legacy = mixtral_with(folder, R"({"legacy": true})");
  const auto modern = mixtral_with(folder, R"({"legacy": false})");
  const auto bare = mixtral_with(folder, R"({"legacy": false, "add_prefix_space": false})");
  EXPECT_EQ(legacy->encode("Hello</s>Hello", Special::kNone), (Ids{22557, 2, 22557}));  // ▁Hello </s> ▁Hello
  EXPECT_EQ(modern->encode("Hello</s>Hello", Special::kNone), (Ids{22557, 2, 16230}));  // ▁Hello </s> Hello
  EXPECT_EQ(modern->encode("</s>Hello", Special::kNone), (Ids{2, 16230}));
  EXPECT_EQ(bare->encode("Hello</s>Hello", Special::kNone), (Ids{16230, 2, 16230}));
  EXPECT_EQ(bare->decode({22557}, SpecialText::kKeep), " Hello");
}

// Ids of transformers 5.23, which saves added tokens and the place of BOS in tokenizer.json only.
TEST(Tokenizer, TakesAddedTokensAndBosFromTokenizerJson) {
  const test::TemporaryFolder folder;
  const auto with = [&](std::string_view processor, std::string_view config, std::int64_t vocabulary = 32002) {
    folder.write("tokenizer.json", fmt::format(R"({{"normalizer": {{"type": "Prepend", "prepend": "▁"}}, "added_tokens": [
        {{"id": 32000, "content": "<|tool|>", "special": false}}, {{"id": 32001, "content": "<|pad|>", "special": true}}], "post_processor": {}}})",
                                               processor));
    return mixtral_with(folder, config, vocabulary);
  };
  const auto single = [](std::string_view parts) { return fmt::format(R"({{"type": "TemplateProcessing", "single": [{}]}})", parts); };
  const std::string bos = R"({"SpecialToken": {"id": "<s>"}})", eos = R"({"SpecialToken": {"id": "</s>"}})", text = R"({"Sequence": {"id": "A"}})";
  EXPECT_EQ(with("null", R"({"pad_token": "<|pad|>"})")->encode("<|tool|><|pad|>Hello", Special::kAdd), (Ids{32000, 32001, 22557}));
  EXPECT_EQ(with("null", R"({"add_bos_token": true})")->encode("Hello", Special::kAdd), (Ids{22557}));
  EXPECT_EQ(with(single(bos + ", " + text), R"({"add_bos_token": false, "add_eos_token": true})")->encode("Hello", Special::kAdd), (Ids{1, 22557}));
  EXPECT_EQ(with(single(text + ", " + eos), "{}")->encode("Hello", Special::kAdd), (Ids{22557, 2}));
  EXPECT_ERROR_HAS(with(single(bos + ", " + bos + ", " + text), "{}"), kUnsupported, "one BOS token before it");
  EXPECT_ERROR_HAS(with(single(R"({"SpecialToken": 3})"), "{}"), kInput, "expected a SpecialToken with its id");
  EXPECT_ERROR_HAS(with(R"({"type": "RobertaProcessing"})", "{}"), kUnsupported, "of type 'RobertaProcessing' is not done yet");
  EXPECT_ERROR_HAS(with("null", "{}", 32001), kInput, "has id 32001, but the model's embedding has 32001 rows");
}

// Ids of transformers 5.23, which takes tokenizer.json as it is. 259 is two spaces, 28705 ▁, 264 ▁a, 287 ▁b, 28708 a, 28726 b.
TEST(Tokenizer, PutsTheSpaceInFrontThatTokenizerJsonSays) {
  const test::TemporaryFolder folder;
  const auto with = [&](std::string_view fast, std::string_view config = R"({"legacy": false})") {
    folder.write("tokenizer.json", fast);
    return mixtral_with(folder, config);
  };
  const auto encoded = [](const Tokenizer& tokenizer) {
    std::vector<Ids> ids;
    for (const char* text : {" a", "a</s>b", "</s> b", "  b", "\u2581b"}) ids.push_back(tokenizer.encode(text, Special::kNone));
    return ids;
  };
  using Lists = std::vector<Ids>;
  const auto prepend =
      R"({"normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace"}]}, "pre_tokenizer": null})";
  EXPECT_EQ(encoded(*with(prepend)), (Lists{{28705, 264}, {264, 2, 287}, {2, 28705, 287}, {259, 287}, {28705, 287}})) << "as Llama 2 has it, legacy or not";
  const auto metaspace = [](std::string_view how) {
    return fmt::format(R"({{"normalizer": null, "pre_tokenizer": {{"type": "Metaspace", "replacement": "▁", {}"split": false}}}})", how);
  };
  const Lists first = {{264}, {264, 2, 28726}, {2, 287}, {28705, 287}, {287}};
  EXPECT_EQ(encoded(*with(metaspace(R"("prepend_scheme": "first", )"))), first) << "a text's own space is the one in front";
  EXPECT_EQ(encoded(*with(metaspace(R"("prepend_scheme": "first", )"), R"({"legacy": true})")), first) << "the file counts";
  const Lists always = {{264}, {264, 2, 287}, {2, 287}, {28705, 287}, {287}};
  EXPECT_EQ(encoded(*with(metaspace(R"("prepend_scheme": "always", )"))), always);
  EXPECT_EQ(encoded(*with(metaspace(""))), always) << "before there were schemes";
  const Lists never = {{264}, {28708, 2, 28726}, {2, 287}, {28705, 287}, {287}};
  EXPECT_EQ(encoded(*with(metaspace(R"("prepend_scheme": "never", )"))), never);
  EXPECT_EQ(encoded(*with(metaspace(R"("add_prefix_space": false, )"))), never) << "as files said it before there were schemes";
  EXPECT_EQ(encoded(*with(R"({"normalizer": {"type": "Replace"}})")), never);
  EXPECT_ERROR_HAS(with(metaspace(R"("prepend_scheme": "last", )")), kInput, "prepend_scheme is 'last', expected 'always', 'first' or 'never'");
  EXPECT_ERROR_HAS(with(R"({"normalizer": "Prepend"})"), kInput, "normalizer is a string, expected an object");
}

TEST(Tokenizer, CutsAddedTokensOutOfTheText) {
  const test::TemporaryFolder folder;
  folder.write("added_tokens.json", R"({"<|tool|>": 32001})");
  const auto tokenizer = mixtral_with(folder, R"({"added_tokens_decoder": {
      "32000": {"content": "<|tool|>x", "special": true, "lstrip": false, "rstrip": false, "single_word": false, "normalized": false},
      "32002": {"content": "[SEP]", "special": true, "lstrip": true, "rstrip": true}, "32003": {"content": "cat", "single_word": true}}})",
                                      32004);
  EXPECT_EQ(tokenizer->encode("Hello<|tool|>x", Special::kNone), (Ids{22557, 32000})) << "the longest that begins there";
  EXPECT_EQ(tokenizer->encode("Hello<|tool|>", Special::kNone), (Ids{22557, 32001}));
  EXPECT_EQ(tokenizer->encode("Hello \n[SEP]  Hello", Special::kNone), (Ids{22557, 32002, 22557}));
  EXPECT_EQ(tokenizer->encode("cat", Special::kNone), (Ids{32003}));
  EXPECT_EQ(tokenizer->encode("concat", Special::kNone), mixtral()->encode("concat", Special::kNone));
  EXPECT_EQ(tokenizer->decode({22557, 32000, 32001}, SpecialText::kKeep), "Hello<|tool|>x<|tool|>");
  EXPECT_EQ(tokenizer->decode({22557, 32000, 32001}, SpecialText::kSkip), "Hello<|tool|>") << "added_tokens.json does not make a token special";
}

TEST(Tokenizer, TakesSpecialTokensFromTheMapWhereTheConfigurationIsSilent) {
  const test::TemporaryFolder folder;
  folder.write("special_tokens_map.json",
               R"({"bos_token": {"content": "<BOS>"}, "eos_token": "</s>", "additional_special_tokens": ["<A>", {"content": "<B>"}]})");
  const auto tokenizer = mixtral_with(folder, "{}", 32003);
  EXPECT_EQ(tokenizer->bos_id(), 32000);
  EXPECT_EQ(tokenizer->encode("<A><B>", Special::kAdd), (Ids{32000, 32001, 32002}));
}

TEST(Tokenizer, CleansUpSpacesOnlyWhereAsked) {
  const test::TemporaryFolder folder;
  const Ids ids = mixtral()->encode("it 's fine , is n't it ?", Special::kNone);
  EXPECT_EQ(mixtral()->decode(ids, SpecialText::kSkip), "it 's fine , is n't it ?");
  EXPECT_EQ(mixtral_with(folder, R"({"clean_up_tokenization_spaces": true})")->decode(ids, SpecialText::kSkip), "it's fine, isn't it?");
}

TEST(Tokenizer, SkipsIdsWithoutAPieceWhenItDecodes) {
  const auto padded = Tokenizer::open(fixture("lm_eval/tiny_mixtral"), 32768);
  EXPECT_EQ(padded->decode({22557, 32100, -1}, SpecialText::kKeep), "Hello");
}

TEST(Tokenizer, DigestChangesWithWhatDecidesIdsOnly) {
  const test::TemporaryFolder folder;
  const std::string plain = small(folder, R"({"add_bos_token": true})")->digest();
  EXPECT_EQ(plain.size(), 64u);
  EXPECT_EQ(small(folder, R"({"add_bos_token": true, "chat_template": "{{ x }}", "model_max_length": 12})")->digest(), plain);
  EXPECT_NE(small(folder, R"({"add_bos_token": false})")->digest(), plain);
  EXPECT_NE(mixtral_with(folder, R"({"add_bos_token": true})")->digest(), plain);
}

TEST(Tokenizer, ReadsTheHugeIntegerThatMeansNoLimit) {
  const test::TemporaryFolder folder;
  EXPECT_FALSE(
      small(folder, R"({"a\\": "\"10000000000000000000000", "model_max_length": 1000000000000000019884624838656, "add_bos_token": false})")->adds_bos());
}

TEST(Tokenizer, GivesWordByWordWhatSentencePieceGivesForTheWhole) {
  sentencepiece::SentencePieceProcessor whole;
  ASSERT_TRUE(whole.Load(fixture("lm_eval/tiny_mixtral/tokenizer.model").string()).ok());
  const auto tokenizer = mixtral();
  const std::vector<std::string> parts = {"a",  "Hello", " ",   "  ",       "\n", "\xe2\x96\x81", "\xc3\xa9", "\xf0\x9f\x98\x80", "12",
                                          "\t", "the",   "x y", "\xe2\x96", ".",  "\xc2\xa0"};
  std::mt19937 random(7);
  for (int i = 0; i < 3000; ++i) {
    std::string text;
    for (unsigned count = random() % 9; count > 0; --count) text += parts[random() % parts.size()];
    std::vector<int> expected;
    ASSERT_TRUE(whole.Encode(text, &expected).ok());
    EXPECT_EQ(tokenizer->encode(text, Special::kNone), expected) << text;
  }
}

TEST(Tokenizer, SaysWhatIsMissing) {
  const test::TemporaryFolder folder;
  EXPECT_ERROR_HAS(Tokenizer::open(folder.path(), 10), kInput, "has no tokenizer.model");
  folder.write("tokenizer.json", "{}");
  EXPECT_ERROR_HAS(Tokenizer::open(folder.path(), 10), kUnsupported, "has only a tokenizer.json, which is not done yet");
}

TEST(Tokenizer, RefusesSettingsThatCannotBe) {
  const test::TemporaryFolder folder;
  const auto refused = [&](std::string_view config, ErrorKind kind, std::string_view part) {
    const std::string sentence = test::error_text(kind, [&] { small(folder, config); });
    EXPECT_THAT(sentence, ::testing::AllOf(::testing::HasSubstr("tokenizer_config.json"), ::testing::HasSubstr(part))) << config;
  };
  refused(R"({"tokenizer_class": "BertTokenizer"})", ErrorKind::kUnsupported, "'BertTokenizer' is not done yet");
  refused(R"({"tokenizer_class": 7})", ErrorKind::kInput, "tokenizer_class is 7, expected a string");
  refused(R"({"add_bos_token": "yes"})", ErrorKind::kInput, "add_bos_token is \"yes\", expected true or false");
  refused(R"({"bos_token": null})", ErrorKind::kInput, "add_bos_token is true but bos_token is null");
  refused(R"({"add_eos_token": true, "eos_token": null})", ErrorKind::kInput, "add_eos_token is true but eos_token is null");
  refused(R"({"bos_token": 1})", ErrorKind::kInput, "expected a string or an object");
  refused(R"({"bos_token": ""})", ErrorKind::kInput, "the token's text is empty");
  refused(R"({"pad_token": "<pad>"})", ErrorKind::kInput, "token '<pad>' has id 1000, but the model's embedding has 1000 rows");
  refused(R"({"added_tokens_decoder": {"5000": {"content": "<x>"}}})", ErrorKind::kInput, "id 5000");
  refused(R"({"added_tokens_decoder": {"-1": {"content": "<x>"}}})", ErrorKind::kInput, "id -1");
  refused(R"({"added_tokens_decoder": {"one": {"content": "<x>"}}})", ErrorKind::kInput, "expected a token id");
  refused(R"({"added_tokens_decoder": {"5": {"text": "<x>"}}})", ErrorKind::kInput, "\"content\"");
  refused(R"({"added_tokens_decoder": {"5": {"content": "<x>"}, "05": {"content": "<y>"}}})", ErrorKind::kInput, "both have id 5");
  refused(R"({"added_tokens_decoder": []})", ErrorKind::kInput, "expected an object");
  refused(R"({"additional_special_tokens": "<x>"})", ErrorKind::kInput, "expected a list of tokens");
  refused(R"([1])", ErrorKind::kInput, "expected an object");
  refused(R"({"add_bos_token": true)", ErrorKind::kInput, "");
  folder.write("added_tokens.json", R"({"<x>": "five"})");
  EXPECT_ERROR_HAS(small(folder, "{}"), kInput, "added_tokens.json: '<x>' is \"five\", expected the id");
}

}  // namespace
}  // namespace winnow
