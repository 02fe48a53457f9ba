#include "harness/demo/train.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numbers>

#include "harness/core/clock.h"
#include "harness/core/error.h"
#include "harness/core/files.h"
#include "harness/model/safetensors.h"

namespace winnow {
namespace {

constexpr double kBeta1 = 0.9, kBeta2 = 0.95, kEpsilon = 1e-8, kMaxNorm = 1.0;
constexpr const char* kState = "state.safetensors";
constexpr const char* kCurveHeader = "step,tokens,rate,cross_entropy,early,balance,seconds\n";

std::string first_lines(const std::string& text, std::int64_t count) {
  std::size_t end = 0;
  for (std::int64_t line = 0; line < count && end < text.size(); ++line) end = std::min(text.find('\n', end), text.size() - 1) + 1;
  return text.substr(0, end);
}

class PredictionList {
 public:
  void add(std::int64_t position, std::int32_t id, float weight) {
    positions_.push_back(position);
    ids_.push_back(id);
    weights_.push_back(weight);
  }
  Predictions finish() const {
    return {at::tensor(at::ArrayRef<std::int64_t>(positions_), at::kLong), at::tensor(at::ArrayRef<std::int64_t>(ids_), at::kLong),
            at::tensor(at::ArrayRef<float>(weights_), at::kFloat)};
  }

 private:
  std::vector<std::int64_t> positions_, ids_;
  std::vector<float> weights_;
};

TrainingBatch next_batch(TrainingRows& rows, const TrainingPlan& plan) {
  at::Tensor all_ids = at::empty({plan.rows, plan.length}, at::kLong);
  PredictionList last, early;
  for (std::int64_t r = 0; r < plan.rows; ++r) {
    const TrainingRow row = rows.next();
    all_ids[r].copy_(at::tensor(at::ArrayRef<std::int32_t>(row.ids), at::kInt).narrow(0, 0, plan.length));
    auto other = row.early.begin();
    for (std::size_t i = 1; i < row.ids.size(); ++i) {
      const std::int64_t from = r * plan.length + static_cast<std::int64_t>(i) - 1;
      if (row.weights[i] > 0) last.add(from, row.ids[i], row.weights[i]);
      const bool replaced = other != row.early.end() && other->position == i;
      if (row.weights[i] > 0 && !replaced) early.add(from, row.ids[i], row.weights[i]);
      for (; other != row.early.end() && other->position == i; ++other) early.add(from, other->id, other->weight);
    }
  }
  return {std::move(all_ids), last.finish(), early.finish()};
}

}  // namespace

OrderedJson TrainingPlan::to_json() const {
  OrderedJson json;
  json["steps"] = steps;
  json["warmup_steps"] = warmup_steps;
  json["rows"] = rows;
  json["length"] = length;
  json["peak_rate"] = peak_rate;
  json["last_rate_share"] = last_rate_share;
  json["weight_decay"] = weight_decay;
  json["balance_weight"] = balance_weight;
  json["seed"] = seed;
  json["prompt_weight"] = weights.prompt;
  json["letter_weight"] = weights.letter;
  json["early_layers"] = early.layers;
  json["early_weight"] = early.weight;
  json["shares"] = {shares.problems, shares.questions, shares.told, shares.letters, shares.prose};
  return json;
}

double learning_rate(const TrainingPlan& plan, std::int64_t step) {
  if (step < plan.warmup_steps) return plan.peak_rate * static_cast<double>(step + 1) / static_cast<double>(plan.warmup_steps);
  const double gone = static_cast<double>(step - plan.warmup_steps) / static_cast<double>(std::max<std::int64_t>(1, plan.steps - plan.warmup_steps));
  return plan.peak_rate * (plan.last_rate_share + (1 - plan.last_rate_share) * 0.5 * (1 + std::cos(std::numbers::pi * gone)));
}

Trainer::Trainer(const MoeShape& shape, const TrainingPlan& plan, std::filesystem::path folder, std::filesystem::path tokenizer_folder,
                 const std::filesystem::path& start_folder)
    : plan_(plan), folder_(std::move(folder)), tokenizer_folder_(std::move(tokenizer_folder)), model_(shape, plan.seed), curve_(kCurveHeader) {
  for (const TrainedTensor& tensor : model_.tensors()) {
    first_moments_.push_back(at::zeros_like(tensor.master));
    second_moments_.push_back(at::zeros_like(tensor.master));
  }
  std::filesystem::create_directories(folder_);
  if (!restore() && !start_folder.empty()) read_demo_model(start_folder, model_);
  model_.refresh_working();
}

bool Trainer::run(const std::vector<TrainingSource>& sources, const TrainingControls& controls) {
  TrainingRows rows(sources, plan_.length, plan_.seed);
  for (std::int64_t row = 0; row < step_ * plan_.rows; ++row) rows.next();
  std::int64_t saved = step_;
  while (step_ < plan_.steps) {
    const auto began = std::chrono::steady_clock::now();
    TrainingProgress progress{.steps = plan_.steps, .rate = learning_rate(plan_, step_)};
    learn(next_batch(rows, plan_), progress);
    ++step_;
    progress.step = step_;
    progress.tokens = step_ * plan_.rows * plan_.length;
    progress.seconds = seconds_since(began);
    curve_ += fmt::format("{},{},{:.6g},{:.5f},{:.5f},{:.4f},{:.3f}\n", step_, progress.tokens, progress.rate, progress.cross_entropy, progress.early,
                          progress.balance, progress.seconds);
    if (controls.on_step) controls.on_step(progress);
    const bool stop = controls.should_stop && controls.should_stop();
    if (stop || step_ == plan_.steps || step_ - saved >= controls.save_every_steps) {
      save();
      saved = step_;
    }
    if (stop) return step_ == plan_.steps;
  }
  return true;
}

void Trainer::learn(const TrainingBatch& batch, TrainingProgress& progress) {
  const TrainingLoss loss = model_.loss(batch, plan_.balance_weight, plan_.early);
  loss.total.backward();
  progress.cross_entropy = loss.cross_entropy.item<double>();
  progress.early = loss.early.item<double>();
  progress.balance = loss.balance.item<double>();
  if (!std::isfinite(progress.cross_entropy))
    throw std::runtime_error(fmt::format("step {}: the loss is {}; lower --peak-rate", step_ + 1, progress.cross_entropy));
  update(progress.rate);
}

// AdamW on the f32 weights, gradients cut to norm 1; norms are not decayed.
void Trainer::update(double rate) {
  const c10::NoGradGuard no_grad;
  std::vector<TrainedTensor>& tensors = model_.tensors();
  std::vector<at::Tensor> gradients;
  for (TrainedTensor& tensor : tensors) {
    gradients.push_back(tensor.working.grad().to(at::kFloat));
    tensor.working.mutable_grad().reset();
  }
  const double norm = at::stack(at::_foreach_norm(gradients)).norm().item<double>();
  at::_foreach_mul_(gradients, std::min(1.0, kMaxNorm / (norm + 1e-6)));
  for (const bool decays : {false, true}) {
    std::vector<at::Tensor> masters, wanted, first, second, steps;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      if ((tensors[i].master.dim() > 1) != decays) continue;
      masters.push_back(tensors[i].master);
      wanted.push_back(gradients[i]);
      first.push_back(first_moments_[i]);
      second.push_back(second_moments_[i]);
      steps.push_back(at::scalar_tensor(static_cast<double>(step_ + 1), at::kFloat));
    }
    at::_fused_adamw_(masters, wanted, first, second, {}, steps, rate, kBeta1, kBeta2, decays ? plan_.weight_decay : 0.0, kEpsilon, false, false);
  }
  model_.refresh_working();
}

void Trainer::save() {
  std::vector<SafetensorsWriter::Entry> entries;
  for (const char* part : {"weight", "first", "second"}) {
    for (const TrainedTensor& tensor : model_.tensors()) entries.push_back({fmt::format("{}/{}", part, tensor.name), at::kFloat, tensor.master.sizes().vec()});
  }
  write_file(folder_ / "loss.csv", curve_);
  SafetensorsWriter writer(folder_ / kState, entries, {{"format", "pt"}, {"plan", plan_.to_json().dump()}, {"step", std::to_string(step_)}});
  for (std::size_t i = 0; i < model_.tensors().size(); ++i) {
    const TrainedTensor& tensor = model_.tensors()[i];
    writer.write("weight/" + tensor.name, tensor.master);
    writer.write("first/" + tensor.name, first_moments_[i]);
    writer.write("second/" + tensor.name, second_moments_[i]);
  }
  writer.commit();
  save_demo_model(model_, tokenizer_folder_, folder_ / "model");
}

bool Trainer::restore() {
  const std::filesystem::path path = folder_ / kState;
  if (!std::filesystem::exists(path)) return false;
  const SafetensorsHeader header = read_safetensors_header(MappedFile(path));
  const auto plan = header.metadata.find("plan"), step = header.metadata.find("step");
  if (plan == header.metadata.end() || step == header.metadata.end())
    throw input_error("{}: it is not a state of this trainer; remove it or name another folder", path.string());
  if (plan->second != plan_.to_json().dump())
    throw input_error("{}: it was trained by {}, and asked for is {}; give the same settings, or another folder and --from", path.string(), plan->second,
                      plan_.to_json().dump());
  const std::map<std::string, at::Tensor> tensors = read_tensors(path);
  const auto fill = [&](const char* part, const std::string& name, at::Tensor& into) {
    const auto found = tensors.find(fmt::format("{}/{}", part, name));
    if (found == tensors.end() || found->second.sizes() != into.sizes())
      throw input_error("{}: {}/{} is missing or of another shape; remove the file to start again", path.string(), part, name);
    into.copy_(found->second);
  };
  for (std::size_t i = 0; i < model_.tensors().size(); ++i) {
    TrainedTensor& tensor = model_.tensors()[i];
    fill("weight", tensor.name, tensor.master);
    fill("first", tensor.name, first_moments_[i]);
    fill("second", tensor.name, second_moments_[i]);
  }
  step_ = std::stoll(step->second);
  curve_ = first_lines(read_file(folder_ / "loss.csv"), step_ + 1);  // it is written before the state: a kill in between leaves it longer
  return true;
}

}  // namespace winnow
