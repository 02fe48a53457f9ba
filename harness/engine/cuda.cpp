#include "harness/engine/cuda.h"

#include <ATen/ATen.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <dlfcn.h>

#include <filesystem>

#include "harness/core/error.h"

namespace winnow {
namespace {

// The folder libtorch_cpu.so was loaded from.
std::filesystem::path library_folder() {
  Dl_info where{};
  WINNOW_CHECK(dladdr(reinterpret_cast<const void*>(&at::globalContext), &where) != 0);
  return std::filesystem::path(where.dli_fname).parent_path();
}

}  // namespace

at::Device open_cuda() {
  const std::filesystem::path library = library_folder() / "libtorch_cuda.so";
  if (!std::filesystem::exists(library)) {
    throw unsupported_error("device cuda: {} does not exist, so this libtorch was built without CUDA; use device cpu, or set WINNOW_LIBTORCH to a CUDA build",
                            library.string());
  }
  if (dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    throw unsupported_error("device cuda: {} cannot be opened ({}); install the CUDA libraries it names, or use device cpu", library.string(), dlerror());
  }
  if (!at::hasCUDA() || at::getNumGPUs() == 0) {
    throw unsupported_error("device cuda: {} finds no GPU or no NVIDIA driver on this machine; use device cpu", library.string());
  }
  at::globalContext().lazyInitDevice(at::kCUDA);  // its allocator tells nothing of a device before
  // f32 is f32 and sums of bf16 products are f32, as on the CPU.
  at::globalContext().setAllowTF32CuBLAS(false);
  at::globalContext().setAllowBF16ReductionCuBLAS(false);
  at::globalContext().setAllowFP16ReductionCuBLAS(false);
  return at::Device(at::kCUDA, 0);
}

DeviceMemory device_memory(at::Device device) {
  c10::DeviceAllocator& allocator = *c10::getDeviceAllocator(device.type());
  const c10::CachingDeviceAllocator::DeviceStats stats = allocator.getDeviceStats(device.index());
  constexpr std::size_t kAll = 0;  // of small and large pools
  const std::int64_t held_for_later = stats.reserved_bytes[kAll].current - stats.allocated_bytes[kAll].current;
  return {.allocated_bytes = stats.allocated_bytes[kAll].current,
          .allocated_peak_bytes = stats.allocated_bytes[kAll].peak,
          .reserved_peak_bytes = stats.reserved_bytes[kAll].peak,
          .free_bytes = static_cast<std::int64_t>(allocator.getMemoryInfo(device.index()).first) + held_for_later};
}

void restart_device_peaks(at::Device device) {
  c10::DeviceAllocator& allocator = *c10::getDeviceAllocator(device.type());
  allocator.emptyCache();  // else what earlier models left would count as reserved
  allocator.resetPeakStats(device.index());
}

}  // namespace winnow
