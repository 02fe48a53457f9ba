#include "harness/pruning/export.h"

#include <ATen/ATen.h>

#include <numeric>

#include "harness/core/digest.h"
#include "harness/core/files.h"
#include "harness/engine/forward.h"
#include "harness/model/safetensors.h"
#include "harness/model/weight_files.h"
#include "harness/pruning/apply.h"
#include "harness/pruning/export_remarks.h"
#include "harness/pruning/mask.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

namespace fs = std::filesystem;
using test::fixture;
using test::read_text;
using test::TemporaryFolder;

constexpr const char* kMixtral = "pruning/mixtral8";
constexpr const char* kSharded = "models/mixtral_bf16_sharded";

at::Tensor run(const ModelConfig& config, const std::vector<TensorSpec>& tensors, WeightSource& source, at::ScalarType dtype) {
  const Model model = load_model(config, tensors, source, {.dtype = dtype});
  PackedBatch batch{.tokens = {1, 17, 99, 5, 64, 23, 42, 8}, .segments = {{.first_row = 0, .rows = 8}}};
  std::vector<std::int64_t> rows(8);
  std::iota(rows.begin(), rows.end(), 0);
  return logits(model, forward(model, batch, rows));
}
at::Tensor run(Checkpoint& checkpoint, at::ScalarType dtype = at::kFloat) { return run(checkpoint.config(), checkpoint.tensors(), checkpoint, dtype); }
at::Tensor run(Checkpoint& checkpoint, const PrunePlan& plan, at::ScalarType dtype = at::kFloat) {
  const PrunedCheckpoint pruned = apply_plan(plan, checkpoint.config(), checkpoint.tensors(), checkpoint);
  return run(pruned.config, pruned.tensors, *pruned.weights, dtype);
}
double distance(const at::Tensor& a, const at::Tensor& b) { return (a.to(at::kFloat) - b.to(at::kFloat)).abs().max().item<double>(); }

// The same layer plan in every layer.
PrunePlan everywhere(const Checkpoint& source, const LayerPlan& layer) {
  PrunePlan plan{.model = source.header_sha256(), .steps = {{{"pruner", "random"}, {"version", 1}}}};
  for (int i = 0; i < std::ssize(source.config().layers); ++i) {
    plan.layers.push_back(layer);
    plan.layers.back().layer = i;
  }
  return plan;
}

std::map<std::string, std::string> tensor_digests(const fs::path& folder) {
  std::map<std::string, std::string> digests;
  for (const fs::directory_entry& file : fs::directory_iterator(folder)) {
    const std::string name = file.path().filename().string();
    if (!name.starts_with("model") || !name.ends_with(".safetensors")) continue;
    const MappedFile mapped(file.path());
    for (const SafetensorsEntry& entry : read_safetensors_header(mapped).entries) {
      digests[entry.name] = entry.dtype + " " + sha256_hex(mapped.bytes().substr(entry.begin, entry.end - entry.begin));
    }
  }
  return digests;
}

// "….experts.4.w1.weight" of the pruned model was "….experts.<kept[4]>.w1.weight".
std::string name_before(const std::string& name, const std::vector<int>& kept) {
  const std::size_t start = name.find(".experts.");
  if (start == std::string::npos) return name;
  const std::size_t number = start + 9, end = name.find('.', number);
  return name.substr(0, number) + std::to_string(kept[std::stoul(name.substr(number, end - number))]) + name.substr(end);
}

void expect_kept_bytes(const fs::path& before, const fs::path& after, const std::vector<int>& kept, std::size_t tensors) {
  const auto old = tensor_digests(before), exported = tensor_digests(after);
  EXPECT_EQ(exported.size(), tensors);
  for (const auto& [name, digest] : exported) {
    if (name.ends_with(".gate.weight")) continue;
    EXPECT_EQ(digest, old.at(name_before(name, kept))) << name;
  }
}

TEST(Export, OfAnExpertPlanKeepsEveryTensorsBytes) {
  const TemporaryFolder folder;
  const auto source = Checkpoint::open(fixture(kMixtral));
  const std::vector<int> kept = {0, 2, 3, 4, 6, 7};
  const PrunePlan plan = everywhere(*source, {.kept = kept});
  const ExportSummary summary = export_checkpoint(*source, plan, folder / "out");
  EXPECT_THAT(summary.weight_files, testing::ElementsAre("model.safetensors"));
  EXPECT_THAT(summary.expert_counts, testing::ElementsAre(6, 6, 6, 6));
  EXPECT_THAT(summary.remarks, testing::ElementsAre("every MoE layer has 6 experts: Winnow, transformers and engines that read its layout load the folder"));
  expect_kept_bytes(source->folder(), folder / "out", kept, source->tensors().size() - 4 * 2 * 3);
  const auto exported = Checkpoint::open(folder / "out");
  const TensorSpec* router = nullptr;
  for (const TensorSpec& tensor : exported->tensors()) router = tensor.role == Role::kRouter && tensor.layer == 1 ? &tensor : router;
  const auto old = read_tensors(source->folder() / "model.safetensors");
  EXPECT_TRUE(exported->read(*router).equal(old.at(router->name).index_select(0, at::tensor({0, 2, 3, 4, 6, 7}, at::kLong))));
  EXPECT_TRUE(run(*exported).equal(run(*source, plan)));
}

TEST(Export, CopiesEveryOtherFileAndChangesTheCountAlone) {
  const TemporaryFolder folder;
  const auto source = Checkpoint::open(fixture(kMixtral));
  const ExportSummary summary = export_checkpoint(*source, everywhere(*source, {.kept = {0, 1, 2, 3, 5}}), folder / "out");
  EXPECT_THAT(summary.copied, testing::IsSupersetOf({"tokenizer.model", "tokenizer_config.json", "tensors.safetensors"}));
  for (const std::string& name : summary.copied) EXPECT_EQ(sha256_file(folder / "out" / name), sha256_file(source->folder() / name)) << name;
  Json config = read_json_file(source->folder() / "config.json");
  config["num_local_experts"] = 5;
  EXPECT_EQ(read_json_file(folder / "out" / "config.json"), config);
  EXPECT_EQ(read_json_file(folder / "out" / "winnow_plan.json").at("layers").at(3).at("kept"), Json({0, 1, 2, 3, 5}));
}

TEST(Export, TheModelCardSaysThatItsScoresAreTheWholeModels) {
  const TemporaryFolder folder;
  fs::copy(fixture(kMixtral), folder / "model");
  folder.write("model/README.md", "---\nlicense: mit\n---\n# Card\n\nscore 0.9\n");
  const auto source = Checkpoint::open(folder / "model");
  const PrunePlan plan = everywhere(*source, {.kept = {0, 1}});
  const ExportSummary summary = export_checkpoint(*source, plan, folder / "out");
  EXPECT_THAT(summary.copied, testing::Not(testing::Contains("README.md")));
  const std::string notice =
      "> Pruned by Winnow (random); `winnow_plan.json` says what is gone. The card below is the whole model's, and so is every score in it.\n\n";
  EXPECT_EQ(read_text(folder / "out" / "README.md"), "---\nlicense: mit\n---\n\n" + notice + "# Card\n\nscore 0.9\n");
  EXPECT_EQ(pruned_card("# Card\n", plan), notice + "# Card\n");
}

TEST(Export, WritesShardsOfAtMostTheSizeGiven) {
  const TemporaryFolder folder;
  const auto source = Checkpoint::open(fixture(kSharded));
  const std::vector<int> kept = {1, 2, 5, 7};
  const PrunePlan plan = everywhere(*source, {.kept = kept});
  std::vector<double> shares;
  const ExportSummary summary =
      export_checkpoint(*source, plan, folder / "out", {.shard_bytes = 20'000, .on_progress = [&](double share) { shares.push_back(share); }});
  ASSERT_GT(summary.weight_files.size(), 2U);
  EXPECT_EQ(summary.weight_files.front(), fmt::format("model-00001-of-{:05}.safetensors", summary.weight_files.size()));
  std::uint64_t total = 0;
  for (const std::string& name : summary.weight_files) {
    const SafetensorsHeader header = read_safetensors_header(MappedFile(folder / "out" / name));
    std::uint64_t bytes = 0;
    for (const SafetensorsEntry& entry : header.entries) bytes += entry.end - entry.begin;
    EXPECT_LE(bytes, 20'000U) << name;
    total += bytes;
  }
  EXPECT_EQ(read_json_file(folder / "out" / "model.safetensors.index.json").at("metadata").at("total_size"), total);
  EXPECT_EQ(total, summary.weight_bytes);
  EXPECT_EQ(shares.back(), 1.0);
  EXPECT_TRUE(std::ranges::is_sorted(shares));
  expect_kept_bytes(source->folder(), folder / "out", kept, source->tensors().size() - 2 * 4 * 3);
  const auto exported = Checkpoint::open(folder / "out");
  EXPECT_EQ(exported->config().dtype, "bf16");
  EXPECT_TRUE(run(*exported).equal(run(*source, plan)));
  EXPECT_TRUE(run(*exported, at::kBFloat16).equal(run(*source, plan, at::kBFloat16)));
}

TEST(Export, WritesTheReleasedLayoutOfFusedExperts) {
  const TemporaryFolder folder;
  const auto source = Checkpoint::open(fixture("models/mixtral_fused_v5"));
  const PrunePlan plan = everywhere(*source, {.kept = {0, 3}});
  export_checkpoint(*source, plan, folder / "out");
  const auto exported = Checkpoint::open(folder / "out");
  EXPECT_TRUE(tensor_digests(folder / "out").contains("model.layers.0.block_sparse_moe.experts.1.w2.weight"));
  EXPECT_TRUE(run(*exported).equal(run(*source, plan)));
}

TEST(Export, OfSharedExpertsEqualsThePlan) {
  const TemporaryFolder folder;
  const auto source = Checkpoint::open(fixture("pruning/qwen8"));
  const PrunePlan plan = everywhere(*source, {.kept = {1, 4, 5, 6}});
  export_checkpoint(*source, plan, folder / "out");
  EXPECT_TRUE(run(*Checkpoint::open(folder / "out")).equal(run(*source, plan)));
}

TEST(Export, WritesUnequalCountsPerLayer) {
  const TemporaryFolder folder;
  const auto source = Checkpoint::open(fixture(kMixtral));
  PrunePlan plan = everywhere(*source, {.kept = {0, 1, 2, 3, 4}});
  plan.layers[2].kept = {6, 7};
  const ExportSummary summary = export_checkpoint(*source, plan, folder / "out");
  const Json config = read_json_file(folder / "out" / "config.json");
  EXPECT_EQ(config.at("num_local_experts"), 5);
  EXPECT_EQ(config.at("per_layer_config"), Json::parse(R"({"2": {"num_local_experts": 2}})"));
  EXPECT_THAT(summary.remarks.front(),
              testing::HasSubstr("2 to 5 experts, which config.json says in 'per_layer_config': Winnow loads the folder; transformers does not"));
  EXPECT_TRUE(run(*Checkpoint::open(folder / "out")).equal(run(*source, plan)));
}

PrunePlan masked_plan(Checkpoint& source) {
  PrunePlan plan = everywhere(source, {.kept = {0, 1, 3, 5, 6, 7}});
  const std::string masked = "model.layers.1.block_sparse_moe.experts.2.w1.weight", updated = "model.layers.0.self_attn.o_proj.weight";
  const PrunedCheckpoint pruned = apply_plan(plan, source.config(), source.tensors(), source);
  for (const TensorSpec& tensor : pruned.tensors) {
    const at::Tensor kept = at::arange(tensor.shape.front() * (tensor.shape.size() > 1 ? tensor.shape[1] : 1)).remainder(3).ne(0).view(tensor.shape);
    if (tensor.name == updated) plan.weights.emplace(updated, pruned.weights->read(tensor).to(at::kFloat) * 1.01);
    if (tensor.name != masked && tensor.name != updated) continue;
    plan.mask_bits.emplace(tensor.name, pack_mask(kept));
    plan.masks.push_back(describe_mask(tensor.name, tensor.shape, plan.mask_bits.at(tensor.name)));
  }
  return plan;
}

TEST(Export, WritesMasksAndUpdatedWeights) {
  const TemporaryFolder folder;
  const auto source = Checkpoint::open(fixture(kMixtral));
  const PrunePlan plan = masked_plan(*source);
  ASSERT_EQ(plan.masks.size(), 2U);
  const ExportSummary summary = export_checkpoint(*source, plan, folder / "out");
  EXPECT_THAT(summary.remarks, testing::Contains("masked weights are zeros in dense tensors: neither smaller nor faster"));
  const auto written = read_tensors(folder / "out" / "model.safetensors");
  for (const MaskRecord& mask : plan.masks) {
    EXPECT_TRUE(written.at(mask.name).ne(0).equal(unpack_mask(plan.mask_bits.at(mask.name), mask.shape))) << mask.name;
  }
  EXPECT_TRUE(run(*Checkpoint::open(folder / "out")).equal(run(*source, plan)));
}

TEST(Export, RoundsUpdatedWeightsToTheirStoredDtype) {
  const TemporaryFolder folder;
  const auto source = Checkpoint::open(fixture(kSharded));
  const PrunePlan plan = masked_plan(*source);
  const ExportSummary summary = export_checkpoint(*source, plan, folder / "out");
  EXPECT_THAT(summary.remarks, testing::Contains("merged and updated weights are rounded to bf16, the dtype of the model"));
  for (const auto& [name, tensor] : read_tensors(folder / "out" / "model.safetensors")) EXPECT_EQ(tensor.scalar_type(), at::kBFloat16) << name;
  EXPECT_TRUE(run(*Checkpoint::open(folder / "out"), at::kBFloat16).equal(run(*source, plan, at::kBFloat16)));
}

TEST(Export, WritesMergedExpertsInTheirNewPlaces) {
  const TemporaryFolder folder;
  const auto source = Checkpoint::open(fixture(kMixtral));
  const PrunePlan plan = everywhere(*source, {.clusters = {{0, 2, 5}, {1, 3}, {4}, {6, 7}},
                                              .merged = true,
                                              .merges = {{0, {0, 2, 5}, {0.5, 0.25, 0.25}}, {1, {1, 3}, {0.5, 0.5}}, {2, {4}, {1}}, {3, {6, 7}, {0.5, 0.5}}}});
  export_checkpoint(*source, plan, folder / "out");
  EXPECT_EQ(read_json_file(folder / "out" / "config.json").at("num_local_experts"), 4);
  const auto old = tensor_digests(source->folder()), exported = tensor_digests(folder / "out");
  EXPECT_EQ(exported.at("model.layers.0.block_sparse_moe.experts.2.w1.weight"), old.at("model.layers.0.block_sparse_moe.experts.4.w1.weight"));
  EXPECT_TRUE(run(*Checkpoint::open(folder / "out")).equal(run(*source, plan)));
}

TEST(Export, WritesExpertsMergedInPlaceAtEachOfTheirPlaces) {
  const TemporaryFolder folder;
  const auto source = Checkpoint::open(fixture(kMixtral));
  using Router = ExpertMerge::Router;
  const PrunePlan plan = everywhere(*source, {.merges = {{1, {1, 4, 6}, {0.5, 0.25, 0.25}, Router::kKeep}, {3, {3, 7}, {0.5, 0.5}, Router::kKeep}}});
  const ExportSummary summary = export_checkpoint(*source, plan, folder / "out");
  EXPECT_THAT(summary.expert_counts, testing::Each(8));
  EXPECT_THAT(summary.remarks, testing::Contains(testing::HasSubstr("written out at each of their places")));
  EXPECT_EQ(read_text(folder / "out" / "config.json"), read_text(source->folder() / "config.json"));
  const auto exported = tensor_digests(folder / "out");
  EXPECT_EQ(exported.at("model.layers.3.block_sparse_moe.experts.6.w3.weight"), exported.at("model.layers.3.block_sparse_moe.experts.1.w3.weight"));
  // One GEMM of a shared expert against one for each place: sums in another order.
  EXPECT_LT(distance(run(*Checkpoint::open(folder / "out")), run(*source, plan)), 1e-5);
}

TEST(Export, KeepsSkipThresholdsForWinnowAndSaysThatTransformersDoesNotSkip) {
  const TemporaryFolder folder;
  const auto source = Checkpoint::open(fixture(kMixtral));
  PrunePlan plan = everywhere(*source, {.kept = {0, 1, 2, 3, 4, 5}, .beta = 0.6});
  const ExportSummary summary = export_checkpoint(*source, plan, folder / "out");
  EXPECT_THAT(summary.remarks, testing::Contains(testing::HasSubstr("Winnow skips; transformers does not")));
  const auto exported = Checkpoint::open(folder / "out");
  EXPECT_EQ(exported->config().layers[3].skip_beta, 0.6);
  EXPECT_TRUE(run(*exported).equal(run(*source, plan)));
  // An export of the export keeps them, and the digest names them.
  export_checkpoint(*exported, {.model = exported->header_sha256()}, folder / "again");
  EXPECT_EQ(Checkpoint::open(folder / "again")->config().layers[3].skip_beta, 0.6);
  const std::string digest = exported->header_sha256();
  Json changed = read_json_file(folder / "out" / kExportedPlan);
  changed["layers"][0]["beta"] = 0.7;
  write_file(folder / "out" / kExportedPlan, changed.dump());
  EXPECT_NE(Checkpoint::open(folder / "out")->header_sha256(), digest);
  changed["layers"][0]["beta"] = "much";
  write_file(folder / "out" / kExportedPlan, changed.dump());
  EXPECT_ERROR_HAS(Checkpoint::open(folder / "out"), kInput, "winnow_plan.json: 'layers.beta' is \"much\"");
}

TEST(Export, OfFewerExpertsThanTopKLowersTopKWhereAllLayersAreAlike) {
  const TemporaryFolder folder;
  const auto source = Checkpoint::open(fixture(kMixtral));
  PrunePlan plan = everywhere(*source, {.clusters = {{0, 1, 2, 3, 4, 5, 6, 7}}, .representatives = {2}});
  export_checkpoint(*source, plan, folder / "out");
  EXPECT_EQ(read_json_file(folder / "out" / "config.json").at("num_experts_per_tok"), 1);
  EXPECT_TRUE(run(*Checkpoint::open(folder / "out")).equal(run(*source, plan)));
  plan.layers.pop_back();
  EXPECT_ERROR_HAS(export_checkpoint(*source, plan, folder / "other"), kUnsupported, "layer 0 keeps 1 experts and others more, but 'num_experts_per_tok' is 2");
}

TEST(Export, LeavesOutOldWeightsAndHiddenFolders) {
  const TemporaryFolder folder;
  fs::copy(fixture(kSharded), folder / "model");
  folder.write("model/pytorch_model.bin", "old");
  folder.write("model/original/consolidated.00.pth", "old");
  folder.write("model/original/params.json", "{}");
  folder.write("model/.git/HEAD", "ref");
  folder.write("model/.gitattributes", "*");
  const auto source = Checkpoint::open(folder / "model");
  const ExportSummary summary = export_checkpoint(*source, everywhere(*source, {.kept = {0, 1}}), folder / "out");
  EXPECT_THAT(summary.left_out, testing::ElementsAre(".git", "original/consolidated.00.pth", "pytorch_model.bin"));
  EXPECT_EQ(read_text(folder / "out" / "original" / "params.json"), "{}");
  EXPECT_TRUE(fs::exists(folder / "out" / ".gitattributes"));
  EXPECT_FALSE(fs::exists(folder / "out" / "model-00001-of-00003.safetensors"));
  EXPECT_FALSE(fs::exists(folder / "out" / "model.safetensors.index.json"));
}

TEST(Export, RefusesTheSourceAndWhatIsTaken) {
  const TemporaryFolder folder;
  fs::copy(fixture(kSharded), folder / "model");
  const auto source = Checkpoint::open(folder / "model");
  const PrunePlan plan = everywhere(*source, {.kept = {0, 1}});
  fs::create_directory_symlink(folder / "model", folder / "link");
  for (const char* name : {"model", "model/", "model/inside", "link", "link/inside", "model/../model"}) {
    EXPECT_ERROR_HAS(export_checkpoint(*source, plan, folder / name), kInput, "is the model itself or lies in its folder") << name;
  }
  folder.write("full/file", "x");
  EXPECT_ERROR_HAS(export_checkpoint(*source, plan, folder / "full"), kInput, "is not empty");
  EXPECT_ERROR_HAS(export_checkpoint(*source, plan, folder / "full/file"), kInput, "is a file");
  EXPECT_ERROR_HAS(export_checkpoint(*source, plan, folder / "not/there"), kInput, "make it first");
  PrunePlan other = plan;
  other.model = "abc";
  EXPECT_ERROR_HAS(export_checkpoint(*source, other, folder / "out"), kInput, "plan this model anew");
  EXPECT_EQ(source->bytes_read(), 0U);
  fs::create_directory(folder / "empty");
  export_checkpoint(*source, plan, folder / "empty/");
  EXPECT_TRUE(fs::exists(folder / "empty" / "model.safetensors"));
}

TEST(Export, LeavesNothingBehindWhereItFails) {
  const TemporaryFolder folder;
  const auto source = Checkpoint::open(fixture(kSharded));
  int calls = 0;
  const auto stop = [&](double) {
    if (++calls == 20) throw std::runtime_error("full");
  };
  EXPECT_THROW(export_checkpoint(*source, everywhere(*source, {.kept = {0, 1}}), folder / "out", {.shard_bytes = 10'000, .on_progress = stop}),
               std::runtime_error);
  EXPECT_EQ(calls, 20);
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(Export, LeavesNothingBehindWhereItIsStopped) {
  const TemporaryFolder folder;
  const auto source = Checkpoint::open(fixture(kMixtral));
  int asked = 0;
  const ExportSummary summary =
      export_checkpoint(*source, everywhere(*source, {.kept = {0, 1}}), folder / "out", {.shard_bytes = 20000, .should_stop = [&] { return ++asked == 20; }});
  EXPECT_TRUE(summary.was_stopped);
  EXPECT_EQ(asked, 20);
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(Export, RefusesValuesThatTheStoredDtypeCannotHold) {
  const TemporaryFolder folder;
  const auto source = Checkpoint::open(fixture(kSharded));
  PrunePlan plan = everywhere(*source, {.kept = {0, 1}});
  plan.weights.emplace("model.norm.weight", at::full({48}, 3.4e38, at::kFloat));
  EXPECT_ERROR_HAS(export_checkpoint(*source, plan, folder / "out"), kInput, "model.norm.weight has values that BFloat16 cannot hold");
  plan.weights.at("model.norm.weight")[0] = NAN;
  EXPECT_ERROR_HAS(export_checkpoint(*source, plan, folder / "out"), kInput, "the updated model.norm.weight is not finite");
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

}  // namespace
}  // namespace winnow
