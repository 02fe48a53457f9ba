#pragma once
#include <array>
#include <functional>
#include <string>
#include <vector>

#include "harness/model/family.h"

namespace winnow {

// Collects tensors under the prefix of one layer: "model.layers.3." + name.
class LayerTensors {
 public:
  LayerTensors(std::vector<TensorSpec>& all, int layer) : all_(all), layer_(layer), prefix_("model.layers." + std::to_string(layer) + ".") {}
  void add(Role role, const std::string& name, std::vector<std::int64_t> shape, int expert = -1) {
    all_.push_back({.role = role, .layer = layer_, .expert = expert, .name = prefix_ + name, .shape = std::move(shape)});
  }
  // `gate`, `up`, `down` name the three matrices of a gated MLP of this width.
  void add_gated_mlp(std::array<Role, 3> roles, const std::array<std::string, 3>& names, std::int64_t width, std::int64_t hidden, int expert = -1) {
    add(roles[0], names[0], {width, hidden}, expert);
    add(roles[1], names[1], {width, hidden}, expert);
    add(roles[2], names[2], {hidden, width}, expert);
  }
  int layer() const { return layer_; }

 private:
  std::vector<TensorSpec>& all_;
  int layer_;
  std::string prefix_;
};

// The tensors of a decoder of the Llama line in the order of the forward pass: embedding; per layer the two norms, attention and
// what `add_mlp` names; final norm and head.
std::vector<TensorSpec> decoder_tensors(const ModelConfig& config, const std::function<void(LayerTensors&, const LayerConfig&)>& add_mlp);

// mlp.{gate,up,down}_proj of a dense layer.
void add_dense_mlp(LayerTensors& tensors, const ModelConfig& config, const LayerConfig& layer);

}  // namespace winnow
