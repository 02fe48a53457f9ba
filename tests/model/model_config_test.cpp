#include <ATen/ATen.h>

#include <cmath>

#include "harness/model/checkpoint.h"
#include "harness/model/dtype.h"
#include "harness/model/inspect.h"
#include "tests/model/tiny_model.h"
#include "tests/support/errors.h"

namespace winnow::test {
namespace {

ModelConfig read_family(const std::string& family, const std::function<void(Json&)>& edit) {
  const std::unique_ptr<Family> plugin = Registry<Family>::instance().make(family);
  Json json = plugin->example_config();
  edit(json);
  return plugin->read(json);
}

// What Mixtral-8x7B-v0.1's config.json says.
Json mixtral_8x7b() {
  return Json::parse(
      R"({"architectures": ["MixtralForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 4096,
    "initializer_range": 0.02, "intermediate_size": 14336, "max_position_embeddings": 32768, "model_type": "mixtral", "num_attention_heads": 32, "num_experts_per_tok": 2,
    "num_hidden_layers": 32, "num_key_value_heads": 8, "num_local_experts": 8, "output_router_logits": false, "rms_norm_eps": 1e-05, "rope_theta": 1000000.0,
    "router_aux_loss_coef": 0.02, "sliding_window": null, "tie_word_embeddings": false, "torch_dtype": "bfloat16", "transformers_version": "4.36.0.dev0", "use_cache": true, "vocab_size": 32000})");
}

TEST(ModelConfig, CountsMixtralsParametersAsPublished) {
  const ModelConfig config = Registry<Family>::instance().make("mixtral")->read(mixtral_8x7b());
  EXPECT_EQ(config.parameters(), 46'702'792'704);         // 93,405,585,408 bytes of bf16, as its index says
  EXPECT_EQ(config.active_parameters(), 12'879'925'248);  // "12.9B"
  EXPECT_EQ(config.moe_layers(), 32);
  EXPECT_EQ(config.attention.head_dim, 128);
  EXPECT_EQ(config.dtype, "bf16");
}

TEST(ModelConfig, ReadsTheReleasedSpellingAndTransformersFives) {
  const ModelConfig released = Registry<Family>::instance().make("mixtral")->read(mixtral_8x7b());
  Json json = mixtral_8x7b();
  json.erase("torch_dtype");
  json.erase("rope_theta");
  json["dtype"] = "bfloat16";
  json["rope_parameters"] = {{"rope_theta", 1e6}, {"rope_type", "default"}};
  json["head_dim"] = nullptr;
  json["num_experts"] = json["num_local_experts"];
  json.erase("num_local_experts");
  const ModelConfig resaved = Registry<Family>::instance().make("mixtral")->read(json);
  EXPECT_EQ(resaved.attention.rope.theta, released.attention.rope.theta);
  EXPECT_EQ(resaved.dtype, released.dtype);
  EXPECT_EQ(resaved.parameters(), released.parameters());
  EXPECT_EQ(resaved.layers[0].experts, 8);
}

TEST(ModelConfig, ReadsTheThreeKindsOfRope) {
  const RopeConfig llama3 = read_family("llama", [](Json&) {}).attention.rope;
  EXPECT_EQ(llama3.kind, RopeConfig::Kind::kLlama3);
  EXPECT_EQ(llama3.theta, 5e5);
  EXPECT_EQ(llama3.factor, 8);
  EXPECT_EQ(llama3.high_freq_factor, 4);
  EXPECT_EQ(llama3.original_max_positions, 64);
  const RopeConfig linear = read_family("mixtral", [](Json& json) {
                              json["rope_parameters"] = {{"rope_type", "linear"}, {"factor", 2.5}, {"rope_theta", 1e6}};
                            }).attention.rope;
  EXPECT_EQ(linear.kind, RopeConfig::Kind::kLinear);
  EXPECT_EQ(linear.factor, 2.5);
  EXPECT_EQ(read_family("llama",
                        [](Json& json) {
                          json.erase("rope_theta");
                          json.erase("rope_scaling");
                        })
                .attention.rope.theta,
            10000);
  EXPECT_EQ(read_family("mixtral", [](Json& json) { json.erase("rope_theta"); }).attention.rope.theta, 1e6);
}

TEST(ModelConfig, ReadsWhatIsSpecialAboutQwen) {
  const ModelConfig config = read_family("qwen2_moe", [](Json&) {});
  EXPECT_TRUE(config.attention.qkv_bias);
  EXPECT_FALSE(config.attention.output_bias);
  EXPECT_FALSE(config.attention.sliding_window);
  EXPECT_FALSE(config.router.renormalize);
  EXPECT_EQ(config.layers[1].mlp, LayerConfig::Mlp::kDense);
  EXPECT_EQ(config.layers[1].dense_width, 24);
  EXPECT_EQ(config.layers[2].shared_width, 12);
  EXPECT_TRUE(config.layers[2].shared_gate);
}

TEST(RandomWeights, AreTheSameWhateverTheOrderAndOtherForAnotherSeed) {
  const std::unique_ptr<Family> family = Registry<Family>::instance().make("mixtral");
  const ModelConfig config = family->read(family->example_config());
  const std::vector<TensorSpec> tensors = family->tensors(config);
  const std::unique_ptr<WeightSource> forwards = random_weights(config, 7), backwards = random_weights(config, 7), other = random_weights(config, 8);
  std::vector<at::Tensor> first;
  for (const TensorSpec& spec : tensors) first.push_back(forwards->read(spec));
  for (std::size_t i = tensors.size(); i-- > 0;) {
    EXPECT_TRUE(at::equal(backwards->read(tensors[i]), first[i])) << tensors[i].name;
    EXPECT_EQ(first[i].scalar_type(), at::kBFloat16);
    EXPECT_EQ(first[i].sizes(), at::IntArrayRef(tensors[i].shape));
    const bool is_norm = tensors[i].name.ends_with("norm.weight");
    EXPECT_EQ(at::equal(other->read(tensors[i]), first[i]), is_norm) << tensors[i].name;
    if (is_norm) {
      EXPECT_TRUE(at::equal(first[i], at::ones_like(first[i])));
    }
  }
  EXPECT_EQ(forwards->bytes_read(), static_cast<std::uint64_t>(2 * config.parameters()));
}

// As a device draws them for itself.
TEST(RandomWeights, AreTheSameByOperators) {
  ModelConfig config;
  for (const char* dtype : {"bf16", "f32"}) {
    config.dtype = dtype;
    const std::unique_ptr<WeightSource> weights = random_weights(config, 7);
    for (const std::vector<std::int64_t>& shape : {std::vector<std::int64_t>{1, 1}, {3, 5}, {4100, 4099}}) {  // more than is drawn at once
      const TensorSpec spec{.role = Role::kQuery, .name = "a", .shape = shape};
      const std::uint64_t before = weights->bytes_read();
      EXPECT_TRUE(weights->read_near(spec, at::kCPU).equal(weights->read(spec))) << dtype << " " << shape[0];
      EXPECT_EQ(weights->bytes_read() - before, 2 * shape[0] * shape[1] * c10::elementSize(scalar_type(dtype)));
    }
    EXPECT_TRUE(weights->read_near({.role = Role::kFinalNorm, .name = "b", .shape = {9}}, at::kCPU).equal(at::ones({9}, scalar_type(dtype))));
  }
}

TEST(RandomWeights, AreNormalWithDeviationOneFiftieth) {
  ModelConfig config;
  config.dtype = "f32";
  const TensorSpec spec{.role = Role::kQuery, .name = "a", .shape = {1000, 1001}};
  const at::Tensor values = random_weights(config, 1)->read(spec);
  EXPECT_NEAR(values.mean().item<double>(), 0, 1e-4);
  EXPECT_NEAR(values.std().item<double>(), 0.02, 1e-4);
  EXPECT_NEAR((values.abs() < 0.02).to(at::kDouble).mean().item<double>(), 0.6827, 2e-3);  // one deviation
  EXPECT_NEAR((values.abs() > 0.06).to(at::kDouble).mean().item<double>(), 0.0027, 3e-4);  // three
  const at::Tensor flat = values.flatten();
  EXPECT_LT(std::abs((flat.slice(0, 1) * flat.slice(0, 0, -1)).mean().item<double>()), 2e-6);  // neighbours know nothing of each other
}

TEST(Inspect, TellsWhatMixtralNeedsAndHowManyExpertsFit) {
  TemporaryFolder temporary;
  const std::filesystem::path file = temporary.write("config.json", mixtral_8x7b().dump());
  const ModelDescription dense = inspect_model(file, {.total_bytes = 200'000'000'000, .available_bytes = 120'000'000'000});
  EXPECT_EQ(dense.parameters, 46'702'792'704);
  EXPECT_EQ(dense.expert_parameters, 32 * 8 * 3ll * 4096 * 14336);
  ASSERT_EQ(dense.memory.size(), 2u);
  const MemoryNeed &f32 = dense.memory[0], &bf16 = dense.memory[1];
  EXPECT_EQ(bf16.weight_bytes, 93'405'585'408u);
  EXPECT_EQ(bf16.cache_bytes_per_token, 2 * 32 * 8 * 128 * 2u);
  EXPECT_TRUE(bf16.fits);
  EXPECT_FALSE(f32.fits);
  // 15 % above the weights: 4 experts take 24.15B parameters, 111 GB in f32; 5 would take 137 GB.
  EXPECT_EQ(f32.experts_that_fit, 4);
  const ModelDescription small = inspect_model(file, {.total_bytes = 1, .available_bytes = 1});
  EXPECT_FALSE(small.memory[1].fits);
  EXPECT_FALSE(small.memory[1].experts_that_fit);
  const Json json = to_json(dense);
  EXPECT_EQ(json["experts_per_layer"].size(), 32u);
  EXPECT_EQ(json["parts"]["router"]["experts_per_token"], 2);
  EXPECT_EQ(json["stored_bytes"], 0);
  EXPECT_TRUE(json["header_sha256"].is_null());
}

TEST(Inspect, ChecksAFolderWholeAndNamesItsFiles) {
  TemporaryFolder temporary;
  TinyModel model("qwen2_moe");
  model.shard(2);
  model.write(temporary / "model");
  const ModelDescription description = inspect_model(temporary / "model");
  EXPECT_EQ(description.experts_by_layer, (std::vector<std::int64_t>{6, 0, 6}));
  EXPECT_EQ(description.files, (std::vector<std::string>{TinyModel::shard_name(1, 2), TinyModel::shard_name(2, 2)}));
  EXPECT_EQ(description.stored_bytes, static_cast<std::uint64_t>(2 * description.parameters));
  EXPECT_EQ(description.header_sha256.size(), 64u);
  EXPECT_GT(description.machine.total_bytes, 0u);
  EXPECT_TRUE(description.memory[0].fits);
  std::filesystem::remove(temporary / "model" / TinyModel::shard_name(2, 2));
  EXPECT_ERROR_HAS(inspect_model(temporary / "model"), kInput, "is missing");
  EXPECT_ERROR_HAS(inspect_model(temporary / "nowhere"), kInput, "no such folder");
}

}  // namespace
}  // namespace winnow::test
