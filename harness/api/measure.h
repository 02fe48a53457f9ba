#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/api/dataset.h"
#include "harness/core/moments.h"
#include "harness/core/registry.h"
#include "harness/core/trial.h"

namespace winnow {

// The unpruned model, or one of the variants that are measured together.
using VariantNumber = int;
inline constexpr VariantNumber kDense = -1;

using TokenSequences = std::vector<std::vector<std::int32_t>>;

// Says how far a long step is. Throws StoppedMeasuring when the run was asked to stop: let it pass.
using OnStep = std::function<void(std::size_t done, std::size_t total)>;
struct StoppedMeasuring {};

// What is known of a variant without running it; the plan is made for it, and weights are read at most to count its zeros.
struct ModelSize {
  std::int64_t parameters = 0, active_parameters = 0;  // present; used by one token
  std::int64_t experts = 0;                            // of all layers
  std::int64_t stored_bytes = 0;                       // of the weights in the format executed: zeros in a dense matrix take their place
  std::int64_t streamed_bytes = 0;                     // of those: they lie in the host's memory though the model runs on a device …
  std::int64_t slot_bytes = 0;                         // … which has this much room for them instead
  std::int64_t file_bytes = 0;                         // of the checkpoint's weights as they lie on disk; 0 where there is no file
  std::int64_t kv_bytes_per_token = 0;                 // keys and values of one position in all layers
  double realised_sparsity = 0;                        // share of the dense decoder's linear weights that is gone or zero
  double realised_expert_sparsity = 0;                 // … of its experts' weights
  bool has_zeros_in_dense_kernels = false;
  bool is_dense = false;  // a variant without a step
};

// The weights of one kind of matrix ("expert_gate", "query" …) over all layers.
struct MatrixKind {
  std::string name;
  bool is_linear = false;  // a linear map of the decoder's layers: what pruning acts on (not the embedding and the output head)
  Moments all, nonzero;    // every weight as stored; those that are not zero
};

// Of one variant, loaded alone, that ran some tokens.
struct MemoryUse {
  std::int64_t weight_bytes = 0;    // of the tensors the engine holds, those that are streamed from the host's memory among them
  std::int64_t resident_bytes = 0;  // by which loading raised the process's anonymous memory, or the device's allocation
  std::int64_t peak_bytes = 0, peak_anonymous_bytes = 0, peak_file_bytes = 0;  // of the whole process from before loading on
  std::optional<std::int64_t> device_allocated_peak_bytes, device_reserved_peak_bytes;
};

// Prompts of one length side by side, then one-token steps of all of them.
struct BatchRun {
  std::int64_t prefill_tokens = 0, decode_tokens = 0, steps = 0;
  double prefill_seconds = 0, decode_seconds = 0;

  // Counted only where it was asked for, since counting costs time. Of one decode step, in the mean.
  std::vector<double> experts_touched;  // by layer: distinct experts some row went to; 0 on dense layers
  double expert_rows = 0;               // over all layers: rows that experts computed
  double weight_bytes = 0;  // of everything the step reads: touched experts (all, where they are streamed), attention, norms, routers, head, embedding rows
};

// A variant in memory, to be timed.
class TimedModel {
 public:
  virtual ~TimedModel() = default;
  enum class Counting { kOff, kOn };
  // Greedy and deterministic: the same prompts give the same tokens and so the same routing.
  virtual BatchRun run(const TokenSequences& prompts, int new_tokens, Counting counting) = 0;
};

// Tokens to compare models on: ids[first_predicted …] are predicted, each from all the ids before it; 1 ≤ first_predicted < ids.size().
struct TokenWindow {
  std::vector<std::int32_t> ids;
  std::size_t first_predicted = 1;
};

// One predicted token under the dense model and under a variant; natural logarithms.
struct ComparedToken {
  double divergence = 0;                                          // Σ over the vocabulary of p_dense · (log p_dense − log p_variant)
  double dense_log_probability = 0, variant_log_probability = 0;  // of the true token
  bool same_top = false;                                          // both models' (first) argmax is the same token
};

// What a MoE layer did to the tokens of all windows.
struct LayerComparison {
  int layer = 0;
  double dense_squares = 0;                            // Σ (dense output)², over tokens and dimensions
  double same_input_squares = 0;                       // Σ (variant's output − dense's)², the variant's layer fed with the dense model's input
  double own_input_squares = 0;                        // … fed with what the variant's own layers before it make of the tokens
  std::vector<std::int64_t> dense_load, variant_load;  // rows by expert present, each model on its own inputs
};

// One model and its variants, as measurements see them. The app room implements it over engine and plans. Nothing is held between calls but plans and
// what open() returned.
class MeasuredModel {
 public:
  virtual ~MeasuredModel() = default;

  virtual ModelSize size(VariantNumber variant) = 0;
  virtual std::vector<MatrixKind> weights(VariantNumber variant, const OnStep& on_step) = 0;  // in one pass over them
  virtual MemoryUse use(VariantNumber variant, const TokenSequences& prompts, int new_tokens) = 0;
  virtual std::unique_ptr<TimedModel> open(VariantNumber variant) = 0;
  virtual std::int64_t available_bytes() const = 0;                // of memory for weights that open() holds
  virtual std::int64_t available_host_bytes() const { return 0; }  // … for those that are streamed

  virtual std::int64_t vocabulary() const = 0;
  virtual std::int64_t max_positions() const = 0;  // 0: not known
  virtual std::optional<std::int32_t> bos_id() const = 0;
  // Throws Error(kUnsupported) where the model has no tokenizer.
  virtual std::vector<std::int32_t> encode(std::string_view text) const = 0;

  // Takes dense and variants through the layers together, one pass over the tokens.
  struct Together {
    const std::vector<TokenWindow>& windows;
    std::vector<VariantNumber> variants;
    std::function<void(VariantNumber variant, const std::string& reason)> on_failed;  // a variant that cannot go on; the others do
    OnStep on_step;
  };
  // on_window gets the predicted tokens of a window in order; windows come in order for each variant.
  using OnWindow = std::function<void(VariantNumber variant, std::size_t window, const std::vector<ComparedToken>& tokens)>;
  virtual void compare_tokens(const Together& together, const OnWindow& on_window) = 0;
  // By variant that did not fail, then by MoE layer.
  virtual std::map<VariantNumber, std::vector<LayerComparison>> compare_layers(const Together& together) = 0;
};

// The GPU that is computed on, at a moment, as its driver tells it.
struct GpuState {
  double energy_joules = 0;  // since the driver was loaded
  double sm_clock_mhz = 0, memory_clock_mhz = 0, power_limit_watts = 0;
  std::uint64_t throttle_reasons = 0;  // NVML's bits: why the clocks are not higher
  double used_bytes = 0;               // of its memory, by whomever
};

// The machine at a moment, as the kernel counts; differences of two say what happened in between.
struct MachineState {
  double seconds = 0;             // monotonic clock
  double load_average = 0;        // of the last minute
  double clock_mhz = 0;           // mean over the processors, as the kernel tells it; 0: it does not
  double busy_cpu_seconds = 0;    // of all processors since boot, by whomever, without what was stolen
  double stolen_cpu_seconds = 0;  // taken by the machine this one runs on as a guest
  double own_cpu_seconds = 0;     // of this process
  std::optional<GpuState> gpu = {};
};

struct Measured {
  std::vector<Metric> metrics;  // headline first
  std::string note = {};        // what to know about the numbers, in a sentence; kept with the trial
  std::map<std::string, double> seconds = {};
};

struct MeasureInputs {
  MeasuredModel& model;
  std::vector<VariantNumber> variants;  // to be measured; not those that are done already
  std::vector<std::string> labels;      // of `variants`, as the sweep names them
  int threads = 1;                      // that the engine computes with
  std::function<MachineState()> machine;
  DatasetSource& datasets;
  std::function<void(VariantNumber variant, Measured measured)> on_measured;  // saved at once
  std::function<void(VariantNumber variant, const std::string& reason)> on_failed;
  // Does what concerns one variant alone; what it throws is that variant's failure, and the answer then false.
  std::function<bool(VariantNumber variant, const std::function<void()>& work)> attempt;
  OnStep on_step;
};

// A task that measures the engine itself instead of asking a model questions. In a sweep it is a task like any other, but all variants of a model are measured
// together, in one process: what is compared should have met the same conditions.
class Measurement {
 public:
  static constexpr const char* kKind = "task";  // the word for messages: sweeps know no difference
  virtual ~Measurement() = default;

  virtual std::vector<DatasetPart> reads() const { return {}; }
  virtual bool needs_tokenizer() const { return false; }
  // Throws Error(kInput) where the settings cannot work on the data: without a model, before any work.
  virtual void check(DatasetSource& /*datasets*/) const {}
  // Whether its numbers change with processor and threads: these are then part of the cell's key.
  virtual bool depends_on_machine() const { return false; }

  // Throws Error(kInput) where the settings cannot work on this model: before any variant is planned.
  virtual void check_model(const MeasuredModel& /*model*/) const {}
  // Calls on_measured or on_failed once for every variant that no attempt failed for.
  virtual void measure(const MeasureInputs& inputs) const = 0;
};

}  // namespace winnow
