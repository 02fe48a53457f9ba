#include <ATen/ATen.h>

#include <algorithm>
#include <unordered_map>

#include "harness/core/error.h"
#include "harness/core/files.h"
#include "harness/core/json.h"
#include "harness/model/safetensors.h"

namespace winnow {
namespace {

const char* dtype_name(at::ScalarType dtype) {
  switch (dtype) {
    case at::kFloat: return "F32";
    case at::kHalf: return "F16";
    case at::kBFloat16: return "BF16";
    case at::kDouble: return "F64";
    case at::kLong: return "I64";
    case at::kInt: return "I32";
    case at::kByte: return "U8";
    case at::kBool: return "BOOL";
    default: throw std::logic_error(fmt::format("safetensors: no name for dtype {}", c10::toString(dtype)));
  }
}

std::uint64_t byte_count(const SafetensorsWriter::Entry& entry) {
  std::uint64_t elements = 1;
  for (const std::int64_t size : entry.shape) elements *= static_cast<std::uint64_t>(size);
  return elements * c10::elementSize(entry.dtype);
}

}  // namespace

struct SafetensorsWriter::State {
  struct Place {
    Entry entry;
    std::uint64_t begin;
    bool is_written = false;
  };
  explicit State(const std::filesystem::path& path) : file(path) {}
  AtomicFile file;
  std::unordered_map<std::string, Place> places;
};

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path, std::vector<Entry> tensors, const std::map<std::string, std::string>& metadata)
    : state_(std::make_unique<State>(path)) {
  std::stable_sort(tensors.begin(), tensors.end(), [](const Entry& a, const Entry& b) { return c10::elementSize(a.dtype) > c10::elementSize(b.dtype); });
  OrderedJson json = OrderedJson::object();
  if (!metadata.empty()) json["__metadata__"] = metadata;
  // Appended member by member: operator[] of an ordered object looks through all keys, which is quadratic for a large model.
  auto& members = json.get_ref<OrderedJson::object_t&>();
  std::uint64_t position = 0;
  for (Entry& entry : tensors) {
    const std::uint64_t end = position + byte_count(entry);
    members.push_back({entry.name, OrderedJson{{"dtype", dtype_name(entry.dtype)}, {"shape", entry.shape}, {"data_offsets", {position, end}}}});
    const std::string name = entry.name;
    WINNOW_CHECK(state_->places.emplace(name, State::Place{.entry = std::move(entry), .begin = position}).second);
    position = end;
  }
  std::string header = json.dump();
  header.append((8 - header.size() % 8) % 8, ' ');
  const std::uint64_t length = header.size();
  state_->file.write({reinterpret_cast<const char*>(&length), sizeof length});
  state_->file.write(header);
  for (auto& [name, place] : state_->places) place.begin += sizeof length + length;
}

SafetensorsWriter::~SafetensorsWriter() = default;

void SafetensorsWriter::write(const std::string& name, const at::Tensor& tensor) {
  const auto position = state_->places.find(name);
  WINNOW_CHECK(position != state_->places.end());
  State::Place& place = position->second;
  WINNOW_CHECK(!place.is_written && tensor.scalar_type() == place.entry.dtype && tensor.sizes() == at::IntArrayRef(place.entry.shape));
  const at::Tensor plain = tensor.cpu().contiguous();
  state_->file.write_at(place.begin, {static_cast<const char*>(plain.const_data_ptr()), byte_count(place.entry)});
  place.is_written = true;
}

void SafetensorsWriter::commit() {
  for (const auto& [name, place] : state_->places) WINNOW_CHECK(place.is_written);
  state_->file.commit();
}

void write_tensors(const std::filesystem::path& path, const std::map<std::string, at::Tensor>& tensors, const std::map<std::string, std::string>& metadata) {
  std::vector<SafetensorsWriter::Entry> entries;
  for (const auto& [name, tensor] : tensors) entries.push_back({name, tensor.scalar_type(), tensor.sizes().vec()});
  SafetensorsWriter writer(path, std::move(entries), metadata);
  for (const auto& [name, tensor] : tensors) writer.write(name, tensor);
  writer.commit();
}

}  // namespace winnow
