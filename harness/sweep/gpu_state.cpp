#include "harness/sweep/gpu_state.h"

#include <dlfcn.h>

#include <cstdlib>

namespace winnow {
namespace {

class Nvml {
 public:
  Nvml() {
    library_ = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    int (*start)() = nullptr;
    find(start, "nvmlInit_v2");
    is_there_ = start != nullptr && start() == 0;
    find(functions_.energy_millijoules, "nvmlDeviceGetTotalEnergyConsumption");
    find(functions_.clock_mhz, "nvmlDeviceGetClockInfo");
    find(functions_.power_limit_milliwatts, "nvmlDeviceGetEnforcedPowerLimit");
    find(functions_.throttle_reasons, "nvmlDeviceGetCurrentClocksThrottleReasons");
    find(functions_.memory, "nvmlDeviceGetMemoryInfo");
  }

  const NvmlFunctions& functions() const { return functions_; }

  void* device(const std::string& name) const {
    int (*by_index)(unsigned, void**) = nullptr;
    int (*by_identity)(const char*, void**) = nullptr;
    find(by_index, "nvmlDeviceGetHandleByIndex_v2");
    find(by_identity, "nvmlDeviceGetHandleByUUID");
    void* handle = nullptr;
    if (!is_there_) return nullptr;
    const bool is_identity = name.starts_with("GPU-") || name.starts_with("MIG-");
    if (is_identity) return by_identity != nullptr && by_identity(name.c_str(), &handle) == 0 ? handle : nullptr;
    return by_index != nullptr && by_index(static_cast<unsigned>(std::strtoul(name.c_str(), nullptr, 10)), &handle) == 0 ? handle : nullptr;
  }

 private:
  template <class Function>
  void find(Function& function, const char* name) const {
    function = library_ == nullptr ? nullptr : reinterpret_cast<Function>(dlsym(library_, name));
  }

  void* library_ = nullptr;
  bool is_there_ = false;
  NvmlFunctions functions_;
};

}  // namespace

GpuState read_gpu(const NvmlFunctions& nvml, void* device) {
  GpuState state;
  unsigned long long wide = 0;
  unsigned narrow = 0;
  if (nvml.energy_millijoules && nvml.energy_millijoules(device, &wide) == 0) state.energy_joules = static_cast<double>(wide) / 1000;
  if (nvml.clock_mhz && nvml.clock_mhz(device, 1, &narrow) == 0) state.sm_clock_mhz = narrow;
  if (nvml.clock_mhz && nvml.clock_mhz(device, 2, &narrow) == 0) state.memory_clock_mhz = narrow;
  if (nvml.power_limit_milliwatts && nvml.power_limit_milliwatts(device, &narrow) == 0) state.power_limit_watts = narrow / 1000.0;
  if (nvml.throttle_reasons && nvml.throttle_reasons(device, &wide) == 0) state.throttle_reasons = wide;
  NvmlFunctions::Memory memory{};
  if (nvml.memory && nvml.memory(device, &memory) == 0) state.used_bytes = static_cast<double>(memory.used);
  return state;
}

std::string nvml_name(const std::string& device, const char* cuda_visible_devices) {
  const std::size_t colon = device.find(':');
  std::size_t index = colon == std::string::npos ? 0 : std::strtoul(device.c_str() + colon + 1, nullptr, 10);
  if (cuda_visible_devices == nullptr || *cuda_visible_devices == 0) return std::to_string(index);
  std::string_view visible = cuda_visible_devices;
  for (; index > 0 && visible.find(',') != std::string_view::npos; --index) visible.remove_prefix(visible.find(',') + 1);
  return std::string(visible.substr(0, visible.find(',')));
}

std::optional<GpuState> gpu_state(const std::string& device) {
  if (!device.starts_with("cuda")) return std::nullopt;
  static const Nvml nvml;
  void* const handle = nvml.device(nvml_name(device, std::getenv("CUDA_VISIBLE_DEVICES")));
  if (handle == nullptr) return std::nullopt;
  return read_gpu(nvml.functions(), handle);
}

}  // namespace winnow
