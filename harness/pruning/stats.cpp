#include "harness/pruning/stats.h"

#include <ATen/ATen.h>

#include "harness/core/error.h"
#include "harness/engine/device_path.h"
#include "harness/engine/experts.h"

namespace winnow {
namespace {

void check_finite(const at::Tensor& squares, const std::string& linear) {
  if (!squares.isfinite().all().item<bool>())
    throw input_error("calibration: the input of {} is not finite; the checkpoint is damaged before it, or dtype f32 is needed", linear);
}

Error not_finite_output(int expert, int layer) {
  return input_error("calibration: expert {} of layer {} gives outputs that are not finite; the checkpoint is damaged there, or dtype f32 is needed", expert,
                     layer);
}

// Sums of one layer while batches go through it. They lie on the walk's device.
class LayerCollector {
 public:
  LayerCollector(LayerWalk& walk, const LayerConfig& config, const std::vector<TensorSpec>& tensors, const std::set<Observed>& what)
      : walk_(walk), experts_(config.experts), config_(config), what_(what), device_(walk.device()), is_deferred_(takes_device_path(device_)) {
    for (const TensorSpec& tensor : tensors) {
      if (tensor.layer == walk.layer()) names_[{tensor.role, tensor.expert}] = &tensor;
    }
    if (config.mlp != LayerConfig::Mlp::kMoe) return;
    stats_.count = zeros({experts_}, at::kLong);
    stats_.router_probability = zeros({experts_});
    if (wants(Observed::kGates)) stats_.gate_probability = zeros({experts_}), stats_.gate_renormalized = zeros({experts_});
    if (wants(Observed::kCoactivation)) stats_.coactivation = zeros({experts_, experts_}, at::kLong);
    if (wants(Observed::kOutputNorms)) {
      for (at::Tensor* sum : {&stats_.output_norm, &stats_.output_square_norm, &stats_.probability_norm, &stats_.renormalized_norm, &stats_.max_activation})
        *sum = zeros({experts_});
      is_finite_ = at::ones({experts_}, at::TensorOptions(device_).dtype(at::kBool));
    }
  }

  Observer observe(std::size_t batch) {
    sequence_of_row_ = walk_.sequence_of_row(batch).to(device_);
    Observer observer;
    observer.routing = [this](int, const Routing& routing) { add_routing(routing); };
    if (wants(Observed::kOutputNorms) || wants_inputs() || wants(Observed::kGateInputNorms)) {
      observer.expert = [this](const ExpertCall& call) { add_expert(call); };
    }
    if (wants_inputs()) {
      observer.linear = [this](const LinearInput& linear) { add_input(stats_.inputs, linear.role, -1, linear.input, sequence_of_row_); };
    }
    if (wants(Observed::kMeanOutputs)) {
      observer.moe_input = [this](int, const at::Tensor& hidden) { add_mean_outputs(hidden); };
    }
    return observer;
  }

  LayerStats finish() {
    if (stats_.mean_output.defined()) stats_.mean_output = stats_.mean_output / static_cast<double>(stats_.tokens);
    if (!ratios_.empty()) stats_.skip_ratios = at::cat(ratios_);
    if (is_deferred_) bring_to_host();
    return std::move(stats_);
  }

 private:
  at::Tensor zeros(at::IntArrayRef shape, at::ScalarType type = at::kDouble) const { return at::zeros(shape, at::TensorOptions(device_).dtype(type)); }

  void bring_to_host() {
    if (is_finite_.defined()) {
      const at::Tensor finite = is_finite_.cpu();
      for (std::int64_t expert = 0; expert < experts_; ++expert) {
        if (!finite.const_data_ptr<bool>()[expert]) throw not_finite_output(static_cast<int>(expert), walk_.layer());
      }
    }
    for (at::Tensor* sum :
         {&stats_.count, &stats_.router_probability, &stats_.gate_probability, &stats_.gate_renormalized, &stats_.coactivation, &stats_.output_norm,
          &stats_.output_square_norm, &stats_.probability_norm, &stats_.renormalized_norm, &stats_.max_activation, &stats_.skip_ratios, &stats_.mean_output}) {
      if (sum->defined()) *sum = sum->cpu();
    }
    for (auto* inputs : {&stats_.inputs, &stats_.gated_inputs}) {
      for (auto& [name, sum] : *inputs) {
        sum.square_sum = sum.square_sum.cpu();
        check_finite(sum.square_sum, name);
        if (sum.gram.defined()) sum.gram = sum.gram.cpu();
        sum.calls += calls_.at(&sum).item<std::int64_t>();
      }
    }
  }

  bool wants(Observed observed) const { return what_.contains(observed); }

  bool wants_inputs() const { return wants(Observed::kInputNorms) || wants(Observed::kGrams); }

  void add_routing(const Routing& routing) {
    probabilities_ = routing.logits.to(at::kFloat).softmax(-1);
    const at::Tensor chosen = probabilities_.gather(1, routing.experts);  // [rows, k]
    chosen_sum_ = chosen.sum(-1);
    stats_.tokens += probabilities_.size(0);
    const at::Tensor is_chosen = at::zeros_like(probabilities_, at::kDouble).scatter_(1, routing.experts, 1.0);  // [rows, E]
    stats_.count += is_chosen.sum(0).to(at::kLong);
    const at::Tensor probabilities = probabilities_.to(at::kDouble);
    stats_.router_probability += probabilities.sum(0);
    if (wants(Observed::kGates)) {
      stats_.gate_probability += (probabilities * is_chosen).sum(0);
      stats_.gate_renormalized += ((probabilities_ / chosen_sum_.unsqueeze(1)).to(at::kDouble) * is_chosen).sum(0);
    }
    if (wants(Observed::kCoactivation)) {
      at::Tensor pairs = is_chosen.t().matmul(is_chosen).to(at::kLong);
      pairs.fill_diagonal_(0);
      stats_.coactivation += pairs;
    }
    if (wants(Observed::kSkipRatios)) ratios_.push_back((chosen.select(1, chosen.size(1) - 1) / chosen.select(1, 0)));
  }

  void add_expert(const ExpertCall& call) {
    if (wants(Observed::kOutputNorms)) add_output(call);
    if (wants_inputs()) add_expert_inputs(stats_.inputs, call, {});
    if (wants(Observed::kGateInputNorms)) {
      const at::Tensor gate = (probabilities_.select(1, call.expert).index_select(0, call.rows) / chosen_sum_.index_select(0, call.rows)).unsqueeze(1);
      add_expert_inputs(stats_.gated_inputs, call, gate);
    }
  }

  void add_expert_inputs(std::map<std::string, InputNorm>& sums, const ExpertCall& call, const at::Tensor& gate) {
    const at::Tensor sequences = sequence_of_row_.index_select(0, call.rows);
    const at::Tensor input = gate.defined() ? call.input.to(at::kFloat) * gate : call.input;
    const at::Tensor activation = gate.defined() ? call.activation.to(at::kFloat) * gate : call.activation;
    const int stored = config_.stored_expert(call.expert);
    add_input(sums, Role::kExpertGate, stored, input, sequences);
    add_input(sums, Role::kExpertUp, stored, input, sequences);
    add_input(sums, Role::kExpertDown, stored, activation, sequences);
  }

  void add_output(const ExpertCall& call) {
    const at::Tensor output = call.output.to(at::kFloat);
    const at::Tensor finite = output.isfinite().all();
    if (!is_deferred_ && !finite.item<bool>()) throw not_finite_output(call.expert, call.layer);
    is_finite_[call.expert].logical_and_(finite);
    const at::Tensor norms = output.norm(2, 1).to(at::kDouble);
    const at::Tensor probability = probabilities_.select(1, call.expert).index_select(0, call.rows).to(at::kDouble);
    const at::Tensor renormalized = probability / chosen_sum_.index_select(0, call.rows).to(at::kDouble);
    const auto add = [&](at::Tensor& sum, const at::Tensor& values) { sum[call.expert] += values.sum(); };
    add(stats_.output_norm, norms);
    add(stats_.output_square_norm, norms.square());
    add(stats_.probability_norm, norms * probability);
    add(stats_.renormalized_norm, norms * renormalized);
    at::Tensor largest = stats_.max_activation[call.expert];
    at::maximum_out(largest, largest, output.max().to(at::kDouble));
  }

  void add_input(std::map<std::string, InputNorm>& sums, Role role, int expert, const at::Tensor& input, const at::Tensor& sequences) {
    InputNorm& sum = sums[names_.at({role, expert})->name];
    const at::Tensor squares = input.to(at::kFloat).square().sum(0, /*keepdim=*/false, at::kDouble);
    if (!is_deferred_) check_finite(squares, names_.at({role, expert})->name);
    sum.square_sum = sum.square_sum.defined() ? sum.square_sum + squares : squares;
    sum.tokens += input.size(0);
    if (wants(Observed::kGrams) && &sums == &stats_.inputs) {
      const at::Tensor x = input.to(at::kDouble);
      const at::Tensor gram = x.t().matmul(x);
      sum.gram = sum.gram.defined() ? sum.gram + gram : gram;
    }
    add_calls(sum, sequences);
  }

  // Sequences with at least one row, which come one after another.
  void add_calls(InputNorm& sum, const at::Tensor& sequences) {
    if (!is_deferred_) {
      sum.calls += std::get<0>(at::unique_consecutive(sequences)).numel();
      return;
    }
    at::Tensor& calls = calls_[&sum];
    const at::Tensor changes = (sequences.narrow(0, 1, sequences.size(0) - 1) != sequences.narrow(0, 0, sequences.size(0) - 1)).sum() + 1;
    calls = calls.defined() ? calls + changes : changes;
  }

  void add_mean_outputs(const at::Tensor& hidden) {
    if (!stats_.mean_output.defined()) stats_.mean_output = zeros({experts_, hidden.size(1)});
    const MoeWeights& moe = *walk_.weights().moe;
    for (std::int64_t expert = 0; expert < experts_; ++expert) {
      stats_.mean_output[expert] += run_mlp(*moe.experts[expert], hidden).sum(0, /*keepdim=*/false, at::kDouble);
    }
  }

  LayerWalk& walk_;
  std::int64_t experts_;
  const LayerConfig& config_;
  const std::set<Observed>& what_;
  const at::Device device_;
  const bool is_deferred_;  // sums are looked at when the layer is done, so that the device is never waited for
  std::map<std::pair<Role, int>, const TensorSpec*> names_;
  at::Tensor sequence_of_row_;             // of the batch that runs
  at::Tensor probabilities_, chosen_sum_;  // f32 [rows, experts], [rows]
  std::vector<at::Tensor> ratios_;
  at::Tensor is_finite_;                          // bool [experts]: of their outputs
  std::map<const InputNorm*, at::Tensor> calls_;  // where they are counted on a device
  LayerStats stats_;
};

}  // namespace

LayerStats collect_layer_stats(LayerWalk& walk, const ModelConfig& config, const std::vector<TensorSpec>& tensors, const std::set<Observed>& what) {
  LayerCollector collector(walk, config.layers[walk.layer()], tensors, what);
  walk.run([&](std::size_t batch) { return collector.observe(batch); });
  return collector.finish();
}

CalibrationStats collect_stats(LayerWalk& walk, const ModelConfig& config, const std::vector<TensorSpec>& tensors, const std::set<Observed>& what) {
  CalibrationStats stats{.sequences = walk.sequences()};
  while (walk.enter_next_layer()) stats.layers.push_back(collect_layer_stats(walk, config, tensors, what));
  return stats;
}

}  // namespace winnow
