#include "harness/engine/forward.h"
#include "harness/pruning/mask.h"
#include "tests/pruners/golden.h"

namespace winnow {
namespace {

// MoE-Pruner's score by hand for one expert: |W| · √Σ (g_t x_tj)², g the renormalised gate weight; half of every row goes.
TEST(MoePruner, WeighsEveryTokensInputByItsGate) {
  test::GoldenModel golden("mixtral8");
  CalibrationTokens tokens = golden.calibration();
  tokens.sequences.resize(2);
  const PrunePlan plan = golden.plan({Json{{"pruner", "moe_pruner"}, {"sparsity", 0.5}, {"statistics", "dense"}}}, tokens);

  const Model model = golden.load({});
  at::Tensor sum = at::zeros({golden.config().hidden}, at::kDouble), gates, chosen;
  PackedBatch batch;
  for (const auto& sequence : tokens.sequences) {
    batch.segments.push_back({.first_row = std::ssize(batch.tokens), .rows = std::ssize(sequence)});
    batch.tokens.insert(batch.tokens.end(), sequence.begin(), sequence.end());
  }
  const Observer observer{.routing =
                              [&](int layer, const Routing& routing) {
                                if (layer == 0) gates = routing.weights, chosen = routing.experts;
                              },
                          .expert =
                              [&](const ExpertCall& call) {
                                if (call.layer != 0 || call.expert != 3) return;
                                const at::Tensor gate = (gates * (chosen == 3)).sum(1).index_select(0, call.rows);  // Mixtral's weights are renormalised
                                sum += (call.input * gate.unsqueeze(1)).square().sum(0, false, at::kDouble);
                              }};
  forward(model, batch, {0}, observer);

  const std::string name = "model.layers.0.block_sparse_moe.experts.3.w1.weight";
  const at::Tensor weight = model.layers[0].moe->experts[3]->gate.weight;
  const at::Tensor kept = unpack_mask(plan.mask_bits.at(name), weight.sizes());
  const at::Tensor scores = weight.abs() * sum.sqrt().to(at::kFloat).unsqueeze(0);
  const at::Tensor cut = std::get<0>(scores.kthvalue(weight.size(1) / 2, 1, true));
  EXPECT_TRUE(kept.equal(scores > cut));
  for (const MaskRecord& mask : plan.masks) EXPECT_NE(mask.name.find(".experts."), std::string::npos);
}

}  // namespace
}  // namespace winnow
