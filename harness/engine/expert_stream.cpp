#include "harness/engine/expert_stream.h"

#include <ATen/ATen.h>
#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>

#include <algorithm>
#include <optional>

#include "harness/core/error.h"

namespace winnow {
namespace {

std::int64_t count_values(const ExpertStream::Matrices& layer) { return layer.gate_up.numel() + layer.down.numel(); }

}  // namespace

// The stream that copies, and what it and the computing stream wait for.
struct ExpertStream::CopyLane {
  explicit CopyLane(at::Device to)
      : guard(to.type()),
        device(to),
        stream(guard.getStreamFromGlobalPool(to)),
        may_overwrite(to.type()),
        copied{c10::Event(to.type()), c10::Event(to.type())} {}

  c10::Stream computing() const { return guard.getStream(device); }

  const c10::impl::VirtualGuardImpl guard;
  const at::Device device;
  const c10::Stream stream;
  c10::Event may_overwrite;          // what was enqueued before a copy, the readers of its slot among it
  std::array<c10::Event, 2> copied;  // by slot
};

ExpertStream::ExpertStream(at::Device device, std::vector<Matrices> layers) : layers_(std::move(layers)) {
  WINNOW_CHECK(!layers_.empty());
  std::int64_t largest = 0;
  for (const Matrices& layer : layers_) {
    WINNOW_CHECK(layer.gate_up.device().is_cpu() && layer.gate_up.is_contiguous() && layer.down.device().is_cpu() && layer.down.is_contiguous());
    largest = std::max(largest, count_values(layer));
  }
  if (!device.is_cpu()) lane_ = std::make_unique<CopyLane>(device);
  for (Slot& slot : slots_) {
    slot.values = at::empty({largest}, at::TensorOptions(device).dtype(layers_.front().down.scalar_type()));
    if (lane_) slot.values.record_stream(lane_->stream);  // a copy may still run when the model goes
  }
}

ExpertStream::~ExpertStream() = default;

ExpertStream::Matrices ExpertStream::take(std::size_t layer) {
  WINNOW_CHECK(layer < layers_.size());
  std::size_t slot = slot_of(layer);
  if (slot == slots_.size()) begin_copy(layer, slot = 1 - last_taken_);
  if (lane_) lane_->copied[slot].block(lane_->computing());
  last_taken_ = slot;
  const std::size_t next = (layer + 1) % layers_.size();  // passes follow each other
  if (slot_of(next) == slots_.size()) begin_copy(next, 1 - slot);
  return matrices_in(slots_[slot]);
}

std::int64_t ExpertStream::slot_bytes() const { return static_cast<std::int64_t>(slots_[0].values.nbytes() + slots_[1].values.nbytes()); }

ExpertStream::Matrices ExpertStream::matrices_in(const Slot& slot) const {
  const Matrices& host = layers_[slot.layer];
  const std::int64_t first = host.gate_up.numel();
  return {slot.values.narrow(0, 0, first).view(host.gate_up.sizes()), slot.values.narrow(0, first, host.down.numel()).view(host.down.sizes())};
}

std::size_t ExpertStream::slot_of(std::size_t layer) const {
  std::size_t slot = 0;
  while (slot < slots_.size() && slots_[slot].layer != layer) ++slot;
  return slot;
}

void ExpertStream::begin_copy(std::size_t layer, std::size_t slot) {
  slots_[slot].layer = layer;
  const Matrices to = matrices_in(slots_[slot]);
  std::optional<c10::StreamGuard> copying;
  if (lane_) {
    lane_->may_overwrite.record(lane_->computing());
    lane_->may_overwrite.block(lane_->stream);
    copying.emplace(lane_->stream);
  }
  to.gate_up.copy_(layers_[layer].gate_up, /*non_blocking=*/true);
  to.down.copy_(layers_[layer].down, /*non_blocking=*/true);
  if (lane_) lane_->copied[slot].record(lane_->stream);
  bytes_copied_ += static_cast<std::int64_t>(to.gate_up.nbytes() + to.down.nbytes());
}

}  // namespace winnow
