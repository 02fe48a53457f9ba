#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "harness/engine/batch.h"
#include "harness/engine/host_copy.h"
#include "harness/engine/model.h"
#include "harness/engine/observer.h"

namespace winnow {

// A batch that a device has been given, and the greedy token behind each of its rows, read later.
class GreedyStep {
 public:
  // Does not wait for the device; on the CPU's own path all is done on return, and what is not finite thrown. The model and the blocks that the batch
  // names must live as long as the step.
  GreedyStep(const Model& model, PackedBatch batch, const Observer& observer = {});

  // int64 [rows] on the device, for a next batch that does not wait for the host to see them; undefined on the CPU's own path.
  const at::Tensor& device_tokens() const { return device_tokens_; }

  // The tokens behind these rows (in any number), once the device has them. Throws as forward() and greedy_tokens() where one of them is not finite:
  // rows that nobody reads may be anything.
  std::vector<std::int32_t> read(const std::vector<std::int64_t>& rows);

 private:
  const Model& model_;
  PackedBatch batch_;
  std::vector<std::int32_t> tokens_;  // by row, on the CPU's own path
  at::Tensor device_tokens_;
  std::optional<HostCopy> numbers_;  // greedy_numbers
};

}  // namespace winnow
