#include <filesystem>

#include "harness/core/json.h"
#include "harness/model/safetensors.h"
#include "harness/pruning/calibration.h"
#include "harness/pruning/plan_files.h"
#include "harness/text/tokenizer.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"
#include "tests/support/program.h"

namespace winnow {
namespace {

using test::ProgramResult;
using testing::HasSubstr;

// The commands about plans, on the small trained Mixtral and its calibration tokens.
class Pruning : public testing::Test {
 protected:
  Pruning() {
    const Json tokens = read_json_file(test::fixture("pruning/tokens.json"));
    ids_ = folder_.write("ids.json", tokens.at("calibration").dump());
    prompts_ = folder_.write("prompts.json", tokens.at("prompts").dump());
  }

  ProgramResult winnow(const std::vector<std::string>& arguments) const { return test::run_winnow(arguments, {.environment = {{"OMP_NUM_THREADS", "1"}}}); }
  std::string plan(const Json& variant, const std::string& name) const {
    const auto file = folder_.write(name + ".variant.json", variant.dump());
    const std::string out = (folder_ / (name + ".json")).string();
    const ProgramResult result = winnow({"plan", model_, "--with", file.string(), "--calibration-tokens", ids_.string(), "--out", out});
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return out;
  }
  std::map<std::string, at::Tensor> trace(const std::string& model, const std::vector<std::string>& more) const {
    const std::string out = (folder_ / "trace.safetensors").string();
    std::vector<std::string> arguments = {"trace", model, "--tokens", prompts_.string(), "--out", out};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProgramResult result = winnow(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return read_tensors(out);
  }

  const std::string model_ = test::fixture("pruning/mixtral8").string();
  test::TemporaryFolder folder_;
  std::filesystem::path ids_, prompts_;
};

TEST_F(Pruning, APlanTracedAndItsExportTracedGiveTheSameLogits) {
  const std::vector<std::pair<std::string, Json>> variants = {
      {"reap", {{"label", "reap"}, {"steps", {{{"pruner", "reap"}, {"experts_kept", 6}}}}}},
      {"wanda", {{"steps", {{{"pruner", "wanda"}, {"sparsity", 0.5}}}}}},
      {"stun", {{"steps", {{{"pruner", "stun"}, {"distance", "router"}, {"experts_total", 24}}}}}},
      {"merge", {{"steps", {{{"pruner", "hc_smoe"}, {"groups", 4}}}}}},
  };
  for (const auto& [name, variant] : variants) {
    const std::string file = plan(variant, name);
    const std::string out = (folder_ / ("export-" + name)).string();
    const ProgramResult pruned = winnow({"prune", model_, "--plan", file, "--out", out});
    ASSERT_EQ(pruned.exit_code, 0) << pruned.errors;
    EXPECT_TRUE(trace(model_, {"--plan", file}).at("prompt.0.logits").equal(trace(out, {}).at("prompt.0.logits"))) << name;
  }
}

TEST_F(Pruning, ThePlansDecisionsAreTheRecordedOnes) {
  const PrunePlan lu = read_plan(plan({{"steps", {{{"pruner", "reconstruction"}, {"experts_kept", 4}}}}}, "lu"));
  const Json expected = read_json_file(test::fixture("pruning/mixtral8/lu.json")).at("r4_layerwise");
  for (const LayerPlan& layer : lu.layers) EXPECT_EQ(Json(layer.kept), expected.at(fmt::format("layer{}", layer.layer)).at("kept"));
}

TEST_F(Pruning, ASkippedExpertHasWeightZeroAndKeepsItsId) {
  const auto traced = trace(model_, {"--plan", plan({{"steps", {{{"pruner", "skipping"}}}}}, "skip")});
  const at::Tensor weights = traced.at("prompt.0.router.0.weights"), experts = traced.at("prompt.0.router.0.experts");
  EXPECT_GT((weights == 0).sum().item<std::int64_t>(), 0);
  EXPECT_TRUE((experts.select(1, 0) != experts.select(1, 1)).all().item<bool>());
}

TEST_F(Pruning, CalibrateWritesWhatWasAskedFor) {
  const std::string out = (folder_ / "stats.safetensors").string();
  const ProgramResult result =
      winnow({"calibrate", model_, "--calibration", ids_.string(), "--observe", "counts,gates,coactivation,output_norms,input_norms,grams", "--out", out});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  const auto stats = read_tensors(out);
  const Json expected = read_json_file(test::fixture("pruning/mixtral8/stats.json")).at("layers").at("0");
  for (int expert = 0; expert < 8; ++expert) {
    EXPECT_EQ(stats.at("layer.0.count")[expert].item<std::int64_t>(), expected.at("count")[expert].get<std::int64_t>());
    for (int other = 0; other < 8; ++other) {
      EXPECT_EQ(stats.at("layer.0.coactivation")[expert][other].item<std::int64_t>(), expected.at("coactivation")[expert][other].get<std::int64_t>());
    }
  }
  const std::string query = "layer.0.input.model.layers.0.self_attn.q_proj.weight";
  EXPECT_TRUE(at::allclose(stats.at(query + ".gram").diagonal(), stats.at(query + ".square_sum"), 1e-6));
  EXPECT_EQ(winnow({"calibrate", model_, "--calibration", ids_.string(), "--observe", "count", "--out", out}).exit_code, 2);
}

TEST_F(Pruning, CalibratesOnWindowsOfAllTextsJoinedBySpaces) {
  const std::vector<std::string> texts = {"The first row of the text, with its line break.\n", "",
                                          "A second one, which is the last of them, and a little longer.\n"};
  std::string rows;
  for (const std::string& text : texts) rows += Json{{"text", text}}.dump() + "\n";
  folder_.write("texts.jsonl", rows);
  const Json spec = {{"file", "texts.jsonl"}, {"fields", {"text"}}, {"sequences", 5}, {"length", 12}, {"seed", 3}, {"loader", "stream_window"}};
  const auto stream = Tokenizer::open(model_, 1000)->encode(texts[0] + " " + texts[1] + " " + texts[2], Tokenizer::Special::kAdd);
  const auto stats = [&](const std::string& calibration) {
    const std::string out = (folder_ / "stats.safetensors").string();
    const ProgramResult result =
        winnow({"calibrate", model_, "--calibration", folder_.write("calibration.json", calibration).string(), "--observe", "counts", "--out", out});
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return read_tensors(out).at("layer.3.router_probability");
  };
  EXPECT_TRUE(stats(spec.dump()).equal(stats(Json(stream_windows(stream, 5, 12, 3).sequences).dump())));
}

TEST_F(Pruning, ASweepWithCalibrationKeepsItsPlansAndReadsNoTokenAgain) {
  const Json calibration = {{"tokens", ids_.string()}};
  const auto variant = [&](const std::string& label, double ratio) {
    return Json{{"label", label}, {"calibration", calibration}, {"steps", {{{"pruner", "frequency"}, {"ratio", ratio}}}}};
  };
  Json sweep = {{"name", "s"},
                {"models", {{{"name", "m"}, {"path", model_}, {"dtype", "f32"}}}},
                {"variants", {variant("a", 0.25), Json{{"label", "r"}, {"seeds", {1, 2}}, {"steps", {{{"pruner", "random"}, {"experts_kept", 6}}}}}}},
                {"tasks", {{{"task", "perplexity"}, {"window", 64}, {"bos", "none"}, {"limit", 2}}}}};
  const auto run = [&] {
    const auto file = folder_.write("s.json", sweep.dump());
    return winnow({"run", file.string(), "--data", test::fixture("sample_data").string(), "--unverified-data"});
  };
  const ProgramResult first = run();
  ASSERT_EQ(first.exit_code, 0) << first.errors;
  EXPECT_THAT(first.output, HasSubstr("r seed=1"));
  EXPECT_THAT(first.output, HasSubstr("r seed=2"));
  std::size_t statistics = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "s.cache")) statistics += entry.path().filename().string().starts_with("stats-");
  EXPECT_EQ(statistics, 1u);
  sweep["variants"].push_back(variant("b", 0.5));
  EXPECT_THAT(run().errors, HasSubstr("1 of 4 cells ran, 3 were done before"));
  std::size_t again = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "s.cache")) again += entry.path().filename().string().starts_with("stats-");
  EXPECT_EQ(again, statistics);
}

TEST_F(Pruning, FaultsEndInOneSentenceAndWriteNothing) {
  const auto refused = [&](const Json& variant, const std::string& part) {
    const auto file = folder_.write("bad.json", variant.dump());
    const ProgramResult result =
        winnow({"plan", model_, "--with", file.string(), "--calibration-tokens", ids_.string(), "--out", (folder_ / "bad-plan.json").string()});
    EXPECT_EQ(result.exit_code, 3);
    EXPECT_THAT(result.errors, HasSubstr(part));
    EXPECT_FALSE(std::filesystem::exists(folder_ / "bad-plan.json"));
  };
  refused({{"steps", {{{"pruner", "reep"}}}}}, "did you mean 'reap'?");
  refused({{"steps", {{{"pruner", "reap"}, {"ratio", 0.9}}}}}, "would keep 1 of 8 experts");
  refused({{"steps", {{{"pruner", "reap"}, {"ratio", 0.5}, {"experts_kept", 4}}}}}, "expected exactly one");
  refused({{"steps", {{{"pruner", "wanda"}}}}}, "neither sparsity nor pattern");
  refused({{"steps", {{{"pruner", "wanda"}, {"pattern", "4:2"}}}}}, "expected N:M");
  refused({{"calibration", {{"dataset", "c5"}}}, {"steps", Json::array()}}, "c5");
  const ProgramResult onto = winnow({"prune", model_, "--plan", plan({{"steps", {{{"pruner", "random"}, {"experts_kept", 6}}}}}, "ok"), "--out", model_});
  EXPECT_EQ(onto.exit_code, 3);
}

}  // namespace
}  // namespace winnow
