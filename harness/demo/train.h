#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "harness/demo/trainable_moe.h"
#include "harness/demo/training_rows.h"

namespace winnow {

struct TrainingPlan {
  std::int64_t steps = 5000, warmup_steps = 200;
  std::int64_t rows = 16, length = 256;  // of a step
  double peak_rate = 3e-3, last_rate_share = 0.05, weight_decay = 0.1, balance_weight = 0.01;
  std::uint64_t seed = 1;
  TaskWeights weights = {};
  SourceShares shares = {};
  EarlyExit early = {};

  OrderedJson to_json() const;  // what a state file was trained by; resuming by another is refused
};

// Cosine from the peak down to last_rate_share of it, after a linear warm-up. `step` from 0.
double learning_rate(const TrainingPlan& plan, std::int64_t step);

struct TrainingProgress {
  std::int64_t step = 0, steps = 0, tokens = 0;  // rows × length of each step, padding included
  double rate = 0, cross_entropy = 0, early = 0, balance = 0, seconds = 0;
};

struct TrainingControls {
  std::function<void(const TrainingProgress&)> on_step;
  std::function<bool()> should_stop;  // asked after every step; what was learned is saved
  std::int64_t save_every_steps = 250;
};

// Writes to a folder of its own:
//   state.safetensors  weights and moments in f32, the step: training goes on from it, to the same weights as without a stop
//   loss.csv           a line a step
//   model/             a Hugging Face folder in bf16
class Trainer {
 public:
  // Goes on from state.safetensors where `folder` has one (Error(kInput) where another plan made it), else from `start_folder`'s weights with
  // a fresh optimizer, else from random ones. `tokenizer_folder` gives the model's tokenizer files.
  Trainer(const MoeShape& shape, const TrainingPlan& plan, std::filesystem::path folder, std::filesystem::path tokenizer_folder,
          const std::filesystem::path& start_folder = {});

  std::int64_t step() const { return step_; }
  // Up to plan.steps; false where it was asked to stop before.
  bool run(const std::vector<TrainingSource>& sources, const TrainingControls& controls);

 private:
  void learn(const TrainingBatch& batch, TrainingProgress& progress);
  void update(double rate);
  void save();
  bool restore();

  TrainingPlan plan_;
  std::filesystem::path folder_, tokenizer_folder_;
  TrainableMoe model_;
  std::vector<at::Tensor> first_moments_, second_moments_;
  std::int64_t step_ = 0;
  std::string curve_;  // loss.csv so far
};

// The weights as Hugging Face's Mixtral names them, bf16, with config.json and the tokenizer's files.
void save_demo_model(TrainableMoe& model, const std::filesystem::path& tokenizer_folder, const std::filesystem::path& folder);
// Into the master weights. Throws Error(kInput) naming a tensor that is missing or has another shape.
void read_demo_model(const std::filesystem::path& folder, TrainableMoe& model);

// Saves the mean of the weights of models that were trained one from the other: stochastic weight averaging, which lands between the ends of several
// cosines (Izmailov et al., arXiv 1803.05407). The tokenizer is that of the first. Throws as read_demo_model.
void average_demo_models(const MoeShape& shape, const std::vector<std::filesystem::path>& models, const std::filesystem::path& folder);

}  // namespace winnow
