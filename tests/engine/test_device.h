#pragma once
#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>
#include <string>

#include "harness/core/error.h"
#include "harness/engine/cuda.h"
#include "harness/engine/device_path.h"

namespace winnow::test {

// Where models of the running test are loaded.
inline at::Device& current_device() {
  static at::Device device = at::kCPU;
  return device;
}

// Tests that run on the GPU, or skip with the reason why not. With WINNOW_TEST_DEVICE=cpu they take the same path through the engine on the CPU.
class OnDevice : public testing::Test {
 protected:
  void SetUp() override {
    const char* named = std::getenv("WINNOW_TEST_DEVICE");
    if (named != nullptr && std::string(named) == "cpu") {
      forced_.emplace();
      return;
    }
    try {
      current_device() = open_cuda();
    } catch (const Error& error) {
      GTEST_SKIP() << error.what();
    }
  }
  void TearDown() override { current_device() = at::kCPU; }

  // What `work` gives on the CPU by the CPU's own path.
  auto on_cpu(const auto& work) {
    struct Back {
      std::optional<ForceDevicePath>& forced;
      at::Device device = current_device();
      bool was_forced = forced.has_value();
      ~Back() {
        current_device() = device;
        if (was_forced) forced.emplace();
      }
    } const back{forced_};
    forced_.reset();
    current_device() = at::kCPU;
    return work();
  }

 private:
  std::optional<ForceDevicePath> forced_;
};

}  // namespace winnow::test
