#include "harness/api/pruner.h"
#include "harness/pruning/plan_files.h"

namespace winnow {
namespace {

// A plan made elsewhere: by `winnow plan`, on another machine, or by a script of one's own.
class RecordedPlan : public Pruner {
 public:
  explicit RecordedPlan(const Params& params) : file_(params.get<std::string>("file")), plan_(read_plan(file_)) {}

  Target target() const override { return plan_.mask_bits.empty() && plan_.weights.empty() ? Target::kExperts : Target::kWeights; }
  bool is_of_the_checkpoint() const override { return true; }
  void check(const ModelConfig& config) const override { check_plan(plan_, config); }

  PrunePlan plan(const PruneInputs& inputs) const override {
    if (plan_.model != inputs.model_sha256) {
      throw input_error("{}: the plan was made for the model with header digest {:.12}, this one has {:.12}; plan this model anew", file_, plan_.model,
                        inputs.model_sha256);
    }
    PrunePlan plan = plan_;
    plan.steps = {{{"planned_by", plan_.steps}}};
    return plan;
  }

 private:
  std::string file_;
  PrunePlan plan_;
};

const Registration<Pruner> kRegistration{{
    .name = "plan",
    .version = 1,
    .summary = "carries out a plan made elsewhere",
    .settings = {{.name = "file",
                  .types = {SettingType::kString},
                  .summary = "PLAN.json, with PLAN.safetensors beside it where it has masks or weights",
                  .required = true}},
    .make = [](const Params& params) -> std::unique_ptr<Pruner> { return std::make_unique<RecordedPlan>(params); },
}};

}  // namespace
}  // namespace winnow
