#include <limits>

#include "tests/model/refused_case.h"

namespace winnow::test {
namespace {

constexpr ErrorKind kInput = ErrorKind::kInput;
constexpr ErrorKind kUnsupported = ErrorKind::kUnsupported;
const std::string kExpert = "model.layers.0.block_sparse_moe.experts.";
const std::string kRouter = "model.layers.1.block_sparse_moe.gate.weight";

std::function<void(TinyModel&)> missing(const std::string& name) {
  return [name](TinyModel& model) { model.remove(name); };
}
std::function<void(TinyModel&)> additional(const std::string& name, std::vector<std::int64_t> shape = {16}) {
  return [name, shape](TinyModel& model) { model.add(name, "BF16", shape); };
}
// The tensor in another dtype or shape, with as many bytes as that takes.
std::function<void(TinyModel&)> remade(const std::string& name, const std::string& dtype, std::vector<std::int64_t> shape) {
  return [=](TinyModel& model) {
    model.remove(name);
    model.add(name, dtype, shape);
  };
}

TEST(RefusedTensors, SetsThatAreNotTheModels) {
  expect_all_refused({
      {"no router", missing(kRouter), {"\"" + kRouter + "\"", "the router of layer 1"}},
      {"no head", missing("lm_head.weight"), {"\"lm_head.weight\"", "the output head"}},
      {"no embedding", missing("model.embed_tokens.weight"), {"the embedding"}},
      {"no final norm", missing("model.norm.weight"), {"the final norm"}},
      {"no attention matrix", missing("model.layers.0.self_attn.o_proj.weight"), {"o_proj", "layer 0"}},
      {"no expert matrix", missing(kExpert + "2.w3.weight"), {kExpert + "2.w3.weight", "an expert matrix of layer 0"}},
      {"no bias", missing("model.layers.2.self_attn.k_proj.bias"), {"k_proj.bias", "an attention bias of layer 2"}, kInput, "qwen2_moe"},
      {"no shared gate", missing("model.layers.0.mlp.shared_expert_gate.weight"), {"the gate of the shared expert of layer 0"}, kInput, "qwen2_moe"},
      {"expert 3 numbered 7",
       [](TinyModel& model) {
         for (const char* matrix : {"w1", "w2", "w3"}) model.rename(kExpert + "3." + matrix + ".weight", kExpert + "7." + matrix + ".weight");
       },
       {kExpert + "3.w1.weight", "but has", kExpert + "7."}},
      {"expert 3 numbered 03",
       [](TinyModel& model) {
         for (const char* matrix : {"w1", "w2", "w3"}) model.rename(kExpert + "3." + matrix + ".weight", kExpert + "03." + matrix + ".weight");
       },
       {kExpert + "03.", "leading zeros"}},
      {"a fifth expert",
       [](TinyModel& model) {
         for (const char* matrix : {"w1", "w3"}) model.add(kExpert + "4." + matrix + ".weight", "BF16", {24, 16});
         model.add(kExpert + "4.w2.weight", "BF16", {16, 24});
       },
       {kExpert + "4.w1.weight", "layer 0 has 4 experts"}},
      {"an expert twice", additional(kExpert + "03.w1.weight", {24, 16}), {kExpert + "03.w1.weight", "leading zeros"}},
      {"expert number beyond 64 bits", additional(kExpert + "99999999999999999999999.w1.weight"), {"99999999999999999999999"}},
      {"more layers than the config", additional("model.layers.2.input_layernorm.weight"), {"3 layers", "says 2"}},
      {"fewer layers than the config", with_key("num_hidden_layers", 3), {"2 layers", "says 3"}},
      {"layer number with a leading zero", additional("model.layers.01.input_layernorm.weight"), {"model.layers.01", "leading zeros"}},
      {"layer number beyond 64 bits", additional("model.layers.99999999999999999999999.input_layernorm.weight"), {"99999999999999999999999"}},
      {"more experts in the config", with_key("num_local_experts", 5), {"[4, 16]", "[5, 16]"}},
      {"fewer experts in the config", with_key("num_local_experts", 3), {"[4, 16]", "[3, 16]"}},
      {"per-layer count against the file", with_key("per_layer_config", {{"1", {{"num_local_experts", 3}}}}), {"model.layers.1", "[4, 16]", "[3, 16]"}},
      {"unknown tensor", additional("classifier.weight"), {"\"classifier.weight\"", "mixtral"}},
      {"bias of a family without", additional("model.layers.0.self_attn.q_proj.bias"), {"q_proj.bias"}},
      {"tensor without a name", additional(""), {"\"\""}},
      {"name that writes to terminals", additional("\x1b[31mred"), {"\\u001b[31mred"}},
      {"router under both names", additional("model.layers.0.mlp.gate.weight", {4, 16}), {"model.layers.0.mlp.gate.weight", "another name"}},
      {"experts in both layouts", additional("model.layers.0.mlp.experts.down_proj", {4, 16, 24}), {"experts.down_proj", "another name"}},
      {"fused experts of one layer only half",
       [](TinyModel& model) {
         for (int expert = 0; expert < 4; ++expert) {
           for (const char* matrix : {"w1", "w2", "w3"}) model.remove(kExpert + std::to_string(expert) + "." + matrix + ".weight");
         }
         model.add("model.layers.0.mlp.experts.gate_up_proj", "BF16", {4, 48, 16});
       },
       {kExpert + "0.w2.weight"}},
      {"names of another family",
       [](TinyModel& model) {
         for (RawTensor& tensor : model.tensors) tensor.name = "transformer." + tensor.name;
       },
       {"\"model.embed_tokens.weight\"", "tensors are missing"}},
      {"no tensors", [](TinyModel& model) { model.tensors.clear(); }, {"0 layers"}},
  });
}

TEST(RefusedTensors, ShapesAndDtypes) {
  expect_all_refused({
      {"transposed", remade(kExpert + "0.w1.weight", "BF16", {16, 24}), {"[16, 24]", "[24, 16]"}},
      {"router of five experts", remade(kRouter, "BF16", {5, 16}), {"[5, 16]", "[4, 16]"}},
      {"flattened", remade("model.norm.weight", "BF16", {1, 16}), {"[1, 16]", "[16]"}},
      {"rank 0", remade("model.norm.weight", "BF16", {}), {"the shape []", "[16]"}},
      {"no rows", remade("lm_head.weight", "BF16", {0, 16}), {"[0, 16]", "[40, 16]"}},
      {"padded vocabulary", remade("model.embed_tokens.weight", "BF16", {48, 16}), {"[48, 16]", "[40, 16]"}},
      {"other hidden size in the config",
       with_config([](Json& config) {
         config["hidden_size"] = 32;
         config["head_dim"] = 4;
       }),
       {"[40, 16]", "[40, 32]"}},
      {"key-value heads as many as heads", with_key("num_key_value_heads", 4), {"k_proj", "[8, 16]", "[16, 16]"}},
      {"I64 expert", remade(kExpert + "1.w1.weight", "I64", {24, 16}), {"dtype I64", kExpert + "1.w1.weight"}},
      {"I8 expert", remade(kExpert + "1.w1.weight", "I8", {24, 16}), {"dtype I8"}},
      {"BOOL norm", remade("model.norm.weight", "BOOL", {16}), {"dtype BOOL"}},
      {"F64 norm", remade("model.norm.weight", "F64", {16}), {"dtype F64", "F32, F16 and BF16"}, kUnsupported},
      {"F8 expert", remade(kExpert + "1.w1.weight", "F8_E4M3", {24, 16}), {"dtype F8_E4M3"}, kUnsupported},
  });
}

// Found when the tensor is read: the sentence says where.
TEST(RefusedTensors, ValuesThatAreNoNumbers) {
  const auto poke = [](const std::string& name, std::size_t element, std::uint16_t bits) {
    return [=](TinyModel& model) { std::memcpy(model.tensor(name).bytes.data() + 2 * element, &bits, 2); };
  };
  const auto poke_f32 = [](const std::string& name, std::size_t element, float value) {
    return [=](TinyModel& model) { std::memcpy(model.tensor(name).bytes.data() + 4 * element, &value, 4); };
  };
  expect_all_refused({
      {"NaN in a router", poke(kRouter, 2 * 16 + 5, 0x7fc0), {"\"" + kRouter + "\"", "at [2, 5]"}},
      {"infinity in a norm", poke("model.norm.weight", 15, 0x7f80), {"\"model.norm.weight\"", "at [15]"}},
      {"negative infinity in an expert", poke(kExpert + "3.w2.weight", 0, 0xff80), {kExpert + "3.w2.weight", "at [0, 0]"}},
      {"NaN in an f32 file", poke_f32("model.norm.weight", 3, std::numeric_limits<float>::quiet_NaN()), {"at [3]"}, kInput, "llama"},
      {"head that differs from the embedding it is tied to",
       [](TinyModel& model) {
         model.add("lm_head.weight", "F32", {40, 16});
       },
       {"lm_head.weight differs"},
       kInput,
       "llama"},
  });
}

}  // namespace
}  // namespace winnow::test
