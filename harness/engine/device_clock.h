#pragma once
#include <ATen/core/Tensor.h>

#include <chrono>
#include <memory>

namespace winnow {

// Seconds of work on a device: between two of its events, or on the CPU by its clock.
class DeviceClock {
 public:
  explicit DeviceClock(at::Device device);  // starts now, behind whatever the device has been given to do
  ~DeviceClock();
  DeviceClock(const DeviceClock&) = delete;
  DeviceClock& operator=(const DeviceClock&) = delete;

  double seconds();  // since the start; waits for the device

 private:
  struct Events;
  at::Device device_;
  std::chrono::steady_clock::time_point start_;
  std::unique_ptr<Events> events_;  // null on the CPU
};

// Returns when the device has done all that it was given.
void wait_for_device(at::Device device);

}  // namespace winnow
