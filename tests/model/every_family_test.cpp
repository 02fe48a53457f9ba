// The contract of every registered family, tested on its own example: a new one is tested the moment it exists.
#include <ATen/ATen.h>

#include <set>

#include "harness/model/dtype.h"
#include "harness/model/safetensors.h"
#include "tests/model/tiny_model.h"
#include "tests/support/errors.h"

namespace winnow::test {
namespace {

class EveryFamily : public ::testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<Family> family = Registry<Family>::instance().make(GetParam());
  ModelConfig config = family->read(family->example_config());

  std::vector<std::int64_t> experts() const {
    std::vector<std::int64_t> counts;
    for (const LayerConfig& layer : config.layers) counts.push_back(layer.experts);
    return counts;
  }
};

std::int64_t elements(const TensorSpec& spec) {
  std::int64_t count = 1;
  for (const std::int64_t size : spec.shape) count *= size;
  return count;
}

TEST_P(EveryFamily, ReadsItsOwnExample) {
  EXPECT_EQ(config.family, GetParam());
  EXPECT_EQ(config.original, family->example_config());
  EXPECT_EQ(family_of(config.original).name, GetParam());
  EXPECT_THAT(family->model_types(), ::testing::Contains(config.model_type));
  EXPECT_GT(config.layers.size(), 1u);
}

TEST_P(EveryFamily, NamesEachTensorOnce) {
  std::set<std::string> names;
  for (const TensorSpec& spec : family->tensors(config)) EXPECT_TRUE(names.insert(spec.name).second) << spec.name;
}

TEST_P(EveryFamily, TensorsHaveAsManyElementsAsTheConfigHasParameters) {
  std::int64_t total = 0, active = 0;
  for (const TensorSpec& spec : family->tensors(config)) {
    total += elements(spec);
    active += spec.expert < config.router.experts_per_token ? elements(spec) : 0;
  }
  EXPECT_EQ(total, config.parameters());
  EXPECT_EQ(active, config.active_parameters());
}

TEST_P(EveryFamily, TensorsFollowTheForwardPass) {
  const std::vector<TensorSpec> tensors = family->tensors(config);
  EXPECT_EQ(tensors.front().role, Role::kEmbedding);
  int layer = -1;
  for (const TensorSpec& spec : tensors) {
    if (spec.layer < 0) continue;
    EXPECT_TRUE(spec.layer == layer || spec.layer == layer + 1) << spec.name;
    layer = spec.layer;
    EXPECT_THAT(spec.name, ::testing::HasSubstr("." + std::to_string(layer) + "."));
  }
  EXPECT_EQ(layer + 1, static_cast<int>(config.layers.size()));
}

TEST_P(EveryFamily, EachMoeLayerHasItsRouterAndExperts) {
  for (int layer = 0; layer < static_cast<int>(config.layers.size()); ++layer) {
    std::int64_t routers = 0, matrices = 0;
    for (const TensorSpec& spec : family->tensors(config)) {
      if (spec.layer != layer) continue;
      routers += spec.role == Role::kRouter;
      matrices += spec.expert >= 0;
    }
    EXPECT_EQ(routers, config.layers[layer].experts > 0 ? 1 : 0);
    EXPECT_EQ(matrices, 3 * config.layers[layer].experts);
  }
}

TEST_P(EveryFamily, WritesExpertCountsThatItReadsBack) {
  std::vector<std::int64_t> fewer = experts();
  for (std::int64_t& count : fewer) count = std::max<std::int64_t>(count - 1, 0);
  std::vector<std::int64_t> unequal = fewer;
  for (std::size_t layer = 0; layer < unequal.size(); layer += 2) unequal[layer] = experts()[layer];
  for (const std::vector<std::int64_t>& counts : {experts(), fewer, unequal}) {
    const Json written = family->write_expert_counts(config.original, counts);
    config = family->read(written);
    EXPECT_EQ(experts(), counts) << written;
    EXPECT_EQ(family->write_expert_counts(written, counts), written);
    config = family->read(family->example_config());
  }
}

TEST_P(EveryFamily, RefusesQuantizedWeightsAndForeignActivations) {
  Json quantized = config.original, activated = config.original;
  quantized["quantization_config"] = {{"quant_method", "awq"}};
  activated["hidden_act"] = "relu";
  EXPECT_ERROR_HAS(family->read(quantized), kUnsupported, "awq");
  EXPECT_ERROR_HAS(family->read(activated), kUnsupported, "relu");
}

TEST_P(EveryFamily, RefusesAMissingKeyByItsName) {
  for (const char* key :
       {"hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size", "rms_norm_eps", "max_position_embeddings"}) {
    Json without = config.original;
    without.erase(key);
    EXPECT_ERROR_HAS(family->read(without), kInput, fmt::format("'{}' is missing", key));
  }
}

TEST_P(EveryFamily, OpensItsCheckpointAndReadsEveryTensor) {
  TemporaryFolder temporary;
  TinyModel(GetParam()).write(temporary / "model");
  const std::unique_ptr<Checkpoint> checkpoint = Checkpoint::open(temporary / "model");
  EXPECT_EQ(checkpoint->family().model_types(), family->model_types());
  EXPECT_EQ(checkpoint->weight_bytes(), static_cast<std::uint64_t>(config.parameters() * element_bytes(config.dtype)));
  for (const TensorSpec& spec : checkpoint->tensors()) {
    const at::Tensor tensor = checkpoint->read(spec);
    EXPECT_EQ(tensor.sizes(), at::IntArrayRef(spec.shape));
    EXPECT_EQ(tensor.scalar_type(), scalar_type(config.dtype));
  }
  EXPECT_EQ(checkpoint->bytes_read(), checkpoint->weight_bytes());
}

// Writes the same numbers in transformers 5's fused layout; every tensor comes out as before.
TEST_P(EveryFamily, ReadsTheFusedLayoutAsTheReleasedOne) {
  if (family->fused_names(0).gate_up.empty()) GTEST_SKIP() << GetParam() << " has no fused layout";
  TemporaryFolder temporary;
  TinyModel(GetParam()).write(temporary / "released");
  const std::unique_ptr<Checkpoint> released = Checkpoint::open(temporary / "released");
  TinyModel model(GetParam());
  std::erase_if(model.tensors, [](const RawTensor& tensor) { return tensor.name.find(".experts.") != std::string::npos; });
  for (const TensorSpec& spec : released->tensors()) {
    const std::vector<std::int64_t> all = spec.layer < 0 ? std::vector<std::int64_t>{} : std::vector<std::int64_t>{config.layers[spec.layer].experts};
    const Family::FusedNames names = family->fused_names(spec.layer);
    if (spec.role == Role::kRouter && spec.name != names.router) model.rename(spec.name, names.router);
    if (spec.role == Role::kExpertGate && spec.expert == 0) model.tensors.push_back({names.gate_up, "BF16", {all[0], 2 * spec.shape[0], spec.shape[1]}, ""});
    if (spec.role == Role::kExpertDown && spec.expert == 0) model.tensors.push_back({names.down, "BF16", {all[0], spec.shape[0], spec.shape[1]}, ""});
    if (spec.expert < 0) continue;
    const at::Tensor matrix = released->read(spec);
    model.tensor(spec.role == Role::kExpertDown ? names.down : names.gate_up).bytes.append(static_cast<const char*>(matrix.const_data_ptr()), matrix.nbytes());
  }
  model.write(temporary / "fused");
  const std::unique_ptr<Checkpoint> fused = Checkpoint::open(temporary / "fused");
  for (const TensorSpec& spec : released->tensors()) EXPECT_TRUE(at::equal(fused->read(spec), released->read(spec))) << spec.name;
}

INSTANTIATE_TEST_SUITE_P(Registered, EveryFamily, ::testing::ValuesIn(Registry<Family>::instance().names()), [](const auto& info) { return info.param; });

TEST(Families, AnUnknownTypeIsAnsweredWithTheOnesThereAre) {
  EXPECT_ERROR(family_of(Json{{"model_type", "mamba"}}), kUnsupported,
               fmt::format("'model_type' is \"mamba\", a family Winnow does not have; it has: {}", fmt::join(Registry<Family>::instance().names(), ", ")));
}

}  // namespace
}  // namespace winnow::test
