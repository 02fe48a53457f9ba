#include "harness/app/measured_model.h"

#include <ATen/ATen.h>
#include <malloc.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "harness/app/make_plan.h"
#include "harness/core/error.h"
#include "harness/engine/cuda.h"
#include "harness/engine/timed_batch.h"
#include "harness/model/inspect.h"
#include "harness/model/weight_moments.h"
#include "harness/pruning/apply.h"
#include "harness/pruning/walk_together.h"
#include "harness/sweep/memory.h"

namespace winnow {
namespace {

// A variant as its plan leaves the model.
struct Planned {
  PrunePlan plan;
  PrunedCheckpoint pruned;
  bool is_dense = true;
};

BatchRun as_batch_run(const TimedBatch& batch) {
  return {.prefill_tokens = batch.prefill_tokens,
          .decode_tokens = batch.decode_tokens,
          .steps = batch.steps,
          .prefill_seconds = batch.prefill_seconds,
          .decode_seconds = batch.decode_seconds,
          .experts_touched = batch.experts_touched,
          .expert_rows = batch.expert_rows,
          .weight_bytes = batch.weight_bytes};
}

class ResidentModel : public TimedModel {
 public:
  ResidentModel(Model model, std::int64_t token_budget) : model_(std::move(model)), token_budget_(token_budget) {}
  BatchRun run(const TokenSequences& prompts, int new_tokens, Counting counting) override {
    return as_batch_run(run_timed_batch(model_, prompts,
                                        {.new_tokens = new_tokens,
                                         .token_budget = token_budget_,
                                         .counting = counting == Counting::kOn ? TimedBatchOptions::Counting::kOn : TimedBatchOptions::Counting::kOff}));
  }

 private:
  Model model_;
  std::int64_t token_budget_;
};

// Whether the model has the dense one's weights, all of them.
bool leaves_weights(const PrunePlan& plan) {
  return plan.masks.empty() && plan.weights.empty() &&
         std::ranges::all_of(plan.layers, [](const LayerPlan& layer) { return layer.kept.empty() && layer.representatives.empty() && layer.merges.empty(); });
}

class EngineModel : public EngineMeasuredModel {
 public:
  explicit EngineModel(MeasuredParts parts) : parts_(std::move(parts)), planned_(parts_.variants) { set(dense_, PrunePlan{}); }

  std::string plan(VariantNumber variant) override {
    std::unique_ptr<Planned>& planned = planned_.at(static_cast<std::size_t>(variant));
    PrunePlan plan = parts_.make_plan(variant);
    const bool is_dense = plan.steps.empty();
    set(planned, std::move(plan));
    planned->is_dense = is_dense;
    return is_dense ? "" : canonical_json(plan_to_json(planned->plan));
  }

  ModelSize size(VariantNumber variant) override {
    const Planned& of = planned(variant);
    ModelSize size{.parameters = of.pruned.config.parameters(), .active_parameters = of.pruned.config.active_parameters()};
    for (const LayerConfig& layer : of.pruned.config.layers) size.experts += layer.mlp == LayerConfig::Mlp::kMoe ? layer.experts : 0;
    for (const TensorSpec& tensor : of.pruned.tensors) {
      if (!shares_storage(of.pruned.config, tensor)) size.stored_bytes += stored_bytes(of.plan, tensor);
    }
    if (parts_.load.experts == LoadOptions::Experts::kStreamed) add_streamed_bytes(of.pruned, size);
    if (of.is_dense) size.file_bytes = parts_.file_bytes;
    const AttentionConfig& attention = of.pruned.config.attention;
    size.kv_bytes_per_token =
        2 * std::ssize(of.pruned.config.layers) * attention.kv_heads * attention.head_dim * static_cast<std::int64_t>(c10::elementSize(parts_.load.dtype));
    if (of.plan.realised) {
      size.realised_sparsity = of.plan.realised->linears;
      size.realised_expert_sparsity = of.plan.realised->experts;
    }
    size.has_zeros_in_dense_kernels = !of.plan.masks.empty() && parts_.load.experts != LoadOptions::Experts::kBitmap;
    size.is_dense = of.is_dense;
    return size;
  }

  std::vector<MatrixKind> weights(VariantNumber variant, const OnStep& on_step) override {
    const Planned& of = planned(variant);
    const bool are_dense = leaves_weights(of.plan);
    if (are_dense && !dense_kinds_.empty()) return dense_kinds_;
    std::vector<MatrixKind> kinds;
    for (RoleMoments& role : weight_moments(of.pruned.config, of.pruned.tensors, *of.pruned.weights, parts_.load.dtype, on_step)) {
      const bool is_linear = role.role != Role::kEmbedding && role.role != Role::kOutputHead;
      kinds.push_back({role_name(role.role), is_linear, role.all, role.nonzero});
    }
    if (are_dense) dense_kinds_ = kinds;
    return kinds;
  }

  MemoryUse use(VariantNumber variant, const TokenSequences& prompts, int new_tokens) override {
    const bool on_device = !parts_.load.device.is_cpu();
    malloc_trim(0);  // what earlier models left behind would be taken again before the process grows
    MemoryWatch watch(std::chrono::milliseconds(5));
    if (on_device) restart_device_peaks(parts_.load.device);
    const std::int64_t before = held_bytes();
    MemoryUse use;
    const Model model = load(planned(variant));
    malloc_trim(0);
    use.resident_bytes = held_bytes() - before;
    use.weight_bytes = weight_bytes(model);
    run_timed_batch(model, prompts, {.new_tokens = new_tokens, .token_budget = parts_.token_budget});
    const ResidentBytes peaks = watch.peaks();
    use.peak_bytes = peaks.total;
    use.peak_anonymous_bytes = peaks.anonymous;
    use.peak_file_bytes = peaks.file;
    if (on_device) {
      const DeviceMemory device = device_memory(parts_.load.device);
      use.device_allocated_peak_bytes = device.allocated_peak_bytes;
      use.device_reserved_peak_bytes = device.reserved_peak_bytes;
    }
    return use;
  }

  std::unique_ptr<TimedModel> open(VariantNumber variant) override {
    if (!parts_.load.device.is_cpu()) restart_device_peaks(parts_.load.device);  // large blocks that earlier models left would be cut up
    return std::make_unique<ResidentModel>(load(planned(variant)), parts_.token_budget);
  }

  std::int64_t available_bytes() const override {
    return parts_.load.device.is_cpu() ? static_cast<std::int64_t>(machine_memory().available_bytes) : device_memory(parts_.load.device).free_bytes;
  }

  std::int64_t available_host_bytes() const override { return static_cast<std::int64_t>(machine_memory().available_bytes); }

  std::int64_t vocabulary() const override { return parts_.config.vocabulary; }
  std::int64_t max_positions() const override { return parts_.config.max_positions; }
  std::optional<std::int32_t> bos_id() const override { return parts_.tokenizer ? parts_.tokenizer->bos_id() : std::nullopt; }
  std::vector<std::int32_t> encode(std::string_view text) const override {
    if (!parts_.tokenizer) throw unsupported_error("this model has no tokenizer, so it reads no text; measure it with speed and footprint, which need none");
    return parts_.tokenizer->encode(text, Tokenizer::Special::kAdd);
  }

  void compare_tokens(const Together& together, const OnWindow& on_window) override {
    for_each_chunk(together, [&](const TogetherWalk& walk, const CalibrationTokens& tokens, std::size_t first_window) {
      std::vector<std::size_t> first_predicted;
      for (std::size_t i = 0; i < tokens.sequences.size(); ++i) first_predicted.push_back(together.windows[first_window + i].first_predicted);
      std::vector<ComparedToken> window;
      walk_to_tokens(walk, tokens, first_predicted, [&](std::size_t variant, std::size_t sequence, const std::vector<TokenComparison>& predicted) {
        window.clear();
        for (const TokenComparison& token : predicted)
          window.push_back({token.divergence, token.dense_log_probability, token.variant_log_probability, token.same_top});
        on_window(alive_[variant], first_window + sequence, window);
      });
    });
  }

  std::map<VariantNumber, std::vector<LayerComparison>> compare_layers(const Together& together) override {
    std::map<VariantNumber, std::vector<LayerComparison>> sums;
    for_each_chunk(together, [&](const TogetherWalk& walk, const CalibrationTokens& tokens, std::size_t) {
      const std::vector<std::vector<MoeComparison>> compared = walk_moe_layers(walk, tokens);
      for (std::size_t v = 0; v < compared.size(); ++v) add_layers(compared[v], sums[alive_[v]]);
    });
    std::erase_if(sums, [this](const auto& variant) { return std::ranges::find(alive_, variant.first) == alive_.end(); });
    return sums;
  }

 private:
  void set(std::unique_ptr<Planned>& planned, PrunePlan plan) {
    planned = std::make_unique<Planned>(Planned{.plan = std::move(plan), .pruned = {}});
    planned->pruned = apply_plan(planned->plan, parts_.config, parts_.tensors, parts_.weights);
  }

  const Planned& planned(VariantNumber variant) const {
    const std::unique_ptr<Planned>& planned = variant == kDense ? dense_ : planned_.at(static_cast<std::size_t>(variant));
    WINNOW_CHECK(planned != nullptr);
    return *planned;
  }

  Model load(const Planned& of) const { return load_model(of.pruned.config, of.pruned.tensors, *of.pruned.weights, parts_.load); }

  // Walks as many windows at a time as a quarter of the free memory has room for; variants that fail in one chunk are left out of the next.
  template <class Walk>
  void for_each_chunk(const Together& together, const Walk& walk_chunk) {
    alive_ = together.variants;
    std::size_t steps_done = 0;
    for (std::size_t first = 0; first < together.windows.size() && !alive_.empty();) {
      std::set<std::size_t> failed;
      TogetherWalk walk = walk_of(alive_);
      walk.on_failed = [&](std::size_t variant, const std::string& reason) {
        failed.insert(variant);
        together.on_failed(alive_[variant], reason);
      };
      const std::int64_t room = std::max<std::int64_t>(available_bytes() / 4 / bytes_per_token(walk), parts_.token_budget);
      CalibrationTokens tokens;
      std::int64_t rows = 0;
      std::size_t end = first;
      for (; end < together.windows.size() && (rows == 0 || rows + std::ssize(together.windows[end].ids) <= room); ++end) {
        rows += std::ssize(together.windows[end].ids);
        tokens.sequences.push_back(together.windows[end].ids);
      }
      // Steps of all chunks, were they all as long as this one.
      const std::size_t steps_of_chunk = parts_.config.layers.size() * (1 + alive_.size()) + tokens.sequences.size() + 2;
      const std::size_t chunks_left = (together.windows.size() - first + (end - first) - 1) / (end - first);
      const std::size_t total = steps_done + steps_of_chunk * chunks_left;
      walk.on_step = [&] {
        if (together.on_step) together.on_step(std::min(++steps_done, total), total);
      };
      walk_chunk(walk, tokens, first);
      std::vector<VariantNumber> left;
      for (std::size_t v = 0; v < alive_.size(); ++v) {
        if (!failed.contains(v)) left.push_back(alive_[v]);
      }
      alive_ = std::move(left);
      first = end;
    }
  }

  TogetherWalk walk_of(const std::vector<VariantNumber>& variants) const {
    const auto walked = [&](const Planned& of) {
      const bool changes_head = std::ranges::any_of(of.pruned.tensors, [&](const TensorSpec& tensor) {
        return tensor.layer < 0 && (of.plan.mask_bits.contains(tensor.name) || of.plan.weights.contains(tensor.name));
      });
      return WalkedModel{of.pruned.config, of.pruned.tensors, *of.pruned.weights, of.is_dense, !changes_head};
    };
    TogetherWalk walk{.dense = walked(*dense_),
                      .variants = {},
                      .options = {.dtype = parts_.load.dtype, .device = parts_.load.device, .sequences_per_batch = 1},
                      .on_failed = {},
                      .on_step = {}};
    for (const VariantNumber variant : variants) walk.variants.push_back(walked(planned(variant)));
    return walk;
  }

  static void add_layers(const std::vector<MoeComparison>& more, std::vector<LayerComparison>& sums) {
    sums.resize(std::max(sums.size(), more.size()));
    for (std::size_t l = 0; l < more.size(); ++l) {
      sums[l].layer = more[l].layer;
      sums[l].dense_squares += more[l].dense_squares;
      sums[l].same_input_squares += more[l].same_input_squares;
      sums[l].own_input_squares += more[l].own_input_squares;
      add_counts(more[l].dense_load, sums[l].dense_load);
      add_counts(more[l].variant_load, sums[l].variant_load);
    }
  }

  static void add_counts(const std::vector<std::int64_t>& more, std::vector<std::int64_t>& counts) {
    counts.resize(std::max(counts.size(), more.size()));
    for (std::size_t i = 0; i < more.size(); ++i) counts[i] += more[i];
  }

  // In the format in which it runs: a masked expert that is a bitmap takes a bit for each weight and room for those that are left.
  std::int64_t stored_bytes(const PrunePlan& plan, const TensorSpec& tensor) const {
    const std::int64_t dense = elements(tensor) * bytes_per_element(tensor.role);
    if (parts_.load.experts != LoadOptions::Experts::kBitmap || tensor.expert < 0) return dense;
    const auto mask = std::ranges::find(plan.masks, tensor.name, &MaskRecord::name);
    const std::int64_t kept = mask == plan.masks.end() ? elements(tensor) : mask->kept;
    constexpr std::int64_t kBytesOfRowStart = 8;
    return kept * bytes_per_element(tensor.role) + elements(tensor) / 8 + tensor.shape[0] * kBytesOfRowStart;
  }

  // Experts lie in the host's memory; the device has room for those of the largest layer, twice.
  void add_streamed_bytes(const PrunedCheckpoint& pruned, ModelSize& size) const {
    std::map<int, std::int64_t> by_layer;
    for (const TensorSpec& tensor : pruned.tensors) {
      if (tensor.expert >= 0 && !shares_storage(pruned.config, tensor)) by_layer[tensor.layer] += elements(tensor) * bytes_per_element(tensor.role);
    }
    for (const auto& [layer, bytes] : by_layer) {
      size.streamed_bytes += bytes;
      size.slot_bytes = std::max(size.slot_bytes, 2 * bytes);
    }
  }

  // Routers are widened when they are loaded.
  std::int64_t bytes_per_element(Role role) const {
    return role == Role::kRouter || role == Role::kSharedRouter ? 4 : static_cast<std::int64_t>(c10::elementSize(parts_.load.dtype));
  }

  std::int64_t held_bytes() const { return parts_.load.device.is_cpu() ? resident_bytes().anonymous : device_memory(parts_.load.device).allocated_bytes; }

  MeasuredParts parts_;
  std::unique_ptr<Planned> dense_;
  std::vector<std::unique_ptr<Planned>> planned_;  // by variant
  std::vector<MatrixKind> dense_kinds_;            // once they were looked at
  std::vector<VariantNumber> alive_;               // while some walk together: those that have not failed
};

}  // namespace

std::unique_ptr<EngineMeasuredModel> make_measured_model(MeasuredParts parts) { return std::make_unique<EngineModel>(std::move(parts)); }

}  // namespace winnow
