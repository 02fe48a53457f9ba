#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace winnow {

// One tensor of a safetensors file as its header tells it.
struct SafetensorsEntry {
  std::string name;
  std::string dtype;  // "BF16", as written
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;  // bytes, from the start of the file
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  // in the order of their bytes; without holes and overlaps they fill the file to its end
  std::map<std::string, std::string> metadata;
  std::uint64_t file_bytes = 0;
  std::string sha256;  // of the length field and the header text
};

// Parses and checks a header by every rule of the format: a closed set of dtypes, sizes that agree with shapes, each byte of the
// buffer in exactly one tensor. `header` is the JSON text, `buffer_bytes` what follows it. `source` names the file in Error(kInput).
SafetensorsHeader parse_safetensors_header(std::string_view header, std::uint64_t buffer_bytes, std::string_view source);

// A regular file mapped read-only.
class MappedFile {
 public:
  // Throws Error(kInput) for what is missing, a dangling link, a folder, FIFO or device, or empty.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  const std::string& name() const { return name_; }  // the path as messages show it
  std::string_view bytes() const { return {static_cast<const char*>(address_), size_}; }
  // Throws Error(kInput) where the file has become shorter: touching its bytes would be a bus error.
  void check_length() const;
  // These bytes' pages may leave memory.
  void drop(std::uint64_t begin, std::uint64_t end) const;

 private:
  std::filesystem::path path_;
  std::string name_;
  int descriptor_ = -1;
  void* address_ = nullptr;
  std::size_t size_ = 0;
};

// Reads the header of a mapped file; names git-lfs pointers, web pages, pickles and short files for what they are.
SafetensorsHeader read_safetensors_header(const MappedFile& file);

// All tensors of a (small) file, copied. Throws Error(kInput) as read_safetensors_header, and for dtypes that torch has not.
std::map<std::string, at::Tensor> read_tensors(const std::filesystem::path& path);

// The same as views of the mapped file, which lives as long as they do: for what may be as large as a model. Never write to them.
std::map<std::string, at::Tensor> map_tensors(const std::filesystem::path& path);

// Writes a file whose tensors' dtypes and shapes are known beforehand and whose bytes come one tensor at a time, in any order.
// Nothing appears at `path` unless commit() returned.
class SafetensorsWriter {
 public:
  struct Entry {
    std::string name;
    at::ScalarType dtype;
    std::vector<std::int64_t> shape;
  };
  // Larger element sizes come first in the file and the header's length is a multiple of 8, so that every tensor is aligned.
  SafetensorsWriter(const std::filesystem::path& path, std::vector<Entry> tensors, const std::map<std::string, std::string>& metadata = {{"format", "pt"}});
  ~SafetensorsWriter();

  void write(const std::string& name, const at::Tensor& tensor);
  void commit();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// All of them, whole or not at all.
void write_tensors(const std::filesystem::path& path, const std::map<std::string, at::Tensor>& tensors,
                   const std::map<std::string, std::string>& metadata = {{"format", "pt"}});

}  // namespace winnow
