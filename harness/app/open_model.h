#pragma once
#include <c10/core/Device.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "harness/sweep/run_sweep.h"

namespace winnow {

struct OpenerOptions {
  std::string device = "cpu";
  std::int64_t token_budget = 8192;
  DatasetSource* datasets = nullptr;       // calibration texts come from it
  std::filesystem::path cache = {};        // of statistics and plans; empty: none
  std::function<void()> on_step = {};      // called now and then while a plan is made
  std::function<bool()> should_stop = {};  // asked while a served model waits for its server; empty: the signals that arrived
};

// "cpu", "cuda" (the first), "cuda:N". Throws Error(kUnsupported) where it is not.
at::Device open_device(const std::string& name);
// What is wrong with a name given for a device; empty: nothing. For checks of the command line.
std::string fault_of_device(const std::string& name);

// Models of a sweep: checkpoints, recorded outputs, shapes with random weights. Each is looked at (headers, tokenizer, digests) once, however
// often it is opened.
std::unique_ptr<ModelOpener> make_model_opener(const OpenerOptions& options);

}  // namespace winnow
