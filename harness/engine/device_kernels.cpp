#include "harness/engine/device_kernels.h"

#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>

#include <filesystem>

#include "harness/core/error.h"

namespace winnow {
namespace {

DeviceKernels open_kernels() {
  DeviceKernels kernels;
  std::error_code none;
  const std::filesystem::path folder = std::filesystem::read_symlink("/proc/self/exe", none).parent_path();
  for (const std::filesystem::path& place : {folder, folder.parent_path(), folder.parent_path() / "lib"}) {
    void* const library = dlopen((place / "libwinnow_kernels.so").c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) continue;
    kernels.expand_bitmap = reinterpret_cast<decltype(kernels.expand_bitmap)>(dlsym(library, "winnow_expand_bitmap"));
    break;
  }
  return kernels;
}

}  // namespace

const DeviceKernels& device_kernels() {
  static const DeviceKernels kernels = open_kernels();
  return kernels;
}

void run_expand_bitmap(const BitmapMatrices& packed, at::Tensor& dense) {
  const at::Device device = dense.device();
  const c10::DeviceGuard guard(device);
  void* const stream = c10::impl::VirtualGuardImpl(device.type()).getStream(device).native_handle();
  const int error =
      device_kernels().expand_bitmap(packed.bits.const_data_ptr(), packed.values.const_data_ptr(), packed.row_begin.const_data_ptr<std::int64_t>(),
                                     dense.mutable_data_ptr(), packed.stored * packed.rows, packed.columns, stream);
  if (error != 0) throw std::runtime_error(fmt::format("CUDA error {} when a layer's experts were expanded", error));
}

}  // namespace winnow
