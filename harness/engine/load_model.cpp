#include <ATen/ATen.h>
#include <ATen/core/CachingHostAllocator.h>

#include <algorithm>
#include <numeric>

#include "harness/core/error.h"
#include "harness/engine/bitmap.h"
#include "harness/engine/device_experts.h"
#include "harness/engine/device_path.h"
#include "harness/engine/expert_stream.h"
#include "harness/engine/model.h"
#include "harness/engine/rope.h"

namespace winnow {
namespace {

class Loader {
 public:
  Loader(const ModelConfig& config, WeightSource& source, const LoadOptions& options) : source_(source), options_(options) {
    model_.config = config;
    model_.dtype = options.dtype;
    model_.device = options.device;
    model_.layers.resize(config.layers.size());
    kept_.resize(config.layers.size());
    if (options.experts != LoadOptions::Experts::kDense && !takes_device_path(options.device))
      throw unsupported_error("experts {}: the CPU runs them dense; load them dense, or use device cuda", is_streamed() ? "streamed" : "as bitmaps");
    for (std::size_t layer = 0; layer < config.layers.size(); ++layer) prepare_layer(layer);
    // What earlier models left there, in blocks of sizes that this one may have no use for.
    if (is_streamed() && !options.device.is_cpu()) at::getHostAllocator(options.device.type())->empty_cache();
  }

  void load(const TensorSpec& spec) {
    if (spec.expert >= 0 && (place_of(spec) < 0 || shares_storage(model_.config, spec))) return;
    const at::Tensor stored = takes_device_path(options_.device) ? source_.read_near(spec, options_.device) : source_.read(spec);
    WINNOW_CHECK(stored.sizes() == at::IntArrayRef(spec.shape));
    place(spec, stored);
    source_.release(spec);
  }

  LayerWeights finish_layer(int layer) {
    stream_experts();
    return std::move(model_.layers[layer]);
  }

  Model finish() {
    if (model_.config.tied_embeddings) model_.output_head.weight = model_.embedding;
    WINNOW_CHECK(model_.final_norm.defined() && model_.output_head.weight.defined());
    stream_experts();
    return finish_embedding();
  }

  Model finish_head() {
    if (model_.config.tied_embeddings) model_.output_head.weight = std::move(model_.embedding);
    WINNOW_CHECK(model_.final_norm.defined() && model_.output_head.weight.defined());
    return std::move(model_);
  }

  Model finish_embedding() {
    WINNOW_CHECK(model_.embedding.defined());
    model_.rope_frequencies = rope_frequencies(model_.config.attention.rope, model_.config.attention.head_dim);
    return std::move(model_);
  }

 private:
  bool is_streamed() const { return options_.experts == LoadOptions::Experts::kStreamed; }

  void prepare_layer(std::size_t layer) {
    LayerConfig& config = model_.config.layers[layer];
    if (config.mlp != LayerConfig::Mlp::kMoe) {
      model_.layers[layer].dense.emplace();
      return;
    }
    if (is_streamed() && !fits_grouped_products(model_.config.hidden, config.expert_width, static_cast<std::int64_t>(c10::elementSize(options_.dtype))))
      throw unsupported_error("experts streamed: layer {}'s matrices are {} x {}, and rows of both sizes must be multiples of 16 bytes; load the experts dense",
                              layer, config.expert_width, model_.config.hidden);
    std::vector<int>& kept = kept_[layer];
    if (layer < options_.kept_experts.size()) kept = options_.kept_experts[layer];
    if (kept.empty()) {
      kept.resize(config.experts);
      std::iota(kept.begin(), kept.end(), 0);
    }
    WINNOW_CHECK(std::is_sorted(kept.begin(), kept.end()) && kept.front() >= 0 && kept.back() < config.experts);
    MoeWeights& moe = model_.layers[layer].moe.emplace();
    moe.original_index = kept;
    moe.skip_beta = config.skip_beta;
    for (std::size_t expert = 0; expert < kept.size(); ++expert) experts_.push_back(std::make_shared<GatedMlp>());
    moe.experts.assign(experts_.end() - static_cast<std::ptrdiff_t>(kept.size()), experts_.end());
    first_expert_.resize(layer + 1);
    first_expert_[layer] = experts_.size() - kept.size();
    for (std::size_t expert = 0; expert < config.expert_storage.size(); ++expert) moe.experts[expert] = moe.experts[config.expert_storage[expert]];
    if (config.shared_width > 0) moe.shared.emplace();
    config.experts = static_cast<std::int64_t>(kept.size());
  }

  // Index among the experts kept, or -1.
  std::ptrdiff_t place_of(const TensorSpec& spec) const {
    const std::vector<int>& kept = kept_[spec.layer];
    const auto position = std::lower_bound(kept.begin(), kept.end(), spec.expert);
    return position != kept.end() && *position == spec.expert ? position - kept.begin() : -1;
  }

  // A copy of our own, since the stored tensor may lie in a mapped file. What is given away is not copied: malloc cannot use an aligned block's
  // hole for the next one of the same size, so the holes would come to a second model.
  at::Tensor own(const at::Tensor& stored) const {
    if (source_.gives_away() && stored.scalar_type() == options_.dtype && stored.device() == options_.device && stored.is_contiguous()) return stored;
    return own_as(stored, options_.dtype);
  }
  at::Tensor own_as(const at::Tensor& stored, at::ScalarType dtype) const {
    return stored.to(at::TensorOptions(options_.device).dtype(dtype), /*non_blocking=*/false, /*copy=*/true).contiguous();
  }

  // How a layer's experts lie in one stack; those merged in place share a place.
  struct StackLayout {
    std::vector<std::int64_t> places;  // of each expert kept
    std::int64_t stored = 0, width = 0, hidden = 0;

    // Undefined where each has its own, in order.
    at::Tensor shared_places(at::Device device) const { return stored < std::ssize(places) ? at::tensor(places, at::kLong).to(device) : at::Tensor(); }
  };

  // Of the layer that `spec`, a matrix of one of its experts, belongs to.
  const StackLayout& stack_layout(const TensorSpec& spec) {
    if (stack_layout_.first == spec.layer) return stack_layout_.second;
    const bool is_down = spec.role == Role::kExpertDown;
    StackLayout layout{.places = {}, .stored = 0, .width = spec.shape[is_down ? 1 : 0], .hidden = spec.shape[is_down ? 0 : 1]};
    const LayerConfig& config = model_.config.layers[spec.layer];
    const int experts = static_cast<int>(kept_[spec.layer].size());
    for (int expert = 0; expert < experts; ++expert) layout.places.push_back(config.stored_expert(expert) == expert ? layout.stored++ : -1);
    for (int expert = 0; expert < experts; ++expert) layout.places[expert] = layout.places[config.stored_expert(expert)];
    stack_layout_ = {spec.layer, std::move(layout)};
    return stack_layout_.second;
  }

  ExpertStack& stack_of(const TensorSpec& spec) {
    std::optional<ExpertStack>& stack = model_.layers[spec.layer].moe->stack;
    if (stack) return *stack;
    const StackLayout& layout = stack_layout(spec);
    const at::TensorOptions on_device = at::TensorOptions(options_.device).dtype(options_.dtype);
    const at::TensorOptions options = is_streamed() ? on_device.device(at::kCPU).pinned_memory(!options_.device.is_cpu()) : on_device;
    stack = ExpertStack{.gate_up = at::empty({layout.stored, 2 * layout.width, layout.hidden}, options),
                        .down = at::empty({layout.stored, layout.hidden, layout.width}, options),
                        .place = layout.shared_places(options_.device)};
    return *stack;
  }

  // Once all stacks are filled.
  void stream_experts() {
    if (!is_streamed()) return;
    std::vector<ExpertStack*> stacks;
    std::vector<ExpertStream::Matrices> matrices;
    for (LayerWeights& layer : model_.layers) {
      if (!layer.moe || !layer.moe->stack) continue;
      stacks.push_back(&*layer.moe->stack);
      matrices.push_back({stacks.back()->gate_up, stacks.back()->down});
    }
    if (stacks.empty()) return;
    const auto stream = std::make_shared<ExpertStream>(options_.device, std::move(matrices));
    for (std::size_t index = 0; index < stacks.size(); ++index) {
      stacks[index]->stream = stream;
      stacks[index]->in_stream = index;
    }
  }

  // Packs one matrix; a layer's bitmaps are whole when the last of its matrices has come.
  void pack(const TensorSpec& spec, const at::Tensor& stored) {
    const StackLayout& layout = stack_layout(spec);
    if (layout.width % 8 != 0 || layout.hidden % 8 != 0)
      throw unsupported_error("experts as bitmaps: {} is {} x {}, and both must be multiples of 8; load the experts dense", spec.name, spec.shape[0],
                              spec.shape[1]);
    if (packers_.layer != spec.layer) {
      packers_ = {spec.layer, BitmapPacker(layout.stored, 2 * layout.width, layout.hidden), BitmapPacker(layout.stored, layout.hidden, layout.width)};
    }
    const at::Tensor dense = own_as(stored, options_.dtype);
    BitmapPacker& packer = spec.role == Role::kExpertDown ? *packers_.down : *packers_.gate_up;
    packer.add(layout.places[place_of(spec)], spec.role == Role::kExpertUp ? layout.width : 0, dense);
    if (!packers_.gate_up->is_complete() || !packers_.down->is_complete()) return;
    ExpertStack& stack = model_.layers[spec.layer].moe->stack.emplace();
    stack.packed_gate_up = packers_.gate_up->finish();
    stack.packed_down = packers_.down->finish();
    stack.place = layout.shared_places(options_.device);
    packers_ = {};
  }

  // An expert's matrix: its own, or on a device a slice of the layer's stack; nothing where the layer is a bitmap.
  at::Tensor expert_matrix(const TensorSpec& spec, const at::Tensor& stored) {
    if (!takes_device_path(options_.device)) return own(stored);
    if (options_.experts == LoadOptions::Experts::kBitmap) {
      pack(spec, stored);
      return {};
    }
    ExpertStack& stack = stack_of(spec);
    const StackLayout& layout = stack_layout(spec);
    const std::int64_t place = layout.places[place_of(spec)], width = layout.width;
    at::Tensor slice = spec.role == Role::kExpertDown ? stack.down[place] : stack.gate_up[place].narrow(0, spec.role == Role::kExpertGate ? 0 : width, width);
    slice.copy_(stored);
    return slice;
  }

  GatedMlp& expert_of(const TensorSpec& spec) { return *experts_[first_expert_[spec.layer] + place_of(spec)]; }

  at::Tensor router_rows(const TensorSpec& spec, const at::Tensor& stored) const {
    const std::vector<std::int64_t> rows(kept_[spec.layer].begin(), kept_[spec.layer].end());
    return own_as(stored.index_select(0, at::tensor(rows, at::kLong).to(stored.device())).to(options_.dtype), at::kFloat);
  }

  void place(const TensorSpec& spec, const at::Tensor& stored) {
    if (spec.layer < 0) return place_outside_layers(spec, stored);
    LayerWeights& layer = model_.layers[spec.layer];
    AttentionWeights& attention = layer.attention;
    switch (spec.role) {
      case Role::kAttentionNorm: layer.attention_norm = own(stored); break;
      case Role::kMlpNorm: layer.mlp_norm = own(stored); break;
      case Role::kQuery: attention.query.weight = own(stored); break;
      case Role::kKey: attention.key.weight = own(stored); break;
      case Role::kValue: attention.value.weight = own(stored); break;
      case Role::kOutput: attention.output.weight = own(stored); break;
      case Role::kQueryBias: attention.query.bias = own(stored); break;
      case Role::kKeyBias: attention.key.bias = own(stored); break;
      case Role::kValueBias: attention.value.bias = own(stored); break;
      case Role::kOutputBias: attention.output.bias = own(stored); break;
      case Role::kDenseGate: layer.dense->gate.weight = own(stored); break;
      case Role::kDenseUp: layer.dense->up.weight = own(stored); break;
      case Role::kDenseDown: layer.dense->down.weight = own(stored); break;
      case Role::kRouter: layer.moe->router = router_rows(spec, stored); break;
      case Role::kExpertGate: expert_of(spec).gate.weight = expert_matrix(spec, stored); break;
      case Role::kExpertUp: expert_of(spec).up.weight = expert_matrix(spec, stored); break;
      case Role::kExpertDown: expert_of(spec).down.weight = expert_matrix(spec, stored); break;
      case Role::kSharedGate: layer.moe->shared->gate.weight = own(stored); break;
      case Role::kSharedUp: layer.moe->shared->up.weight = own(stored); break;
      case Role::kSharedDown: layer.moe->shared->down.weight = own(stored); break;
      case Role::kSharedRouter: layer.moe->shared_router = own_as(stored.to(options_.dtype), at::kFloat); break;
      case Role::kEmbedding:
      case Role::kFinalNorm:
      case Role::kOutputHead: WINNOW_CHECK(spec.layer < 0);
    }
  }

  void place_outside_layers(const TensorSpec& spec, const at::Tensor& stored) {
    switch (spec.role) {
      case Role::kEmbedding: model_.embedding = own(stored); break;
      case Role::kFinalNorm: model_.final_norm = own(stored); break;
      case Role::kOutputHead: model_.output_head.weight = own(stored); break;
      default: WINNOW_CHECK(spec.layer >= 0);
    }
  }

  WeightSource& source_;
  const LoadOptions& options_;
  Model model_;
  std::vector<std::vector<int>> kept_;              // by layer; empty on dense layers
  std::vector<std::shared_ptr<GatedMlp>> experts_;  // of all layers, writable while loading
  std::vector<std::size_t> first_expert_;           // by layer, into experts_
  struct {                                          // of the layer that is being read
    int layer = -1;
    std::optional<BitmapPacker> gate_up, down;
  } packers_;
  std::pair<int, StackLayout> stack_layout_{-1, {}};  // the same, or another's that was asked for last
};

}  // namespace

Model load_model(const ModelConfig& config, const std::vector<TensorSpec>& tensors, WeightSource& source, const LoadOptions& options) {
  Loader loader(config, source, options);
  for (const TensorSpec& spec : tensors) loader.load(spec);
  return loader.finish();
}

LayerWeights load_layer(const ModelConfig& config, const std::vector<TensorSpec>& tensors, int layer, WeightSource& source, const LoadOptions& options) {
  Loader loader(config, source, options);
  for (const TensorSpec& spec : tensors) {
    if (spec.layer == layer) loader.load(spec);
  }
  return loader.finish_layer(layer);
}

Model load_embedding(const ModelConfig& config, const std::vector<TensorSpec>& tensors, WeightSource& source, const LoadOptions& options) {
  Loader loader(config, source, options);
  for (const TensorSpec& spec : tensors) {
    if (spec.role == Role::kEmbedding) loader.load(spec);
  }
  return loader.finish_embedding();
}

Model load_head(const ModelConfig& config, const std::vector<TensorSpec>& tensors, WeightSource& source, const LoadOptions& options) {
  Loader loader(config, source, options);
  const Role head = config.tied_embeddings ? Role::kEmbedding : Role::kOutputHead;
  for (const TensorSpec& spec : tensors) {
    if (spec.role == head || spec.role == Role::kFinalNorm) loader.load(spec);
  }
  return loader.finish_head();
}

}  // namespace winnow
