#include "harness/demo/trainable_moe.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <cmath>
#include <limits>

namespace winnow {
namespace {

constexpr double kDeviation = 0.02;
constexpr std::int64_t kBos = 1, kEos = 2, kRowBlock = 64;

// What a position attends to: [rows, 1, length, length], 0 for itself and what its document has before it, −∞ elsewhere.
at::Tensor seen_positions(const at::Tensor& ids) {
  const at::Tensor document = ids.eq(kBos).cumsum(1);  // a number for each document of a row
  const at::Tensor same = document.unsqueeze(2).eq(document.unsqueeze(1)).tril().unsqueeze(1);
  return at::zeros(same.sizes(), at::kBFloat16).masked_fill_(same.logical_not(), -std::numeric_limits<float>::infinity());
}

// Rotates halves, as Hugging Face's checkpoints are laid out: x [rows, length, heads, d].
at::Tensor rotate(const at::Tensor& x, const at::Tensor& cosine, const at::Tensor& sine) {
  const auto halves = x.chunk(2, -1);
  return at::cat({halves[0] * cosine - halves[1] * sine, halves[1] * cosine + halves[0] * sine}, -1);
}

}  // namespace

OrderedJson MoeShape::to_config() const {
  OrderedJson config;
  config["architectures"] = {"MixtralForCausalLM"};
  config["attention_dropout"] = 0.0;
  config["bos_token_id"] = kBos;
  config["dtype"] = "bfloat16";
  config["eos_token_id"] = kEos;
  config["head_dim"] = head_dim;
  config["hidden_act"] = "silu";
  config["hidden_size"] = hidden;
  config["initializer_range"] = kDeviation;
  config["intermediate_size"] = expert_width;
  config["max_position_embeddings"] = positions;
  config["model_type"] = "mixtral";
  config["num_attention_heads"] = heads;
  config["num_experts_per_tok"] = experts_per_token;
  config["num_hidden_layers"] = layers;
  config["num_key_value_heads"] = kv_heads;
  config["num_local_experts"] = experts;
  config["rms_norm_eps"] = norm_epsilon;
  config["rope_theta"] = rope_theta;
  config["sliding_window"] = nullptr;
  config["tie_word_embeddings"] = false;
  config["torch_dtype"] = "bfloat16";
  config["vocab_size"] = vocabulary;
  return config;
}

TrainableMoe::TrainableMoe(const MoeShape& shape, std::uint64_t seed) : shape_(shape) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  enum class Working { kBf16, kF32 };
  const auto add = [&](std::string name, at::IntArrayRef sizes, double deviation, Working working) {
    at::Tensor master = deviation == 0 ? at::ones(sizes, at::kFloat) : at::randn(sizes, generator, at::TensorOptions(at::kFloat)) * deviation;
    at::Tensor copy = master.to(working == Working::kBf16 ? at::kBFloat16 : at::kFloat, false, true).requires_grad_(true);
    tensors_.push_back({std::move(name), std::move(master), std::move(copy)});
    return tensors_.size() - 1;
  };
  const double into_residual = kDeviation / std::sqrt(2.0 * static_cast<double>(shape.layers));
  const std::int64_t queries = shape.heads * shape.head_dim, keys = shape.kv_heads * shape.head_dim;
  embedding_ = add("model.embed_tokens.weight", {shape.vocabulary, shape.hidden}, kDeviation, Working::kF32);
  for (std::int64_t l = 0; l < shape.layers; ++l) {
    const std::string prefix = fmt::format("model.layers.{}.", l);
    Layer layer{};
    layer.attention_norm = add(prefix + "input_layernorm.weight", {shape.hidden}, 0, Working::kF32);
    layer.query = add(prefix + "self_attn.q_proj.weight", {queries, shape.hidden}, kDeviation, Working::kBf16);
    layer.key = add(prefix + "self_attn.k_proj.weight", {keys, shape.hidden}, kDeviation, Working::kBf16);
    layer.value = add(prefix + "self_attn.v_proj.weight", {keys, shape.hidden}, kDeviation, Working::kBf16);
    layer.output = add(prefix + "self_attn.o_proj.weight", {shape.hidden, queries}, into_residual, Working::kBf16);
    layer.mlp_norm = add(prefix + "post_attention_layernorm.weight", {shape.hidden}, 0, Working::kF32);
    layer.router = add(prefix + "block_sparse_moe.gate.weight", {shape.experts, shape.hidden}, kDeviation, Working::kF32);
    layer.gate_up = add(prefix + "block_sparse_moe.experts.gate_up", {shape.experts, 2 * shape.expert_width, shape.hidden}, kDeviation, Working::kBf16);
    layer.down = add(prefix + "block_sparse_moe.experts.down", {shape.experts, shape.hidden, shape.expert_width}, into_residual, Working::kBf16);
    layers_.push_back(layer);
  }
  final_norm_ = add("model.norm.weight", {shape.hidden}, 0, Working::kF32);
  output_head_ = add("lm_head.weight", {shape.vocabulary, shape.hidden}, kDeviation, Working::kBf16);
}

void TrainableMoe::refresh_working() {
  const c10::NoGradGuard no_grad;
  for (TrainedTensor& tensor : tensors_) tensor.working.copy_(tensor.master);
}

at::Tensor TrainableMoe::attend(const Layer& layer, const at::Tensor& normed, const at::Tensor& seen) const {
  const std::int64_t rows = seen.size(0), length = seen.size(2), d = shape_.head_dim;
  const at::Tensor positions = at::arange(length, at::kFloat);
  const at::Tensor frequencies = at::pow(shape_.rope_theta, at::arange(0, d, 2, at::kFloat) / static_cast<double>(-d));
  const at::Tensor angles = at::outer(positions, frequencies).unsqueeze(1);  // [length, 1, d/2]
  const at::Tensor cosine = angles.cos(), sine = angles.sin();
  const auto heads_of = [&](std::size_t weight, std::int64_t heads) { return at::linear(normed, working(weight)).view({rows, length, heads, d}); };
  const at::Tensor query = rotate(heads_of(layer.query, shape_.heads).to(at::kFloat), cosine, sine).to(at::kBFloat16);
  const std::int64_t shared_by = shape_.heads / shape_.kv_heads;
  const auto repeated = [&](const at::Tensor& x) {
    return x.unsqueeze(3).expand({rows, length, shape_.kv_heads, shared_by, d}).reshape({rows, length, shape_.heads, d}).transpose(1, 2);
  };
  const at::Tensor key = rotate(heads_of(layer.key, shape_.kv_heads).to(at::kFloat), cosine, sine).to(at::kBFloat16);
  const at::Tensor mixed = at::scaled_dot_product_attention(query.transpose(1, 2), repeated(key), repeated(heads_of(layer.value, shape_.kv_heads)), seen);
  return at::linear(mixed.transpose(1, 2).reshape({rows * length, shape_.heads * d}), working(layer.output));
}

// Token rows are put in order of their experts, so that each stacked product takes consecutive rows.
at::Tensor TrainableMoe::mix_experts(const Layer& layer, const at::Tensor& normed, std::int64_t rows, at::Tensor& balance) const {
  const std::int64_t tokens = normed.size(0), k = shape_.experts_per_token, experts = shape_.experts;
  const at::Tensor probabilities = at::linear(normed, working(layer.router)).softmax(-1);
  const auto [top, chosen] = probabilities.topk(k, -1);
  const at::Tensor gates = top / top.sum(-1, true);
  const at::Tensor flat = chosen.flatten();
  const at::Tensor order = std::get<1>(flat.sort(true, 0, false));  // [tokens·k], stable
  const at::Tensor counts = flat.bincount({}, experts);
  const at::Tensor row_counts = at::one_hot(chosen.view({rows, -1}), experts).sum(1).to(at::kFloat);  // [rows, experts]
  const at::Tensor shares = row_counts / static_cast<double>(tokens / rows * k), mean = probabilities.view({rows, -1, experts}).mean(1);
  balance = balance + static_cast<double>(experts) * (shares * mean).sum(-1).mean();

  // An expert's rows are filled up to a multiple of kRowBlock with token 0, whose products nobody reads: products of a few shapes are prepared once.
  const at::Tensor filled = (counts + (kRowBlock - 1)).div(kRowBlock, "floor") * kRowBlock;
  const at::Tensor ends = filled.cumsum(0);
  const at::Tensor places = at::arange(tokens * k, at::kLong) + (ends - filled - counts.cumsum(0) + counts).repeat_interleave(counts);  // of the ordered rows
  const at::Tensor sources = at::zeros({ends[-1].item<std::int64_t>()}, at::kLong).scatter_(0, places, order.div(k, "floor"));
  const at::Tensor input = normed.to(at::kBFloat16).index_select(0, sources), int_ends = ends.to(at::kInt);
  const auto gate_up = at::_grouped_mm(input, working(layer.gate_up).transpose(1, 2), int_ends).chunk(2, -1);
  const at::Tensor output = at::_grouped_mm(at::silu(gate_up[0]) * gate_up[1], working(layer.down).transpose(1, 2), int_ends);
  const at::Tensor back = at::empty_like(order).scatter_(0, order, places);
  return (output.index_select(0, back).view({tokens, k, shape_.hidden}) * gates.unsqueeze(-1)).sum(1);
}

at::Tensor TrainableMoe::normed(const at::Tensor& hidden, std::size_t weight) const {
  return at::rms_norm(hidden, {shape_.hidden}, working(weight), shape_.norm_epsilon);
}

at::Tensor TrainableMoe::cross_entropy(const at::Tensor& hidden, const Predictions& predictions) const {
  const at::Tensor read = normed(hidden.index_select(0, predictions.positions), final_norm_).to(at::kBFloat16);
  const at::Tensor logits = at::linear(read, working(output_head_)).to(at::kFloat);
  const at::Tensor losses = at::cross_entropy_loss(logits, predictions.ids, {}, at::Reduction::None);
  return (losses * predictions.weights).sum() / predictions.weights.sum();
}

TrainingLoss TrainableMoe::loss(const TrainingBatch& batch, double balance_weight, const EarlyExit& exit) const {
  const at::Tensor seen = seen_positions(batch.ids);
  at::Tensor hidden = at::embedding(working(embedding_), batch.ids.flatten());
  at::Tensor balance = at::zeros({}, at::kFloat);
  TrainingLoss result{.total = {}, .cross_entropy = {}, .early = at::zeros({}, at::kFloat), .balance = {}};
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    hidden = hidden + attend(layers_[l], normed(hidden, layers_[l].attention_norm).to(at::kBFloat16), seen);
    hidden = hidden + mix_experts(layers_[l], normed(hidden, layers_[l].mlp_norm), batch.ids.size(0), balance);
    if (static_cast<std::int64_t>(l) + 1 == exit.layers) result.early = cross_entropy(hidden, batch.early);
  }
  result.cross_entropy = cross_entropy(hidden, batch.last);
  result.balance = balance / static_cast<double>(shape_.layers);
  result.total = result.cross_entropy + exit.weight * result.early + balance_weight * result.balance;
  return result;
}

}  // namespace winnow
