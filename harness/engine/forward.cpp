#include "harness/engine/forward.h"

#include <ATen/ATen.h>

#include "harness/core/error.h"
#include "harness/engine/attention.h"
#include "harness/engine/device_batch.h"
#include "harness/engine/device_path.h"
#include "harness/engine/experts.h"
#include "harness/engine/kv_blocks.h"
#include "harness/engine/linear.h"
#include "harness/engine/norm.h"
#include "harness/engine/rope.h"

namespace winnow {
namespace {

void observe(const Observer& observer, int layer, std::initializer_list<Role> roles, const at::Tensor& input) {
  if (!observer.linear) return;
  for (const Role role : roles) observer.linear({layer, role, input});
}

// Queries and keys at their positions.
std::pair<at::Tensor, at::Tensor> rotate_both(const Model& model, const PackedBatch& batch, const at::Tensor& query, const at::Tensor& keys) {
  if (takes_device_path(query)) {
    const WideRope& rope = layout_of(model, batch).rope;
    return {rotate(query, rope), rotate(keys, rope)};
  }
  const RopeTable table = rope_table(row_positions(batch), model.rope_frequencies);
  return {rotate(query, table), rotate(keys, table)};
}

at::Tensor run_attention(const Model& model, int layer, const PackedBatch& batch, const at::Tensor& input, const Observer& observer) {
  const AttentionConfig& config = model.config.attention;
  const AttentionWeights& weights = model.layers[layer].attention;
  observe(observer, layer, {Role::kQuery, Role::kKey, Role::kValue}, input);
  const std::vector<at::Tensor> projected = multiply_all({&weights.query, &weights.key, &weights.value}, input);
  const auto [query, keys] = rotate_both(model, batch, projected[0].view({input.size(0), config.heads, config.head_dim}),
                                         projected[1].view({input.size(0), config.kv_heads, config.head_dim}));
  const at::Tensor values = projected[2].view({input.size(0), config.kv_heads, config.head_dim});
  append_to_blocks(batch, layer, static_cast<int>(model.layers.size()), keys, values);
  const at::Tensor mixed = attend(config, batch, layer, query, keys, values);
  observe(observer, layer, {Role::kOutput}, mixed);
  return multiply(weights.output, mixed);
}

at::Tensor run_dense(const Model& model, int layer, const at::Tensor& input, const Observer& observer) {
  const GatedMlp& mlp = *model.layers[layer].dense;
  observe(observer, layer, {Role::kDenseGate, Role::kDenseUp}, input);
  const at::Tensor activation = activate(mlp, input);
  observe(observer, layer, {Role::kDenseDown}, activation);
  return multiply(mlp.down, activation);
}

PackedBatch without_keeping(const PackedBatch& batch) {
  PackedBatch copy = batch;
  for (Segment& segment : copy.segments) segment.kept = nullptr;
  copy.on_device = nullptr;
  return copy;
}

std::int32_t token_of(const PackedBatch& batch, std::int64_t row) {
  return batch.device_tokens.defined() ? batch.device_tokens[row].item().to<std::int32_t>() : batch.tokens[row];
}

}  // namespace

at::Tensor embed(const Model& model, const PackedBatch& batch) {
  if (takes_device_path(model.device)) batch.on_device = lay_out(model, batch);
  if (batch.device_tokens.defined()) return model.embedding.index_select(0, batch.device_tokens);
  const at::Tensor tokens = at::from_blob(const_cast<std::int32_t*>(batch.tokens.data()), {static_cast<std::int64_t>(batch.tokens.size())}, at::kInt);
  return model.embedding.index_select(0, tokens.to(model.device));
}

at::Tensor run_layer(const Model& model, int layer, const PackedBatch& batch, at::Tensor hidden, const Observer& observer) {
  const c10::InferenceMode no_gradients;
  const LayerWeights& weights = model.layers[layer];
  if (observer.layer_input) observer.layer_input(layer, hidden);
  hidden = add_rows(hidden, run_attention(model, layer, batch, rms_norm(hidden, weights.attention_norm, model.config.norm_epsilon), observer));
  const at::Tensor input = rms_norm(hidden, weights.mlp_norm, model.config.norm_epsilon);
  hidden = add_rows(hidden, weights.moe ? run_moe(model.config.router, *weights.moe, layer, input, observer) : run_dense(model, layer, input, observer));
  if (observer.layer_output) observer.layer_output(layer, hidden);
  return hidden;
}

void finish_batch(const PackedBatch& batch) {
  const std::vector<std::int64_t> offsets = append_offsets(batch);
  for (std::size_t index = 0; index < batch.segments.size(); ++index) {
    const Segment& segment = batch.segments[index];
    if (segment.kept != nullptr) segment.kept->length = offsets[index] + segment.rows;
  }
}

at::Tensor final_norm(const Model& model, const at::Tensor& hidden) { return rms_norm(hidden, model.final_norm, model.config.norm_epsilon); }

at::Tensor logits(const Model& model, const at::Tensor& normed) { return multiply(model.output_head, normed); }

at::Tensor launch_forward(const Model& model, const PackedBatch& batch, const std::vector<std::int64_t>& wanted_rows, const Observer& observer) {
  const c10::InferenceMode no_gradients;
  at::Tensor hidden = embed(model, batch);
  for (int layer = 0; layer < static_cast<int>(model.layers.size()); ++layer) hidden = run_layer(model, layer, batch, hidden, observer);
  finish_batch(batch);
  return final_norm(model, hidden.index_select(0, upload(wanted_rows, at::kLong, model.device)));
}

at::Tensor forward(const Model& model, const PackedBatch& batch, const std::vector<std::int64_t>& wanted_rows, const Observer& observer) {
  const c10::InferenceMode no_gradients;
  const at::Tensor normed = launch_forward(model, batch, wanted_rows, observer);
  const at::Tensor finite = normed.sum(1, /*keepdim=*/false, at::kFloat).isfinite().cpu();
  for (std::size_t index = 0; index < wanted_rows.size(); ++index) {
    if (!finite.const_data_ptr<bool>()[index]) throw_non_finite(model, batch, wanted_rows[index]);
  }
  return normed;
}

void throw_non_finite(const Model& model, const PackedBatch& batch, std::int64_t row) {
  const PackedBatch again = without_keeping(batch);
  std::string where = "in the output head";
  at::Tensor hidden = embed(model, again);
  if (!hidden[row].isfinite().all().item<bool>()) where = "in the embedding";
  for (int layer = 0; where == "in the output head" && layer < static_cast<int>(model.layers.size()); ++layer) {
    hidden = run_layer(model, layer, again, hidden);
    if (!hidden[row].isfinite().all().item<bool>()) where = fmt::format("in layer {}", layer);
  }
  const float position = row_positions(batch).const_data_ptr<float>()[row];
  throw std::runtime_error(fmt::format("the logits at position {} (row {} of the batch, token {}) are not finite: the first non-finite value appears {}",
                                       position, row, token_of(batch, row), where));
}

}  // namespace winnow
