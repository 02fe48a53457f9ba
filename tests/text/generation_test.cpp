#include "harness/text/generation.h"

#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <map>

#include "harness/core/clock.h"
#include "harness/engine/device_path.h"
#include "tests/text/tiny_runs.h"

// Generation on devices, which runs a step ahead of the host, against the CPU's, which does not: the same path as a device's, but on the CPU.
namespace winnow {
namespace {

struct GenerationCase {
  std::size_t max_sequences = 64;
  std::int64_t token_budget = 8192;
  int stops_after = std::numeric_limits<int>::max();  // replies
  std::function<void(Model&)> change = [](Model&) {};
};

struct Replies {
  std::map<std::size_t, Generated> of;  // by owner
  std::vector<std::size_t> order;       // owners, as they were told
  WorkCounters counters;
  double seconds = 0;
  std::string failure;

  std::int64_t prefilled() const { return counters.tokens_forwarded - counters.tokens_decoded - counters.tokens_dropped; }
};

Replies replies_on(const std::vector<Prompt>& prompts, const GenerationCase& options) {
  static const std::unique_ptr<Tokenizer> tokenizer = tiny_tokenizer();
  Model model = tiny_model();
  options.change(model);
  Replies replies;
  const auto start = std::chrono::steady_clock::now();
  try {
    generate(prompts, {model, *tokenizer, options.token_budget, 4 * options.token_budget, options.max_sequences, PrefixSharing::kOn, replies.counters,
                       [&](std::size_t owner, const Generated& generated) {
                         EXPECT_TRUE(replies.of.emplace(owner, generated).second) << "told twice: " << owner;
                         replies.order.push_back(owner);
                         return static_cast<int>(replies.of.size()) >= options.stops_after ? Continue::kNo : Continue::kYes;
                       }});
  } catch (const std::runtime_error& error) {
    replies.failure = error.what();
  }
  replies.seconds = seconds_since(start);
  return replies;
}

Replies waiting(const std::vector<Prompt>& prompts, const GenerationCase& options = {}) { return replies_on(prompts, options); }
Replies ahead(const std::vector<Prompt>& prompts, const GenerationCase& options = {}) {
  const ForceDevicePath forced;
  return replies_on(prompts, options);
}

// The first questions of a recorded run, whose replies end at an EOS id after 1 to 48 tokens, or not before.
std::vector<Prompt> questions(std::size_t count, const std::vector<std::string>& until, const std::function<int(std::size_t)>& max_new_tokens) {
  const auto tokenizer = tiny_tokenizer();
  std::vector<Prompt> prompts;
  for (const Json& row : run_rows("tiny_gsm8k_0shot")) {
    if (prompts.size() == count) break;
    const TokenIds ids = tokenizer->encode(row.at("ctx").get<std::string>(), Tokenizer::Special::kAdd);
    prompts.push_back({prompts.size(), ids, until, max_new_tokens(prompts.size())});
  }
  return prompts;
}

// With stop strings, the rows that went ahead of a reply's end may differ: never more than one a reply, and none where its length ended it.
void expect_same(const Replies& found, const Replies& expected, std::string_view what) {
  EXPECT_EQ(found.failure, "") << what;
  ASSERT_EQ(found.of.size(), expected.of.size()) << what;
  std::int64_t ended = 0;
  for (const auto& [owner, reply] : expected.of) {
    EXPECT_EQ(found.of.at(owner).ids, reply.ids) << what << ", prompt " << owner;
    EXPECT_EQ(found.of.at(owner).is_cut, reply.is_cut) << what << ", prompt " << owner;
    ended += !reply.is_cut && reply.ids.size() > 1;
  }
  EXPECT_EQ(found.counters.tokens_asked, expected.counters.tokens_asked) << what;
  EXPECT_EQ(found.counters.tokens_decoded, expected.counters.tokens_decoded) << what;
  EXPECT_EQ(found.prefilled(), expected.prefilled()) << what;
  EXPECT_LE(found.counters.tokens_dropped, ended) << what;
  EXPECT_EQ(expected.counters.tokens_dropped, 0) << what;
  EXPECT_EQ(found.counters.expert_evaluations, expected.counters.expert_evaluations + 2 * 2 * found.counters.tokens_dropped) << what;
}

TEST(GenerationAhead, GivesTheSameRepliesWhereverTheyEnd) {
  for (const auto& until : {std::vector<std::string>{}, {"e", "ion", "\n"}, {"st", "</s>"}}) {
    const std::vector<Prompt> prompts = questions(16, until, [](std::size_t i) { return std::array{48, 1, 2, 3, 7, 30}[i % 6]; });
    const Replies expected = waiting(prompts), found = ahead(prompts);
    expect_same(found, expected, fmt::format("{}", fmt::join(until, " ")));
    EXPECT_GT(found.counters.tokens_dropped, 0);
  }
}

TEST(GenerationAhead, TakesInMorePromptsAsRepliesEnd) {
  const std::vector<Prompt> prompts = questions(16, {"ion", "st"}, [](std::size_t i) { return i % 3 == 0 ? 2 : 20; });
  for (const GenerationCase& options : {GenerationCase{.max_sequences = 1}, {.max_sequences = 4}, {.max_sequences = 5, .token_budget = 50}}) {
    expect_same(ahead(prompts, options), waiting(prompts, options), fmt::format("{} side by side", options.max_sequences));
  }
}

TEST(GenerationAhead, DoesNotLetPromptsWaitForALongReply) {
  const GenerationCase endless{.max_sequences = 4, .change = [](Model& model) { model.config.eos_ids.clear(); }};
  std::vector<Prompt> prompts = questions(16, {}, [](std::size_t) { return 3; });
  Prompt& taken_first = *std::ranges::min_element(prompts, {}, &Prompt::ids);
  taken_first.max_new_tokens = 40;
  const Replies expected = waiting(prompts, endless), found = ahead(prompts, endless);
  expect_same(found, expected, "a long one among short ones");
  EXPECT_EQ(expected.order.back(), taken_first.owner);
  EXPECT_EQ(found.order, expected.order);
}

TEST(GenerationAhead, DropsOneRowOfAReplyThatEndsEarlyAndNoneOfOthers) {
  const auto dropped = [](int max_new_tokens) { return ahead(questions(1, {}, [&](std::size_t) { return max_new_tokens; })).counters.tokens_dropped; };
  EXPECT_EQ(dropped(48), 1) << "its third token is EOS";
  EXPECT_EQ(dropped(4), 1);
  EXPECT_EQ(dropped(3), 0) << "its third token is the last in any case";
}

TEST(GenerationAhead, CountsAsTheCpuDoesWhereOnlyTheirLengthEndsReplies) {
  const GenerationCase endless{.max_sequences = 6, .change = [](Model& model) {
                                 model.config.eos_ids.clear();
                                 for (LayerWeights& layer : model.layers) layer.moe->skip_beta = 0.6;
                               }};
  const std::vector<Prompt> prompts = questions(12, {}, [](std::size_t i) { return 1 + static_cast<int>(i % 9); });
  const Replies expected = waiting(prompts, endless), found = ahead(prompts, endless);
  expect_same(found, expected, "skipping");
  EXPECT_EQ(found.counters.tokens_dropped, 0);
  EXPECT_GT(found.counters.expert_evaluations_skipped, 0);
  EXPECT_EQ(found.counters.expert_evaluations_skipped, expected.counters.expert_evaluations_skipped);

  Prompt last = prompts[8];  // its reply but for the last token as part of the prompt: the same rows without a decode step
  const Replies decoded = ahead({last}, endless);
  last.ids.insert(last.ids.end(), decoded.of.at(8).ids.begin(), decoded.of.at(8).ids.end() - 1);
  last.max_new_tokens = 1;
  EXPECT_EQ(decoded.counters.expert_evaluations_skipped, ahead({last}, endless).counters.expert_evaluations_skipped);
}

TEST(GenerationAhead, TellsNoSecondTwice) {
  const Replies found = ahead(questions(6, {}, [](std::size_t) { return 40; }));
  EXPECT_GT(found.counters.decode_seconds, 0.2 * found.seconds);
  EXPECT_LE(found.counters.decode_seconds + found.counters.prefill_seconds, found.seconds);
}

TEST(GenerationAhead, EndsWhenToldTo) {
  const std::vector<Prompt> prompts = questions(12, {"ion"}, [](std::size_t i) { return i % 2 == 0 ? 48 : 5; });
  for (const int replies : {1, 3, 8}) {
    const Replies found = ahead(prompts, {.stops_after = replies}), expected = waiting(prompts, {.stops_after = replies});
    EXPECT_EQ(found.of.size(), static_cast<std::size_t>(replies));
    EXPECT_EQ(found.counters.tokens_decoded, expected.counters.tokens_decoded);
    EXPECT_EQ(found.prefilled(), expected.prefilled()) << "rows of the step that was under way are dropped ones";
    EXPECT_EQ(found.counters.expert_evaluations, 2 * 2 * found.counters.tokens_forwarded);
  }
}

TEST(GenerationAhead, EndsWithTheSameErrorAtANumberThatIsNotFinite) {
  const std::vector<Prompt> prompts = questions(2, {}, [](std::size_t) { return 48; });
  const std::int32_t fourth = waiting({prompts[1]}).of.at(1).ids.at(3);
  const GenerationCase broken{.change = [&](Model& model) {
    model.embedding = model.embedding.clone();  // not the output head's, which is the same tensor
    model.embedding[fourth].fill_(NAN);
  }};
  const Replies expected = waiting({prompts[1]}, broken), found = ahead({prompts[1]}, broken);
  EXPECT_EQ(expected.failure, fmt::format("the logits at position {} (row 0 of the batch, token {}) are not finite: the first non-finite value appears in the "
                                          "embedding",
                                          prompts[1].ids.size() + 3, fourth));
  EXPECT_EQ(found.failure, expected.failure);
  EXPECT_TRUE(found.of.empty());
}

TEST(GenerationAhead, DoesNotMindWhatADroppedRowHolds) {
  const GenerationCase broken{.change = [](Model& model) {
    model.embedding = model.embedding.clone();
    model.embedding[2].fill_(NAN);  // of EOS, which only a step ahead of a reply's end takes in
  }};
  const std::vector<Prompt> prompts = questions(16, {}, [](std::size_t) { return 30; });
  const Replies found = ahead(prompts, broken);
  expect_same(found, waiting(prompts), "not finite behind the end");
  EXPECT_GT(found.counters.tokens_dropped, 0);
}

}  // namespace
}  // namespace winnow
