#include "harness/pruning/walk_together.h"

#include <ATen/ATen.h>

#include <memory>
#include <optional>

#include "harness/core/error.h"
#include "harness/engine/experts.h"

namespace winnow {
namespace {

// The walks of one TogetherWalk; a variant's is empty once it failed, and for the dense model as a variant.
class Walks {
 public:
  Walks(const TogetherWalk& walk, const CalibrationTokens& tokens) : walk_(walk), dense_(make(walk.dense, tokens)), failed_(walk.variants.size(), false) {
    for (std::size_t v = 0; v < walk.variants.size(); ++v) {
      variants_.emplace_back();
      if (!walk.variants[v].is_dense) guard(v, [&] { variants_[v].emplace(make(walk.variants[v], tokens)); });
    }
  }

  LayerWalk& dense() { return dense_; }
  LayerWalk* variant(std::size_t v) { return variants_[v] ? &*variants_[v] : nullptr; }
  bool has_failed(std::size_t v) const { return failed_[v]; }
  std::size_t variants() const { return variants_.size(); }
  // The walk that has the variant's hidden states.
  LayerWalk& states_of(std::size_t v) { return walk_.variants[v].is_dense ? dense_ : *variants_[v]; }

  // Runs what may fail for a variant without harm to the others.
  template <class Do>
  void guard(std::size_t v, const Do& work) {
    try {
      work();
    } catch (const Error& error) {
      fail(v, error.what());
    } catch (const c10::Error& error) {
      fail(v, error.what_without_backtrace());
    }
  }
  void fail(std::size_t v, const std::string& reason) {
    failed_[v] = true;
    variants_[v].reset();
    walk_.on_failed(v, reason);
  }

 private:
  LayerWalk make(const WalkedModel& model, const CalibrationTokens& tokens) const {
    return LayerWalk(model.config, model.tensors, model.weights, tokens, walk_.options);
  }

  const TogetherWalk& walk_;
  LayerWalk dense_;
  std::vector<std::optional<LayerWalk>> variants_;
  std::vector<bool> failed_;
};

std::vector<std::int64_t> predicting_rows(const std::vector<std::vector<std::int32_t>>& sequences, std::size_t first, std::size_t end,
                                          const std::vector<std::size_t>& first_predicted, std::vector<std::int32_t>& targets) {
  std::vector<std::int64_t> rows;
  std::int64_t row = 0;
  for (std::size_t s = first; s < end; ++s) {
    for (std::size_t token = first_predicted[s]; token < sequences[s].size(); ++token) {
      rows.push_back(row + static_cast<std::int64_t>(token) - 1);
      targets.push_back(sequences[s][token]);
    }
    row += std::ssize(sequences[s]);
  }
  return rows;
}

// Distributions after some rows, in doubles: [rows, vocabulary].
struct Distributions {
  at::Tensor log_probabilities, top;  // top [rows], int64
  bool finite;
};

Distributions distributions(const Model& head, const at::Tensor& hidden) {
  const at::Tensor wide = logits(head, final_norm(head, hidden)).to(at::kDouble);
  return {at::log_softmax(wide, 1), wide.argmax(1).cpu(), wide.isfinite().all().item<bool>()};
}

void compare_rows(const Distributions& dense, const at::Tensor& dense_probabilities, const Distributions& variant, const at::Tensor& targets,
                  std::vector<TokenComparison>& compared) {
  const at::Tensor divergence = (dense_probabilities * (dense.log_probabilities - variant.log_probabilities)).sum(1).clamp_min(0).cpu();
  const at::Tensor of_dense = dense.log_probabilities.gather(1, targets).squeeze(1).cpu(),
                   of_variant = variant.log_probabilities.gather(1, targets).squeeze(1).cpu();
  for (std::int64_t row = 0; row < divergence.size(0); ++row) {
    compared.push_back({divergence.const_data_ptr<double>()[row], of_dense.const_data_ptr<double>()[row], of_variant.const_data_ptr<double>()[row],
                        dense.top.const_data_ptr<std::int64_t>()[row] == variant.top.const_data_ptr<std::int64_t>()[row]});
  }
}

// The comparisons of one batch's predicted rows, by variant.
std::vector<std::vector<TokenComparison>> compare_batch(Walks& walks, std::size_t batch, const Model& dense_head, const std::vector<const Model*>& heads,
                                                        const std::vector<std::int64_t>& rows, const std::vector<std::int32_t>& targets) {
  std::vector<std::vector<TokenComparison>> compared(heads.size());
  const at::Device device = dense_head.device;
  const std::int64_t chunk = std::clamp<std::int64_t>((std::int64_t{4} << 20) / dense_head.config.vocabulary, 1, 256);
  for (std::int64_t first = 0; first < std::ssize(rows); first += chunk) {
    const std::int64_t count = std::min(chunk, std::ssize(rows) - first);
    const at::Tensor some = at::tensor(at::ArrayRef<std::int64_t>(rows.data() + first, count), at::kLong).to(device);
    const at::Tensor true_tokens = at::tensor(at::ArrayRef<std::int32_t>(targets.data() + first, count), at::kInt).to(at::kLong).unsqueeze(1).to(device);
    const Distributions dense = distributions(dense_head, walks.dense().input(batch).index_select(0, some));
    if (!dense.finite) throw std::runtime_error("the dense model's logits are not finite; winnow trace shows where");
    const at::Tensor probabilities = dense.log_probabilities.exp();
    for (std::size_t v = 0; v < heads.size(); ++v) {
      if (walks.has_failed(v)) continue;
      const Distributions variant = distributions(*heads[v], walks.states_of(v).input(batch).index_select(0, some));
      if (variant.finite) {
        compare_rows(dense, probabilities, variant, true_tokens, compared[v]);
      } else {
        walks.fail(v, "its logits are not finite");
      }
    }
  }
  return compared;
}

std::vector<std::int64_t> add_load(std::vector<std::int64_t> load, const Routing& routing, std::size_t experts) {
  load.resize(experts);
  const at::Tensor chosen = routing.experts.cpu(), weights = routing.weights.cpu();
  for (std::int64_t slot = 0; slot < chosen.numel(); ++slot) {
    if (weights.const_data_ptr<float>()[slot] != 0) ++load[static_cast<std::size_t>(chosen.const_data_ptr<std::int64_t>()[slot])];
  }
  return load;
}

double squares(const at::Tensor& tensor) {
  double sum = 0;
  constexpr std::int64_t kRows = 512;  // widened at a time
  for (std::int64_t first = 0; first < tensor.size(0); first += kRows)
    sum += tensor.narrow(0, first, std::min(kRows, tensor.size(0) - first)).to(at::kDouble).square().sum().item<double>();
  return sum;
}

double squared_difference(const at::Tensor& a, const at::Tensor& b) {
  double sum = 0;
  constexpr std::int64_t kRows = 512;
  for (std::int64_t first = 0; first < a.size(0); first += kRows) {
    const std::int64_t count = std::min(kRows, a.size(0) - first);
    sum += (a.narrow(0, first, count).to(at::kDouble) - b.narrow(0, first, count).to(at::kDouble)).square().sum().item<double>();
  }
  return sum;
}

// What the dense model's MoE layer got and gave, by batch.
struct DenseLayer {
  std::vector<at::Tensor> inputs, outputs;
  MoeComparison sums;
};

DenseLayer run_dense_layer(LayerWalk& walk, int layer) {
  DenseLayer dense;
  dense.sums.layer = layer;
  const std::size_t experts = walk.weights().moe ? walk.weights().moe->experts.size() : 0;
  walk.run([&](std::size_t) {
    Observer observer;
    observer.moe_input = [&](int, const at::Tensor& hidden) { dense.inputs.push_back(hidden); };
    observer.moe_output = [&](int, const at::Tensor& hidden) {
      dense.outputs.push_back(hidden);
      dense.sums.dense_squares += squares(hidden);
    };
    observer.routing = [&](int, const Routing& routing) { dense.sums.dense_load = add_load(std::move(dense.sums.dense_load), routing, experts); };
    return observer;
  });
  return dense;
}

MoeComparison run_variant_layer(LayerWalk& walk, const RouterConfig& router, const DenseLayer& dense) {
  MoeComparison compared = dense.sums;
  const MoeWeights& moe = *walk.weights().moe;
  walk.run([&](std::size_t batch) {
    Observer observer;
    observer.moe_output = [&, batch](int, const at::Tensor& hidden) { compared.own_input_squares += squared_difference(hidden, dense.outputs[batch]); };
    observer.routing = [&](int, const Routing& routing) { compared.variant_load = add_load(std::move(compared.variant_load), routing, moe.experts.size()); };
    return observer;
  });
  const c10::InferenceMode no_gradients;
  for (std::size_t batch = 0; batch < dense.inputs.size(); ++batch) {
    compared.same_input_squares += squared_difference(run_moe(router, moe, compared.layer, dense.inputs[batch], {}), dense.outputs[batch]);
  }
  return compared;
}

}  // namespace

std::int64_t bytes_per_token(const TogetherWalk& walk) {
  std::int64_t models = 1;
  for (const WalkedModel& variant : walk.variants) models += variant.is_dense ? 0 : 1;
  // Hidden states going in and coming out of a layer, and the dense MoE layer's.
  return (2 * models + 2) * walk.dense.config.hidden * static_cast<std::int64_t>(c10::elementSize(walk.options.dtype));
}

void walk_to_tokens(const TogetherWalk& walk, const CalibrationTokens& tokens, const std::vector<std::size_t>& first_predicted,
                    const std::function<void(std::size_t variant, std::size_t sequence, const std::vector<TokenComparison>& predicted)>& on_sequence) {
  Walks walks(walk, tokens);
  const auto step = [&](LayerWalk& model) {
    walk.on_step();
    if (!model.enter_next_layer()) return false;
    model.run();
    model.leave();
    return true;
  };
  while (step(walks.dense())) {
    for (std::size_t v = 0; v < walks.variants(); ++v) {
      if (walks.variant(v) != nullptr) walks.guard(v, [&] { step(*walks.variant(v)); });
    }
  }
  const c10::InferenceMode no_gradients;
  const LoadOptions load{.dtype = walk.options.dtype, .device = walk.options.device, .kept_experts = {}};
  const Model dense_head = load_head(walk.dense.config, walk.dense.tensors, walk.dense.weights, load);
  std::vector<std::unique_ptr<Model>> own_heads(walks.variants());
  std::vector<const Model*> heads(walks.variants(), &dense_head);
  for (std::size_t v = 0; v < walks.variants(); ++v) {
    const WalkedModel& variant = walk.variants[v];
    if (walks.variant(v) == nullptr) continue;
    walks.variant(v)->enter_next_layer();
    if (variant.shares_head) continue;
    walks.guard(v, [&] { own_heads[v] = std::make_unique<Model>(load_head(variant.config, variant.tensors, variant.weights, load)); });
    heads[v] = own_heads[v].get();
  }
  const std::size_t per_batch = walk.options.sequences_per_batch;
  for (std::size_t batch = 0; batch < walks.dense().batches(); ++batch) {
    walk.on_step();
    const std::size_t first = batch * per_batch, end = std::min(first + per_batch, tokens.sequences.size());
    std::vector<std::int32_t> targets;
    const std::vector<std::int64_t> rows = predicting_rows(tokens.sequences, first, end, first_predicted, targets);
    const std::vector<std::vector<TokenComparison>> compared = compare_batch(walks, batch, dense_head, heads, rows, targets);
    for (std::size_t v = 0; v < compared.size(); ++v) {
      auto token = compared[v].begin();
      for (std::size_t s = first; s < end && !walks.has_failed(v); ++s) {
        const auto count = static_cast<std::ptrdiff_t>(tokens.sequences[s].size() - first_predicted[s]);
        on_sequence(v, s, {token, token + count});
        token += count;
      }
    }
  }
}

std::vector<std::vector<MoeComparison>> walk_moe_layers(const TogetherWalk& walk, const CalibrationTokens& tokens) {
  Walks walks(walk, tokens);
  std::vector<std::vector<MoeComparison>> compared(walks.variants());
  for (;;) {
    walk.on_step();
    if (!walks.dense().enter_next_layer()) break;
    const DenseLayer dense = run_dense_layer(walks.dense(), walks.dense().layer());
    const bool is_moe = walks.dense().weights().moe.has_value();
    walks.dense().leave();
    for (std::size_t v = 0; v < walks.variants(); ++v) {
      if (walk.variants[v].is_dense && is_moe) {
        compared[v].push_back(dense.sums);
        compared[v].back().variant_load = dense.sums.dense_load;
      }
      if (walks.variant(v) == nullptr) continue;
      walk.on_step();
      walks.guard(v, [&] {
        LayerWalk& own = *walks.variant(v);
        own.enter_next_layer();
        if (is_moe) {
          compared[v].push_back(run_variant_layer(own, walk.variants[v].config.router, dense));
        } else {
          own.run();
        }
        own.leave();
      });
    }
  }
  for (std::size_t v = 0; v < walks.variants(); ++v) {
    if (walks.has_failed(v)) compared[v].clear();
  }
  return compared;
}

}  // namespace winnow
