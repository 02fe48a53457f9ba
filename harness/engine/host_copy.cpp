#include "harness/engine/host_copy.h"

#include <ATen/ATen.h>

namespace winnow {

HostCopy::HostCopy(const at::Tensor& tensor) : on_host_(tensor) {
  const at::Device device = tensor.device();
  if (device.is_cpu()) return;
  // Pinned: a device copies to other memory only while the host waits.
  on_host_ = at::empty(tensor.sizes(), tensor.options().device(at::kCPU).pinned_memory(true));
  on_host_.copy_(tensor, /*non_blocking=*/true);
  copied_.emplace(device.type());
  copied_->record(c10::impl::VirtualGuardImpl(device.type()).getStream(device));
}

const at::Tensor& HostCopy::read() {
  if (copied_) copied_->synchronize();
  return on_host_;
}

}  // namespace winnow
