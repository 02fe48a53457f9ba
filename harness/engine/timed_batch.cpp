#include "harness/engine/timed_batch.h"

#include <ATen/ATen.h>

#include <numeric>
#include <optional>
#include <set>

#include "harness/core/error.h"
#include "harness/engine/device_clock.h"
#include "harness/engine/forward.h"
#include "harness/engine/greedy_step.h"
#include "harness/engine/kv_blocks.h"

namespace winnow {
namespace {

// Sums bytes of tensors, each storage once.
class ByteSum {
 public:
  void add(const at::Tensor& tensor) {
    if (tensor.defined() && seen_.insert(tensor.const_data_ptr()).second) bytes_ += static_cast<std::int64_t>(tensor.nbytes());
  }
  void add(const Linear& linear) {
    add(linear.weight);
    add(linear.bias);
  }
  void add(const GatedMlp& mlp) {
    for (const Linear* linear : {&mlp.gate, &mlp.up, &mlp.down}) add(*linear);
  }
  // What every step reads of a layer: all but its experts.
  void add_without_experts(const LayerWeights& layer) {
    add(layer.attention_norm);
    add(layer.mlp_norm);
    for (const Linear* linear : {&layer.attention.query, &layer.attention.key, &layer.attention.value, &layer.attention.output}) add(*linear);
    if (layer.dense) add(*layer.dense);
    if (!layer.moe) return;
    add(layer.moe->router);
    add(layer.moe->shared_router);
    if (layer.moe->shared) add(*layer.moe->shared);
  }
  void add_bitmaps(const MoeWeights& moe) {
    if (moe.stack && moe.stack->packed_down) bytes_ += moe.stack->packed_gate_up->nbytes() + moe.stack->packed_down->nbytes();
  }
  // What a step reads of a layer's experts: those touched, or the whole layer where it is expanded or copied to the device.
  void add_read(const MoeWeights& moe, const std::set<std::int64_t>& touched) {
    if (moe.stack && moe.stack->stream) {
      add(moe.stack->gate_up);
      add(moe.stack->down);
      return;
    }
    for (const std::int64_t expert : touched) add(*moe.experts[expert]);
    add_bitmaps(moe);
  }
  std::int64_t bytes() const { return bytes_; }

 private:
  std::set<const void*> seen_;
  std::int64_t bytes_ = 0;
};

// Which experts the rows of each step went to.
class RoutingCounter {
 public:
  explicit RoutingCounter(const Model& model) : model_(model), touched_(model.layers.size()) {
    ByteSum always;
    for (const LayerWeights& layer : model.layers) always.add_without_experts(layer);
    always.add(model.final_norm);
    always.add(model.output_head);
    always_read_ = static_cast<double>(always.bytes());
  }

  Observer observer() {
    Observer observer;
    observer.routing = [this](int layer, const Routing& routing) { count(layer, routing); };
    return observer;
  }

  void add_step(std::int64_t rows) {
    weight_bytes_ += always_read_ + static_cast<double>(rows * model_.config.hidden * static_cast<std::int64_t>(model_.embedding.element_size()));
  }

  void write_means(TimedBatch& batch) const {
    const auto steps = static_cast<double>(std::max<std::int64_t>(batch.steps, 1));
    for (const double touched : touched_) batch.experts_touched.push_back(touched / steps);
    batch.expert_rows = static_cast<double>(rows_) / steps;
    batch.weight_bytes = weight_bytes_ / steps;
  }

 private:
  void count(int layer, const Routing& routing) {
    const at::Tensor experts = routing.experts.cpu(), weights = routing.weights.cpu();
    std::set<std::int64_t> touched;
    for (std::int64_t slot = 0; slot < experts.numel(); ++slot) {
      if (weights.const_data_ptr<float>()[slot] == 0) continue;
      ++rows_;
      touched.insert(experts.const_data_ptr<std::int64_t>()[slot]);
    }
    touched_[layer] += static_cast<double>(touched.size());
    ByteSum read;
    read.add_read(*model_.layers[layer].moe, touched);
    weight_bytes_ += static_cast<double>(read.bytes());
  }

  const Model& model_;
  std::vector<double> touched_;  // by layer, summed over steps
  std::int64_t rows_ = 0;
  double always_read_ = 0, weight_bytes_ = 0;
};

// Prompts in packs of whole sequences; the first new token of each.
std::vector<std::int32_t> prefill(const Model& model, const std::vector<std::vector<std::int32_t>>& prompts, std::int64_t token_budget,
                                  std::vector<KvBlock>& blocks) {
  std::vector<std::int32_t> next;
  for (std::size_t first = 0; first < prompts.size();) {
    PackedBatch batch;
    std::vector<std::int64_t> last_rows;
    for (; first < prompts.size() && (batch.tokens.empty() || std::ssize(batch.tokens) + std::ssize(prompts[first]) <= token_budget); ++first) {
      batch.segments.push_back({.first_row = std::ssize(batch.tokens), .rows = std::ssize(prompts[first]), .kept = &blocks[first]});
      batch.tokens.insert(batch.tokens.end(), prompts[first].begin(), prompts[first].end());
      last_rows.push_back(std::ssize(batch.tokens) - 1);
    }
    const std::vector<std::int32_t> tokens = greedy_tokens(model, forward(model, batch, last_rows));
    next.insert(next.end(), tokens.begin(), tokens.end());
  }
  return next;
}

std::int64_t kv_bytes_per_token(const KvBlock& block) {
  std::int64_t bytes = 0;
  for (const std::vector<at::Tensor>* tensors : {&block.keys, &block.values}) {
    for (const at::Tensor& tensor : *tensors) bytes += block_positions(tensor, 1).numel() * static_cast<std::int64_t>(tensor.element_size());
  }
  return bytes;
}

}  // namespace

std::int64_t weight_bytes(const Model& model) {
  ByteSum sum;
  sum.add(model.embedding);
  sum.add(model.final_norm);
  sum.add(model.output_head);
  for (const LayerWeights& layer : model.layers) {
    sum.add_without_experts(layer);
    if (!layer.moe) continue;
    for (const auto& expert : layer.moe->experts) sum.add(*expert);
    sum.add_bitmaps(*layer.moe);
  }
  return sum.bytes();
}

TimedBatch run_timed_batch(const Model& model, const std::vector<std::vector<std::int32_t>>& prompts, const TimedBatchOptions& options) {
  WINNOW_CHECK(!prompts.empty());
  TimedBatch batch;
  std::vector<KvBlock> blocks(prompts.size());
  for (const auto& prompt : prompts) batch.prefill_tokens += std::ssize(prompt);
  DeviceClock prefill_clock(model.device);
  const std::vector<std::int32_t> tokens = prefill(model, prompts, options.token_budget, blocks);
  batch.prefill_seconds = prefill_clock.seconds();

  std::optional<RoutingCounter> counter;
  if (options.counting == TimedBatchOptions::Counting::kOn) counter.emplace(model);
  const Observer observer = counter ? counter->observer() : Observer{};
  std::vector<std::int64_t> rows(prompts.size());
  std::iota(rows.begin(), rows.end(), 0);
  DeviceClock decode_clock(model.device);
  std::optional<GreedyStep> last;  // on devices read when the next one has been launched, as generation does
  for (; batch.steps < options.new_tokens; ++batch.steps) {
    PackedBatch step;
    for (const std::int64_t row : rows)
      step.segments.push_back({.first_row = row, .rows = 1, .context = {{&blocks[row], blocks[row].length}}, .kept = &blocks[row]});
    if (last && last->device_tokens().defined()) {
      step.device_tokens = last->device_tokens();
    } else {
      step.tokens = last ? last->read(rows) : tokens;
    }
    GreedyStep next(model, std::move(step), observer);
    if (last) last->read(rows);
    last.emplace(std::move(next));
    if (counter) counter->add_step(std::ssize(rows));
  }
  if (last) last->read(rows);
  batch.decode_seconds = decode_clock.seconds();
  batch.decode_tokens = batch.steps * std::ssize(prompts);
  batch.kv_bytes_per_token = kv_bytes_per_token(blocks.front());
  if (counter) counter->write_means(batch);
  return batch;
}

}  // namespace winnow
