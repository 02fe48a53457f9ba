#include "harness/sweep/memory.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>

namespace winnow {

ResidentBytes resident_bytes() {
  ResidentBytes bytes;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    const auto kibibytes = [&](std::string_view name, std::int64_t& value) {
      if (line.starts_with(name)) value = std::strtoll(line.c_str() + name.size(), nullptr, 10) * 1024;
    };
    kibibytes("VmRSS:", bytes.total);
    kibibytes("RssAnon:", bytes.anonymous);
    kibibytes("RssFile:", bytes.file);
    kibibytes("VmHWM:", bytes.peak);
  }
  return bytes;
}

MemoryWatch::MemoryWatch(std::chrono::milliseconds every) {
  restart();
  thread_ = std::jthread([this, every](std::stop_token stop) {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, stop, every, [&] { return stop.stop_requested(); })) sample();
  });
}

MemoryWatch::~MemoryWatch() = default;

void MemoryWatch::restart() {
  const std::lock_guard lock(mutex_);
  std::ofstream clear("/proc/self/clear_refs");
  clear << "5" << std::flush;
  kernel_mark_is_ours_ = clear.good();
  largest_ = {};
  sample();
}

void MemoryWatch::sample() {
  const ResidentBytes now = resident_bytes();
  largest_.anonymous = std::max(largest_.anonymous, now.anonymous);
  largest_.file = std::max(largest_.file, now.file);
  largest_.total = std::max({largest_.total, now.total, kernel_mark_is_ours_ ? now.peak : 0});
}

ResidentBytes MemoryWatch::peaks() {
  const std::lock_guard lock(mutex_);
  sample();
  ResidentBytes peaks = largest_;
  peaks.peak = peaks.total;
  return peaks;
}

}  // namespace winnow
