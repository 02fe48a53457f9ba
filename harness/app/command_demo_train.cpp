#include <ATen/Parallel.h>

#include <CLI/App.hpp>
#include <filesystem>
#include <memory>

#include "harness/app/commands.h"
#include "harness/app/output.h"
#include "harness/app/progress.h"
#include "harness/app/stop_signals.h"
#include "harness/app/sweep_options.h"
#include "harness/demo/train.h"
#include "harness/sweep/surroundings.h"

namespace winnow {
namespace {

struct TrainOptions {
  std::string out, tokenizer = "harness/demo/model", from;
  TrainingPlan plan;
  std::int64_t save_every = 250;
  int threads = 0;
  DataOptions data;
};

int train(const TrainOptions& options) {
  at::set_num_threads(options.threads > 0 ? options.threads : usable_cores());
  MoeShape shape;
  if (options.plan.early.layers > shape.layers)
    throw usage_error("--early-layers {}: the model has {} layers; give one of them, or 0 for none", options.plan.early.layers, shape.layers);
  const std::unique_ptr<Tokenizer> tokenizer = Tokenizer::open(options.tokenizer, shape.vocabulary);
  const std::vector<TrainingSource> sources =
      read_demo_sources(*options.data.open(), *tokenizer, options.plan.weights, options.plan.shares, static_cast<std::size_t>(options.plan.length) + 1);
  for (const TrainingSource& source : sources) {
    std::size_t tokens = 0, longest = 0;
    for (const TrainingDocument& document : source.documents) {
      tokens += document.ids.size();
      longest = std::max(longest, document.ids.size());
    }
    say(fmt::format("winnow: {}: {} documents, {} tokens, share {:.2f}", source.name, shown_count(static_cast<std::int64_t>(source.documents.size())),
                    shown_count(static_cast<std::int64_t>(tokens)), source.share));
    if (longest > static_cast<std::size_t>(options.plan.length) + 1)
      throw usage_error("--length {}: {} has a document of {} tokens; give at least {}", options.plan.length, source.name, longest, longest - 1);
  }
  Trainer trainer(shape, options.plan, options.out, options.tokenizer, options.from);
  if (trainer.step() > 0) say(fmt::format("winnow: going on from step {}", trainer.step()));
  const StopSignals signals;
  double seconds = 0, loss = 0;
  std::int64_t counted = 0;
  TrainingControls controls{.on_step = {}, .should_stop = StopSignals::arrived, .save_every_steps = options.save_every};
  controls.on_step = [&](const TrainingProgress& now) {
    seconds += now.seconds;
    loss += now.cross_entropy;
    ++counted;
    if (now.step % 50 != 0 && now.step != now.steps) return;
    const double per_step = seconds / static_cast<double>(counted);
    say(fmt::format("step {}/{}, {} tokens: loss {:.4f}, early {:.4f}, balance {:.3f}, rate {:.2e}, {:.0f} tokens/s, about {} left", now.step, now.steps,
                    shown_count(now.tokens), loss / static_cast<double>(counted), now.early, now.balance, now.rate,
                    static_cast<double>(options.plan.rows * options.plan.length) / per_step,
                    shown_seconds(per_step * static_cast<double>(now.steps - now.step))));
    seconds = loss = 0;
    counted = 0;
  };
  if (!trainer.run(sources, controls)) {
    say(fmt::format("winnow: stopped at step {}; the same command goes on from there", trainer.step()));
    return StopSignals::exit_code();
  }
  write_text(fmt::format("{}/model\n", options.out));
  return kExitOk;
}

}  // namespace

void add_demo_average_command(CLI::App& demo, Invocation& invocation) {
  struct AverageOptions {
    std::string out;
    std::vector<std::filesystem::path> models;
  };
  const auto options = std::make_shared<AverageOptions>();
  CLI::App* command =
      demo.add_subcommand("average",
                          "Writes the mean of the weights of models that were trained one from the other: often better than the last of them.\n\nExamples:\n"
                          "  winnow demo average --out build/mean run11/model run12/model run13/model\n");
  command->add_option("--out", options->out, "folder for the model")->required()->type_name("FOLDER");
  command->add_option("MODEL", options->models, "folders of models that demo train wrote")->required()->type_name("FOLDER");
  command->callback([options, &invocation] {
    invocation.action = [options] {
      average_demo_models(MoeShape(), options->models, options->out);
      write_text(options->out + "\n");
      return kExitOk;
    };
  });
}

void add_demo_train_command(CLI::App& demo, Invocation& invocation) {
  const auto options = std::make_shared<TrainOptions>();
  CLI::App* command =
      demo.add_subcommand("train",
                          "Trains the demo's Mixtral of 16 experts on the demo's own data. The same command again goes on where it was stopped.\n\nExamples:\n"
                          "  winnow demo train --out build/demo --data datasets --steps 6000\n"
                          "  winnow demo train --out build/further --from harness/demo/model --data datasets --steps 2000 --peak-rate 1e-3\n");
  TrainingPlan& plan = options->plan;
  command->add_option("--out", options->out, "folder for the state, the loss curve and the model")->required()->type_name("FOLDER");
  command->add_option("--from", options->from, "start from this model's weights with a fresh optimizer")->type_name("FOLDER");
  command->add_option("--tokenizer", options->tokenizer, "folder of tokenizer.model")->type_name("FOLDER")->capture_default_str();
  command->add_option("--steps", plan.steps, "in all")->check(CLI::PositiveNumber)->capture_default_str();
  command->add_option("--warmup", plan.warmup_steps, "steps until the peak rate")->check(CLI::NonNegativeNumber)->capture_default_str();
  command->add_option("--rows", plan.rows, "of a step")->check(CLI::PositiveNumber)->capture_default_str();
  command->add_option("--length", plan.length, "tokens of a row")->check(CLI::PositiveNumber)->capture_default_str();
  command->add_option("--peak-rate", plan.peak_rate, "learning rate after the warm-up; a cosine takes it down from there")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--balance-weight", plan.balance_weight, "of the load-balancing loss")->check(CLI::NonNegativeNumber)->capture_default_str();
  command->add_option("--prompt-weight", plan.weights.prompt, "of a task's prompt, where its answer counts 1")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--letter-weight", plan.weights.letter, "of the letter of a multiple-choice question")->check(CLI::PositiveNumber)->capture_default_str();
  command->add_option("--early-layers", plan.early.layers, "the layer whose state learns to predict too, counted from 1; 0: none")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--early-weight", plan.early.weight, "of what it predicts")->check(CLI::NonNegativeNumber)->capture_default_str();
  command->add_option("--problems", plan.shares.problems, "share of the tokens that are worked problems")->check(CLI::NonNegativeNumber)->capture_default_str();
  command->add_option("--questions", plan.shares.questions, "… multiple-choice questions")->check(CLI::NonNegativeNumber)->capture_default_str();
  command->add_option("--told", plan.shares.told, "… multiple-choice questions with the right choice in words before the choices")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--letters", plan.shares.letters, "… choices with their letters recited")->check(CLI::NonNegativeNumber)->capture_default_str();
  command->add_option("--prose", plan.shares.prose, "… prose of the closed world")->check(CLI::NonNegativeNumber)->capture_default_str();
  command->add_option("--seed", plan.seed, "of the first weights and of the order of the data")->check(CLI::NonNegativeNumber)->capture_default_str();
  command->add_option("--save-every", options->save_every, "steps")->check(CLI::PositiveNumber)->capture_default_str();
  command->add_option("--threads", options->threads, "0: the machine's cores")->check(CLI::NonNegativeNumber)->capture_default_str();
  options->data.add_to(*command);
  command->callback([options, &invocation] { invocation.action = [options] { return train(*options); }; });
}

}  // namespace winnow
