#pragma once
#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace winnow {

// Brings the experts of one layer after another from host memory to the device, each while the layer before it computes. Two layers are on the device at
// a time, so that no more of it is taken however many there are.
class ExpertStream {
 public:
  struct Matrices {
    at::Tensor gate_up;  // [stored, 2 · width, hidden]
    at::Tensor down;     // [stored, hidden, width]
  };

  // Layers in the order in which passes walk them, of one dtype and contiguous in host memory, page-locked where the host is not to wait for copies.
  // Takes the device's memory now: room for the largest layer, twice.
  ExpertStream(at::Device device, std::vector<Matrices> layers);
  ~ExpertStream();
  ExpertStream(const ExpertStream&) = delete;
  ExpertStream& operator=(const ExpertStream&) = delete;

  // A layer's matrices on the device, for whatever its current stream is given to do until another layer is taken. Any order is right; the one of the
  // passes is fast, for the copy of the layer that comes next begins here. The host waits for nothing.
  Matrices take(std::size_t layer);

  std::int64_t slot_bytes() const;  // of the device's memory
  std::int64_t bytes_copied() const { return bytes_copied_; }

 private:
  struct CopyLane;
  struct Slot {
    at::Tensor values;  // [of the largest layer]: gate_up, then down
    std::size_t layer = kNoLayer;
  };
  static constexpr std::size_t kNoLayer = static_cast<std::size_t>(-1);

  Matrices matrices_in(const Slot& slot) const;
  std::size_t slot_of(std::size_t layer) const;  // or slots_.size()
  void begin_copy(std::size_t layer, std::size_t slot);

  std::vector<Matrices> layers_;
  std::array<Slot, 2> slots_;
  std::size_t last_taken_ = 0;  // slot
  std::int64_t bytes_copied_ = 0;
  std::unique_ptr<CopyLane> lane_;  // null on the CPU, which copies in order
};

}  // namespace winnow
