// What looks odd and is right: each folder opens and reads whole.
#include <ATen/ATen.h>

#include "tests/model/refused_case.h"

namespace winnow::test {
namespace {

namespace fs = std::filesystem;

struct OddCase {
  std::string name;
  std::function<void(TinyModel&)> make_odd;
  std::function<void(const Checkpoint&)> expect = {};
  std::string family = "mixtral";
};

void expect_accepted(const std::vector<OddCase>& cases) {
  for (const OddCase& odd : cases) {
    SCOPED_TRACE(odd.name);
    TemporaryFolder temporary;
    TinyModel model(odd.family);
    odd.make_odd(model);
    model.write(temporary / "model");
    try {
      read_whole(temporary / "model");
      if (odd.expect) odd.expect(*Checkpoint::open(temporary / "model"));
    } catch (const Error& error) {
      ADD_FAILURE() << error.what();
    }
  }
}

std::function<void(TinyModel&)> header_text(std::function<void(std::string&)> edit) {
  return [edit](TinyModel& model) { model.edit_header_text = edit; };
}

TEST(Accepted, OddHeaders) {
  const auto metadata = [](const OrderedJson& value) {
    return [value](TinyModel& model) { model.edit_header = [value](OrderedJson& json) { json["__metadata__"] = value; }; };
  };
  expect_accepted({
      {"padded with spaces", header_text([](std::string& text) { text += std::string(4096, ' '); })},
      {"leading white space", header_text([](std::string& text) { text = " \n\t " + text; })},
      {"pretty-printed", header_text([](std::string& text) { text = OrderedJson::parse(text).dump(2); })},
      {"length no multiple of eight: tensors unaligned", header_text([](std::string& text) { text += std::string(text.size() % 2 == 0 ? 3 : 2, ' '); })},
      {"metadata", metadata({{"format", "pt"}, {"trained by", "näher"}})},
      {"metadata empty", metadata(OrderedJson::object())},
      {"metadata null", metadata(nullptr)},
      {"metadata of another writer", metadata({{"format", "mlx"}})},
      {"unknown fields in an entry", [](TinyModel& model) { model.edit_header = [](OrderedJson& json) {
                                                              json["lm_head.weight"]["checksum"] = {1, 2};
                                                            }; }},
      {"entries in another order than the bytes", header_text([](std::string& text) { text = Json::parse(text).dump(); })},
      {"escaped names", header_text([](std::string& text) { text.replace(text.find("lm_head"), 7, "\\u006cm_head"); })},
  });
}

TEST(Accepted, OddTensors) {
  const auto is_f32 = [](const Checkpoint& checkpoint) { EXPECT_EQ(checkpoint.config().dtype, "f32"); };
  expect_accepted({
      {"bytes in another order than the forward pass", [](TinyModel& model) { std::reverse(model.tensors.begin(), model.tensors.end()); }},
      {"rotary buffers of old releases",
       [](TinyModel& model) {
         model.add("model.layers.0.self_attn.rotary_emb.inv_freq", "F32", {2});
         model.add("model.layers.1.self_attn.rotary_emb.inv_freq", "F32", {});
       }},
      {"a zero-size buffer",
       [](TinyModel& model) {
         model.add("model.layers.0.self_attn.rotary_emb.inv_freq", "I64", {0, 7});
       }},
      {"router in f32 within a bf16 file",
       [](TinyModel& model) {
         model.remove("model.layers.0.block_sparse_moe.gate.weight");
         model.add("model.layers.0.block_sparse_moe.gate.weight", "F32", {4, 16});
       },
       [](const Checkpoint& checkpoint) { EXPECT_EQ(checkpoint.config().dtype, "bf16"); }},
      {"stored wider than the config says",
       [](TinyModel& model) {
         for (RawTensor& tensor : model.tensors) {
           tensor.dtype = "F32";
           tensor.bytes += tensor.bytes;
         }
       },
       is_f32},
      {"f16",
       [](TinyModel& model) {
         for (RawTensor& tensor : model.tensors) tensor.dtype = "F16";
       },
       [](const Checkpoint& checkpoint) { EXPECT_EQ(checkpoint.config().dtype, "f16"); }},
      {"head repeated beside the embedding it is tied to",
       [](TinyModel& model) {
         RawTensor head = model.tensor("model.embed_tokens.weight");
         head.name = "lm_head.weight";
         model.tensors.push_back(head);
       },
       {},
       "llama"},
      {"router under its transformers 5 name",
       [](TinyModel& model) { model.rename("model.layers.0.block_sparse_moe.gate.weight", "model.layers.0.mlp.gate.weight"); }},
  });
}

TEST(Accepted, OddConfigs) {
  const auto experts = [](std::vector<std::int64_t> expected) {
    return [expected](const Checkpoint& checkpoint) {
      std::vector<std::int64_t> found;
      for (const LayerConfig& layer : checkpoint.config().layers) found.push_back(layer.experts);
      EXPECT_EQ(found, expected);
    };
  };
  expect_accepted({
      {"unknown keys", with_config([](Json& config) {
         config["auto_map"] = {{"AutoConfig", "x.y"}};
         config["_name_or_path"] = "../x";
         config["router_aux_loss_coef"] = 0.02;
       })},
      {"head_dim null", with_key("head_dim", nullptr)},
      {"head_dim other than hidden over heads", with_config([](Json& config) { config["head_dim"] = 6; }), {}, "llama"},
      {"pad_token_id -1", with_key("pad_token_id", -1)},
      {"several end ids", with_key("eos_token_id", {2, 7, 39}),
       [](const Checkpoint& checkpoint) {
         EXPECT_EQ(checkpoint.config().eos_ids, (std::vector<std::int64_t>{2, 7, 39}));
       }},
      {"no end id", with_key("eos_token_id", nullptr), [](const Checkpoint& checkpoint) { EXPECT_TRUE(checkpoint.config().eos_ids.empty()); }},
      {"architecture as early conversions wrote it", with_key("architectures", Json::array({"LLaMAForCausalLM"})), {}, "llama"},
      {"no architectures", with_config([](Json& config) { config.erase("architectures"); })},
      {"both spellings that agree", with_config([](Json& config) {
         config["num_experts"] = 4;
         config["dtype"] = "bfloat16";
         config["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 1e6}};
       })},
      {"scaling switched off", with_key("rope_scaling", nullptr)},
      {"rope kind `type`", with_key("rope_scaling", {{"type", "linear"}, {"factor", 2}}),
       [](const Checkpoint& checkpoint) { EXPECT_EQ(checkpoint.config().attention.rope.kind, RopeConfig::Kind::kLinear); }},
      {"an integer for a number", with_config([](Json& config) { config["rope_theta"] = 1000000; })},
      {"window switched off by zero", with_key("sliding_window", 0),
       [](const Checkpoint& checkpoint) { EXPECT_FALSE(checkpoint.config().attention.sliding_window); }, "qwen2_moe"},
      {"all layers full", with_key("layer_types", Json::array({"full_attention", "full_attention"}))},
      {"all layers sliding", with_config([](Json& config) {
         config["layer_types"] = {"sliding_attention", "sliding_attention"};
         config["sliding_window"] = 9;
       }),
       [](const Checkpoint& checkpoint) { EXPECT_EQ(checkpoint.config().attention.sliding_window, 9); }},
      {"swish", with_key("hidden_act", "swish")},
      {"experts by layer, not all of them",
       [](TinyModel& model) {
         model.config["per_layer_config"] = {{"1", {{"num_local_experts", 3}}}, {"0", Json::object()}};
         std::erase_if(model.tensors, [](const RawTensor& tensor) { return tensor.name.starts_with("model.layers.1.block_sparse_moe.experts.3."); });
         model.remove("model.layers.1.block_sparse_moe.gate.weight");
         model.add("model.layers.1.block_sparse_moe.gate.weight", "BF16", {3, 16});
       },
       experts({4, 3})},
      {"penalty in the generation config",
       [](TinyModel& model) {
         model.generation = {
             {"repetition_penalty", 1.05}, {"do_sample", true}, {"eos_token_id", {5, 6}}, {"no_repeat_ngram_size", 0}, {"max_new_tokens", 2048}};
       },
       [](const Checkpoint& checkpoint) {
         EXPECT_EQ(checkpoint.config().generation_settings_ignored, (std::vector<std::string>{"repetition_penalty 1.05", "max_new_tokens 2048"}));
         EXPECT_EQ(checkpoint.config().eos_ids, (std::vector<std::int64_t>{5, 6}));
       }},
      {"dense layers by step",
       [](TinyModel& model) {
         model = TinyModel("qwen2_moe", [](Json& config) {
           config["decoder_sparse_step"] = 2;
           config["mlp_only_layers"] = nullptr;
         });
       },
       experts({0, 6, 0})},
  });
}

TEST(Accepted, OddFolders) {
  const auto shard = [](std::size_t count, std::function<void(TinyModel&)> edit = {}) {
    return [=](TinyModel& model) {
      model.shard(count);
      if (edit) edit(model);
    };
  };
  expect_accepted({
      {"shards", shard(3)},
      {"a tensor to a shard", shard(9)},
      {"an index over one file",
       [](TinyModel& model) {
         model.shard(1);
         model.shards = {{"model.safetensors", model.tensors}};
         for (auto& [name, file] : model.index["weight_map"].items()) file = "model.safetensors";
       }},
      {"shards by other names", shard(2,
                                      [](TinyModel& model) {
                                        model.shards = {{"a b.safetensors", model.tensors}};
                                        for (auto& [name, file] : model.index["weight_map"].items()) file = "a b.safetensors";
                                      })},
      {"an index without metadata", shard(2, [](TinyModel& model) { model.index.erase("metadata"); })},
      {"an index that counts parameters too", shard(2, [](TinyModel& model) { model.index["metadata"]["total_parameters"] = 7; })},
      {"total_size written as a float",
       shard(2, [](TinyModel& model) { model.index["metadata"]["total_size"] = model.index["metadata"]["total_size"].get<double>(); })},
      {"files nobody names",
       [](TinyModel& model) {
         model.after = [](const fs::path& folder) {
           write_bytes(folder / "consolidated.00.pt", "PK");
           write_bytes(folder / "README.md", "# a model");
           fs::create_directory(folder / "runs");
         };
       }},
  });
}

// snapshots/<commit>/file → ../../blobs/<hash>, as `hf download` lays it out.
TEST(Accepted, LinksOfTheHuggingFaceCache) {
  TemporaryFolder temporary;
  const fs::path repository = temporary / "models--org--tiny";
  const fs::path snapshot = repository / "snapshots" / std::string(40, 'a');
  TinyModel model;
  model.shard(2);
  model.write(repository / "blobs");
  fs::create_directories(snapshot);
  for (const fs::directory_entry& file : fs::directory_iterator(repository / "blobs")) {
    const fs::path blob = file.path().parent_path() / ("blob-of-" + file.path().filename().string());
    fs::create_symlink(fs::path("../../blobs") / blob.filename(), snapshot / file.path().filename());
    fs::rename(file.path(), blob);
  }
  read_whole(snapshot);
  EXPECT_EQ(Checkpoint::open(snapshot)->hub_commit(), std::string(40, 'a'));
}

}  // namespace
}  // namespace winnow::test
