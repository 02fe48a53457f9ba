#include "harness/engine/device_clock.h"

#include <ATen/ATen.h>
#include <c10/core/Event.h>

#include "harness/core/clock.h"

namespace winnow {

struct DeviceClock::Events {
  explicit Events(at::Device device) : start(device.type(), c10::EventFlag::BACKEND_DEFAULT), end(device.type(), c10::EventFlag::BACKEND_DEFAULT) {}
  c10::Event start, end;
};

DeviceClock::DeviceClock(at::Device device) : device_(device), start_(std::chrono::steady_clock::now()) {
  if (device.is_cpu()) return;
  events_ = std::make_unique<Events>(device);
  events_->start.record(c10::impl::VirtualGuardImpl(device.type()).getStream(device));
}

DeviceClock::~DeviceClock() = default;

double DeviceClock::seconds() {
  if (!events_) return seconds_since(start_);
  events_->end.record(c10::impl::VirtualGuardImpl(device_.type()).getStream(device_));
  events_->end.synchronize();
  return events_->start.elapsedTime(events_->end) / 1000;
}

void wait_for_device(at::Device device) {
  if (!device.is_cpu()) c10::impl::VirtualGuardImpl(device.type()).synchronizeDevice(device.index());
}

}  // namespace winnow
