#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace winnow {

// What --print-slurm takes beside the sweep; empty and 0: left to the site's defaults.
struct SlurmOptions {
  std::string time, partition, account, memory;
  int gpus = 0, cpus = 0;
  std::size_t tasks = 0;          // of the array; 0: one for each model and variant, at most 64
  std::size_t at_once = 0;        // tasks of the array that may run side by side; 0: all
  std::vector<std::string> more;  // further sbatch options, such as --constraint=h100
};

// What the script is for.
struct SlurmSweep {
  std::string name;
  std::filesystem::path program, folder;  // absolute: winnow itself, and where the command was typed
  std::vector<std::string> run_words;     // of `winnow run` from the sweep file on, without --store and --shard
  std::filesystem::path store;            // that the parts are joined into, as typed
  std::string grid_sha256;
  std::size_t cells = 0, tasks = 1;
};

// An sbatch script: an array with one shard of the grid and one store a task, requeued where a task was preempted or out of time. Pure.
std::string slurm_script(const SlurmSweep& sweep, const SlurmOptions& options);

}  // namespace winnow
