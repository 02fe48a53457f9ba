#include "harness/demo/train.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "harness/core/files.h"
#include "harness/model/checkpoint.h"
#include "harness/model/safetensors.h"
#include "harness/text/tokenizer.h"
#include "tests/support/dataset_sources.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

const MoeShape kSmall{.vocabulary = 32, .hidden = 16, .layers = 2, .heads = 2, .kv_heads = 1, .head_dim = 8, .experts = 4, .expert_width = 8, .positions = 64};
const TrainingPlan kShort{.steps = 20, .warmup_steps = 2, .rows = 4, .length = 16};

// Counting up from a start, after a prompt of one id: easy to learn.
std::vector<TrainingSource> counting() {
  TrainingSource up{.name = "up", .share = 0.75, .documents = {}}, even{.name = "even", .share = 0.25, .documents = {}};
  for (std::int32_t start = 3; start < 20; ++start) {
    up.documents.push_back({.ids = {1, start, start + 1, start + 2, start + 3, 2}, .weights = {0, 0.1f, 1, 1, 1, 1}});
    even.documents.push_back({.ids = {1, start, start + 2, start + 4, 2}, .weights = {0, 0.1f, 1, 1, 1}});
  }
  return {up, even};
}

// A folder with files in the place of a tokenizer's: the trainer copies them.
std::filesystem::path tokenizer_folder(const test::TemporaryFolder& folder) {
  write_file(folder.path() / "tokenizer.model", "pieces");
  write_file(folder.path() / "tokenizer_config.json", "{}");
  return folder.path();
}

TEST(LearningRate, RisesInALineAndFallsAsACosine) {
  const TrainingPlan plan{.steps = 110, .warmup_steps = 10, .peak_rate = 1, .last_rate_share = 0};
  EXPECT_DOUBLE_EQ(learning_rate(plan, 0), 0.1);
  EXPECT_DOUBLE_EQ(learning_rate(plan, 9), 1);
  EXPECT_DOUBLE_EQ(learning_rate(plan, 10), 1);
  EXPECT_NEAR(learning_rate(plan, 60), 0.5, 1e-12);
  EXPECT_NEAR(learning_rate(plan, 110), 0, 1e-12);
}

TEST(TrainingRows, HoldWholeDocumentsInTheSharesAskedFor) {
  const std::vector<TrainingSource> sources = counting();
  TrainingRows rows(sources, 16, 7);
  double up = 0, even = 0, padding = 0;
  for (int r = 0; r < 4000; ++r) {
    const TrainingRow row = rows.next();
    ASSERT_EQ(row.ids.size(), 17u);
    ASSERT_EQ(row.weights.size(), 17u);
    std::size_t at = 0;
    while (at + 2 < row.ids.size() && row.ids[at] == 1) {
      const bool counts_up = row.ids[at + 2] == row.ids[at + 1] + 1;
      (counts_up ? up : even) += counts_up ? 6 : 5;
      EXPECT_EQ(row.weights[at], 0);
      EXPECT_FLOAT_EQ(row.weights[at + 1], 0.1f);
      EXPECT_EQ(row.weights[at + 2], 1);
      at += counts_up ? 6 : 5;
    }
    padding += static_cast<double>(17 - at);
    for (; at < 17; ++at) EXPECT_EQ(row.weights[at], 0);
  }
  EXPECT_NEAR(up / (up + even), 0.75, 0.01);
  EXPECT_LT(padding / (4000 * 17), 0.1);
}

TEST(TrainingRows, MoveEarlyTargetsWithTheirDocument) {
  const TrainingDocument document{.ids = {1, 5, 6, 2}, .weights = {0, 1, 1, 1}, .early = {{2, 9, 0.5f}, {2, 10, 0.5f}}};
  const std::vector<TrainingSource> sources = {{.name = "one", .share = 1, .documents = {document}}};
  const TrainingRow row = TrainingRows(sources, 15, 1).next();
  ASSERT_EQ(row.early.size(), 8u);
  for (std::size_t i = 0; i < row.early.size(); ++i) {
    EXPECT_EQ(row.ids[row.early[i].position], 6);
    EXPECT_EQ(row.early[i].id, i % 2 == 0 ? 9 : 10);
  }
}

TEST(TrainingRows, AreTheSameForASeedAndOthersForAnother) {
  const std::vector<TrainingSource> sources = counting();
  TrainingRows first(sources, 16, 7), second(sources, 16, 7), other(sources, 16, 8);
  bool differs = false;
  for (int r = 0; r < 20; ++r) {
    const TrainingRow row = first.next();
    EXPECT_EQ(row.ids, second.next().ids);
    differs = differs || row.ids != other.next().ids;
  }
  EXPECT_TRUE(differs);
}

// Two rows of four ids that count up; a weight for each row.
TrainingBatch counting_batch(float first, float second) {
  const at::Tensor weights = at::stack({at::full({4}, first), at::full({4}, second)}).flatten();
  const Predictions next{at::arange(8, at::kLong), at::arange(4, 12), weights};
  return {.ids = at::arange(3, 11).view({2, 4}), .last = next, .early = next};
}

// The words of the choice with this letter in a document's text.
std::string words_of(const std::string& text, char letter) {
  const std::size_t begin = text.find(fmt::format("\n{}. ", letter));
  if (begin == std::string::npos) throw std::runtime_error("no choice " + std::string(1, letter));
  return text.substr(begin + 4, text.find('\n', begin + 4) - begin - 4);
}

TEST(DemoSources, ALayerOnTheWayIsToSayTheWordsWhereTheirLetterIsAsked) {
  const auto datasets = test::folder_source(test::source_folder() / "datasets");
  const auto tokenizer = Tokenizer::open(test::source_folder() / "harness/demo/model", MoeShape().vocabulary);
  const std::vector<TrainingSource> sources = read_demo_sources(*datasets, *tokenizer, {}, {.problems = 0, .prose = 0}, 257);
  ASSERT_EQ(sources.size(), 3u);
  for (const TrainingSource& source : sources) {
    const std::size_t asked = source.name == "letters" ? 4 : 1;
    int without = 0;
    for (std::size_t d = 0; d < 200; ++d) {
      const TrainingDocument& document = source.documents[d * 97];
      const std::string text = tokenizer->decode(document.ids, Tokenizer::SpecialText::kSkip);
      std::set<std::size_t> places;
      for (const EarlyTarget& target : document.early) {
        const std::string letter = tokenizer->decode({document.ids[target.position]}, Tokenizer::SpecialText::kSkip);
        ASSERT_TRUE(letter == "A" || letter == "B" || letter == "C" || letter == "D") << source.name << ": " << letter;
        const std::vector<std::int32_t> words = tokenizer->encode(words_of(text, letter[0]), Tokenizer::Special::kNone);
        EXPECT_TRUE(std::ranges::find(words, target.id) != words.end()) << source.name << ": " << text;
        places.insert(target.position);
      }
      EXPECT_LE(places.size(), asked);
      without += places.empty();
    }
    EXPECT_LT(without, 10) << source.name;  // orders of the same letters have no piece of their own
  }
}

TEST(DemoSources, ProseDocumentsHoldAsManyTextsAsFit) {
  const auto datasets = test::folder_source(test::source_folder() / "datasets");
  const auto tokenizer = Tokenizer::open(test::source_folder() / "harness/demo/model", MoeShape().vocabulary);
  const auto sources = read_demo_sources(*datasets, *tokenizer, {}, {.problems = 0, .questions = 0, .told = 0, .letters = 0, .prose = 1}, 257);
  ASSERT_EQ(sources.size(), 1u);
  std::string joined, expected;
  double ids = 0;
  for (const TrainingDocument& document : sources[0].documents) {
    EXPECT_LE(document.ids.size(), 257u);
    ids += static_cast<double>(document.ids.size());
    joined += (joined.empty() ? "" : "\n\n") + tokenizer->decode(document.ids, Tokenizer::SpecialText::kSkip);
  }
  EXPECT_GT(ids / static_cast<double>(sources[0].documents.size()), 200);
  for (const OrderedJson& row : datasets->read({"demo_text", "train"}).rows) expected += (expected.empty() ? "" : "\n\n") + row.at("text").get<std::string>();
  EXPECT_EQ(joined, expected);
}

TEST(TrainableMoe, TakesTheBalanceOfEachRowForItself) {
  const TrainableMoe model(kSmall, 1);
  const auto balance = [&](const at::Tensor& ids) {
    const Predictions next{at::arange(4, at::kLong), at::arange(4, 8), at::ones({4})};
    return model.loss({.ids = ids, .last = next, .early = next}, 0.5).balance.item<double>();
  };
  const at::Tensor one = at::full({1, 4}, 3, at::kLong), two = at::arange(8, 12).view({1, 4});
  EXPECT_NEAR(balance(at::cat({one, two})), (balance(one) + balance(two)) / 2, 1e-6);
  EXPECT_GT(balance(one), balance(two));  // the same token over and over visits the same two experts
}

TEST(TrainableMoe, HasOneHotUniformLossAndEvenBalanceAtFirst) {
  const TrainableMoe model(kSmall, 1);
  const TrainingLoss loss = model.loss(counting_batch(1, 1), 0.5);
  EXPECT_NEAR(loss.cross_entropy.item<double>(), std::log(32.0), 0.05);  // small weights: all ids about equally likely
  EXPECT_GE(loss.balance.item<double>(), 0.5);
  EXPECT_NEAR(loss.total.item<double>(), loss.cross_entropy.item<double>() + 0.5 * loss.balance.item<double>(), 1e-5);
}

TEST(TrainableMoe, LearnsNothingFromPositionsOfWeightZero) {
  const TrainableMoe model(kSmall, 1);
  const TrainingBatch batch = counting_batch(1, 0);
  TrainingBatch other = batch;
  other.last.ids = batch.last.ids.clone();
  other.last.ids.narrow(0, 4, 4).fill_(5);
  EXPECT_EQ(model.loss(batch, 0).total.item<double>(), model.loss(other, 0).total.item<double>());
}

TEST(TrainableMoe, ReadsALayerOnTheWayByTheSameHead) {
  const TrainableMoe model(kSmall, 1);
  TrainingBatch batch = counting_batch(1, 1);
  const TrainingLoss at_end = model.loss(batch, 0.5, {.layers = 2, .weight = 0.25}), on_the_way = model.loss(batch, 0.5, {.layers = 1, .weight = 0.25});
  EXPECT_EQ(at_end.early.item<double>(), at_end.cross_entropy.item<double>());
  EXPECT_NE(on_the_way.early.item<double>(), at_end.early.item<double>());
  const double parts = on_the_way.cross_entropy.item<double>() + 0.25 * on_the_way.early.item<double>() + 0.5 * on_the_way.balance.item<double>();
  EXPECT_NEAR(on_the_way.total.item<double>(), parts, 1e-5);
  batch.early.ids = at::full({8}, 20, at::kLong);  // other targets than the last layer's
  EXPECT_NE(model.loss(batch, 0.5, {.layers = 1, .weight = 0.25}).early.item<double>(), on_the_way.early.item<double>());
}

TEST(Trainer, LowersTheLossAndWritesAModelThatCanBeOpened) {
  const test::TemporaryFolder folder, tokenizer;
  std::vector<double> losses;
  TrainingPlan plan = kShort;
  plan.steps = 60;
  Trainer trainer(kSmall, plan, folder.path(), tokenizer_folder(tokenizer));
  EXPECT_TRUE(trainer.run(counting(), {.on_step = [&](const TrainingProgress& now) { losses.push_back(now.cross_entropy); }, .should_stop = {}}));
  ASSERT_EQ(losses.size(), 60u);
  EXPECT_LT(losses.back(), 0.8 * losses.front());
  const auto checkpoint = Checkpoint::open(folder.path() / "model");
  EXPECT_EQ(checkpoint->config().layers.size(), 2u);
  EXPECT_EQ(checkpoint->config().layers[0].experts, 4);
}

TEST(Trainer, GivesTheSameWeightsWhetherItWasStoppedOrNot) {
  const test::TemporaryFolder whole, parts, tokenizer;
  const std::filesystem::path pieces = tokenizer_folder(tokenizer);
  EXPECT_TRUE(Trainer(kSmall, kShort, whole.path(), pieces).run(counting(), {}));
  Trainer stopped(kSmall, kShort, parts.path(), pieces);
  EXPECT_FALSE(stopped.run(counting(), {.on_step = {}, .should_stop = [&] { return stopped.step() == 7; }}));
  Trainer resumed(kSmall, kShort, parts.path(), pieces);
  EXPECT_EQ(resumed.step(), 7);
  EXPECT_TRUE(resumed.run(counting(), {}));
  const auto expected = read_tensors(whole.path() / "model/model.safetensors"), found = read_tensors(parts.path() / "model/model.safetensors");
  ASSERT_EQ(expected.size(), found.size());
  for (const auto& [name, tensor] : expected) EXPECT_TRUE(at::equal(tensor, found.at(name))) << name;
  const std::string curve = read_file(parts.path() / "loss.csv");
  EXPECT_EQ(std::count(curve.begin(), curve.end(), '\n'), 21);
}

TEST(Trainer, RefusesAStateOfAnotherPlan) {
  const test::TemporaryFolder folder, tokenizer;
  TrainingPlan plan = kShort;
  plan.steps = 2;
  EXPECT_TRUE(Trainer(kSmall, plan, folder.path(), tokenizer_folder(tokenizer)).run(counting(), {}));
  plan.peak_rate *= 2;
  EXPECT_ERROR_HAS(Trainer(kSmall, plan, folder.path(), tokenizer.path()), kInput, "give the same settings, or another folder");
}

TEST(Trainer, StartsFromAModelItWroteWithAFreshOptimizer) {
  const test::TemporaryFolder first, second, tokenizer;
  const std::filesystem::path pieces = tokenizer_folder(tokenizer);
  double last = 0, next = 0;
  TrainingPlan plan = kShort;
  plan.steps = 80;
  Trainer(kSmall, plan, first.path(), pieces).run(counting(), {.on_step = [&](const TrainingProgress& now) { last = now.cross_entropy; }, .should_stop = {}});
  plan.peak_rate = 1e-6;
  plan.steps = 1;
  Trainer(kSmall, plan, second.path(), pieces, first.path() / "model")
      .run(counting(), {.on_step = [&](const TrainingProgress& now) { next = now.cross_entropy; }, .should_stop = {}});
  EXPECT_LT(next, std::log(32.0) * 0.85);
  EXPECT_NEAR(next, last, 0.5);
}

TEST(Trainer, AveragesTheWeightsOfModels) {
  const test::TemporaryFolder folder, tokenizer;
  const std::filesystem::path pieces = tokenizer_folder(tokenizer);
  std::vector<std::map<std::string, at::Tensor>> weights;
  for (const char* name : {"one", "two"}) {
    TrainableMoe model(kSmall, name[0]);
    save_demo_model(model, pieces, folder / name);
    weights.push_back(read_tensors(folder / name / "model.safetensors"));
  }
  average_demo_models(kSmall, {folder / "one", folder / "two"}, folder / "mean");
  const auto mean = read_tensors(folder / "mean/model.safetensors");
  ASSERT_EQ(mean.size(), weights[0].size());
  for (const auto& [name, tensor] : mean)
    EXPECT_TRUE(at::equal(tensor, ((weights[0].at(name).to(at::kFloat) + weights[1].at(name).to(at::kFloat)) / 2).to(at::kBFloat16))) << name;
  EXPECT_EQ(Checkpoint::open(folder / "mean")->config().layers[0].experts, 4);
  MoeShape wider = kSmall;
  wider.hidden *= 2;
  EXPECT_ERROR_HAS(average_demo_models(wider, {folder / "one"}, folder / "wide"), kInput, "of another shape than this trainer's");
  EXPECT_FALSE(std::filesystem::exists(folder / "wide"));
}

}  // namespace
}  // namespace winnow
