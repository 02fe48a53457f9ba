#pragma once
#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>

#include <optional>

namespace winnow {

// A tensor on its way from a device to the host, behind all that the device has been given to do so far. The host goes on meanwhile.
class HostCopy {
 public:
  explicit HostCopy(const at::Tensor& tensor);  // of a tensor on the CPU nothing is copied

  // On the CPU, the shape and dtype as they were. Waits for the copy, not for what the device was given after it.
  const at::Tensor& read();

 private:
  at::Tensor on_host_;
  std::optional<c10::Event> copied_;  // none on the CPU
};

}  // namespace winnow
