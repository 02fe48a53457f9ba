#pragma once
#include <cstdint>
#include <filesystem>

namespace winnow {

// Which trials of a store live processes are running, as byte-range locks on a file beside it: the kernel drops them when a process dies,
// however it dies. The file is empty, made by the first writer and removed by the last.
class Claims {
 public:
  explicit Claims(std::filesystem::path file);
  ~Claims();
  Claims(const Claims&) = delete;
  Claims& operator=(const Claims&) = delete;

  bool try_claim(std::int64_t trial_id);  // false: another Store, here or in another process, has it
  void release(std::int64_t trial_id);

 private:
  std::filesystem::path file_;
  int descriptor_ = -1;
};

}  // namespace winnow
