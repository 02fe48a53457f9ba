#include <algorithm>
#include <bit>
#include <cstring>

#include "harness/core/digest.h"
#include "harness/core/error.h"
#include "harness/core/json.h"
#include "harness/model/config_fields.h"
#include "harness/model/safetensors.h"

namespace winnow {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors are little-endian and mapped as they are");

constexpr std::uint64_t kMostHeaderBytes = 100'000'000;

const std::map<std::string, int, std::less<>>& bits_by_dtype() {
  static const std::map<std::string, int, std::less<>> bits = {
      {"BOOL", 8}, {"U8", 8},   {"I8", 8},   {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8},
      {"I16", 16}, {"U16", 16}, {"F16", 16}, {"BF16", 16},   {"I32", 32},    {"U32", 32},    {"F32", 32},        {"F64", 64},
      {"I64", 64}, {"U64", 64}, {"C64", 64}, {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}};
  return bits;
}

struct EntryReader {
  std::string_view source;
  std::string name;

  Error fault(const std::string& what) const { return input_error("{}: tensor {}: {}", source, quoted(Json(name)), what); }

  std::uint64_t count(const Json& value, const char* what) const {
    if (!value.is_number_unsigned() && !(value.is_number_integer() && value.get<std::int64_t>() >= 0))
      throw fault(fmt::format("{} {} is not a whole number", what, quoted(value)));
    return value.get<std::uint64_t>();
  }

  std::uint64_t byte_count(const std::vector<std::int64_t>& shape, int bits) const {
    std::uint64_t elements = 1, total_bits = 0;
    for (const std::int64_t size : shape) {
      if (__builtin_mul_overflow(elements, static_cast<std::uint64_t>(size), &elements)) throw fault("its shape overflows 64 bits");
    }
    if (__builtin_mul_overflow(elements, static_cast<std::uint64_t>(bits), &total_bits)) throw fault("its size overflows 64 bits");
    if (total_bits % 8 != 0) throw fault("its elements do not fill whole bytes");
    return total_bits / 8;
  }

  SafetensorsEntry read(const Json& value) const {
    if (!value.is_object()) throw fault(fmt::format("its entry is {}; expected dtype, shape and data_offsets", quoted(value)));
    for (const char* key : {"dtype", "shape", "data_offsets"}) {
      if (!value.contains(key)) throw fault(fmt::format("its entry has no '{}'", key));
    }
    const Json &dtype = value["dtype"], &shape = value["shape"], &offsets = value["data_offsets"];
    SafetensorsEntry entry{.name = name};
    const auto bits = dtype.is_string() ? bits_by_dtype().find(dtype.get_ref<const std::string&>()) : bits_by_dtype().end();
    if (bits == bits_by_dtype().end()) throw fault(fmt::format("dtype {} is not one of the format's", quoted(dtype)));
    entry.dtype = bits->first;
    if (!shape.is_array()) throw fault(fmt::format("shape {} is not a list", quoted(shape)));
    for (const Json& size : shape) {
      const std::uint64_t number = count(size, "the size");
      if (number > static_cast<std::uint64_t>(INT64_MAX)) throw fault("its shape overflows 64 bits");
      entry.shape.push_back(static_cast<std::int64_t>(number));
    }
    if (!offsets.is_array() || offsets.size() != 2) throw fault(fmt::format("data_offsets {} is not a pair", quoted(offsets)));
    entry.begin = count(offsets[0], "the offset");
    entry.end = count(offsets[1], "the offset");
    const std::uint64_t expected = byte_count(entry.shape, bits->second);
    if (entry.end < entry.begin) throw fault(fmt::format("data_offsets {} run backwards", quoted(offsets)));
    if (entry.end - entry.begin != expected) {
      throw fault(
          fmt::format("data_offsets {} hold {} bytes, but {} {} needs {}", quoted(offsets), entry.end - entry.begin, entry.dtype, quoted(shape), expected));
    }
    return entry;
  }
};

std::map<std::string, std::string> read_metadata(const Json& value, std::string_view source) {
  std::map<std::string, std::string> metadata;
  if (value.is_null()) return metadata;
  if (!value.is_object()) throw input_error("{}: __metadata__ is {}; expected an object of strings", source, quoted(value));
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string()) throw input_error("{}: __metadata__ {} is {}; expected a string", source, quoted(Json(key)), quoted(text));
    metadata[key] = text.get<std::string>();
  }
  return metadata;
}

// Sorted by offset, every tensor must begin where the one before it ends: no hole, no overlap, no bytes nobody owns.
void check_cover(const std::vector<SafetensorsEntry>& entries, std::uint64_t buffer_bytes, std::string_view source) {
  std::uint64_t position = 0;
  const SafetensorsEntry* previous = nullptr;
  for (const SafetensorsEntry& entry : entries) {
    if (entry.end > buffer_bytes) {
      throw input_error("{}: ends {} bytes early: tensor {} needs bytes up to {} of the buffer, which has {}; download the file again", source,
                        entry.end - buffer_bytes, quoted(Json(entry.name)), entry.end, buffer_bytes);
    }
    if (entry.begin < position) {
      throw input_error("{}: tensors {} and {} overlap at byte {} of the buffer", source, quoted(Json(previous->name)), quoted(Json(entry.name)), entry.begin);
    }
    if (entry.begin > position) throw input_error("{}: there is a hole of {} bytes before tensor {}", source, entry.begin - position, quoted(Json(entry.name)));
    position = entry.end;
    previous = &entry;
  }
  if (position != buffer_bytes) throw input_error("{}: {} bytes after the last tensor belong to none", source, buffer_bytes - position);
}

// Says what people most often have in place of weights. Only asked where the length cannot be right: one that is may begin with any byte.
void name_what_it_is(std::string_view bytes, std::string_view source) {
  const std::string_view start = bytes.substr(0, 512);
  if (start.starts_with("version https://git-lfs")) {
    throw input_error("{}: is a git-lfs pointer, not the file itself; run `git lfs pull` in its folder", source);
  }
  const std::size_t text = start.find_first_not_of(" \t\r\n");
  if (text != std::string_view::npos &&
      (start.substr(text).starts_with("<!") || start.substr(text).starts_with("<html") || start.substr(text).starts_with("<?xml"))) {
    throw input_error("{}: is a web page, not safetensors; the download went wrong, get it again", source);
  }
  if (start.starts_with("PK\x03\x04") || start.starts_with("\x80\x02") || start.starts_with("\x80\x04")) {
    throw input_error("{}: is a PyTorch pickle, not safetensors; pickles are never opened", source);
  }
  if (start.starts_with("GGUF")) throw input_error("{}: is a GGUF file, not safetensors", source);
  if (start.starts_with("{")) throw input_error("{}: begins with JSON, not with the length of a safetensors header", source);
}

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view text, std::uint64_t buffer_bytes, std::string_view source) {
  const Json json = parse_json(text, fmt::format("{} (header)", source));
  if (!json.is_object()) throw input_error("{}: its header is {}; expected an object", source, quoted(json));
  SafetensorsHeader header;
  header.entries.reserve(json.size());
  for (const auto& [name, value] : json.items()) {
    if (name == "__metadata__") {
      header.metadata = read_metadata(value, source);
    } else {
      header.entries.push_back(EntryReader{.source = source, .name = name}.read(value));
    }
  }
  std::sort(header.entries.begin(), header.entries.end(),
            [](const SafetensorsEntry& a, const SafetensorsEntry& b) { return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name); });
  check_cover(header.entries, buffer_bytes, source);
  const std::uint64_t before = 8 + text.size();
  for (SafetensorsEntry& entry : header.entries) {
    entry.begin += before;
    entry.end += before;
  }
  header.file_bytes = before + buffer_bytes;
  return header;
}

SafetensorsHeader read_safetensors_header(const MappedFile& file) {
  const std::string_view bytes = file.bytes();
  const std::string& source = file.name();
  if (bytes.size() < 8) throw input_error("{}: has {} bytes, too few for a safetensors file; download it again", source, bytes.size());
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  if (length > bytes.size() - 8) name_what_it_is(bytes, source);
  if (length > kMostHeaderBytes)
    throw input_error("{}: claims a header of {} bytes; the format allows {}, so this is no safetensors file", source, length, kMostHeaderBytes);
  if (length > bytes.size() - 8) {
    throw input_error("{}: ends {} bytes early: its header alone has {} bytes; download it again", source, length - (bytes.size() - 8), length);
  }
  if (length < 2) throw input_error("{}: claims a header of {} bytes, which cannot hold an object", source, length);
  SafetensorsHeader header = parse_safetensors_header(bytes.substr(8, length), bytes.size() - 8 - length, source);
  header.sha256 = sha256_hex(bytes.substr(0, 8 + length));
  return header;
}

}  // namespace winnow
