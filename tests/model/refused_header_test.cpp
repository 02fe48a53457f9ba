#include "tests/model/refused_case.h"

namespace winnow::test {
namespace {

constexpr ErrorKind kUnsupported = ErrorKind::kUnsupported;
constexpr const char* kFile = "model.safetensors: ";

// The whole file in place of a valid one.
std::function<void(TinyModel&)> file_is(const std::function<std::string(const std::string& valid)>& make) {
  return [make](TinyModel& model) {
    const std::string valid = model.file_of(model.tensors);
    model.after = [bytes = make(valid)](const std::filesystem::path& folder) { write_bytes(folder / "model.safetensors", bytes); };
  };
}
std::function<void(TinyModel&)> length_is(std::uint64_t length) {
  return file_is([length](const std::string& valid) { return length_field(length) + valid.substr(8); });
}
std::function<void(TinyModel&)> header(std::function<void(OrderedJson&)> edit) {
  return [edit](TinyModel& model) { model.edit_header = edit; };
}
std::function<void(TinyModel&)> header_text(std::function<void(std::string&)> edit) {
  return [edit](TinyModel& model) { model.edit_header_text = edit; };
}
// The entry of the final norm, [16] BF16.
std::function<void(TinyModel&)> norm_entry(const std::string& key, const OrderedJson& value) {
  return header([key, value](OrderedJson& json) { json["model.norm.weight"][key] = value; });
}
std::function<void(TinyModel&)> replaced(const std::string& from, const std::string& to) {
  return header_text([from, to](std::string& text) { text.replace(text.find(from), from.size(), to); });
}

TEST(RefusedHeader, LengthsThatLie) {
  expect_all_refused({
      {"zero", length_is(0), {kFile, "header of 0 bytes"}},
      {"one", length_is(1), {kFile, "header of 1 bytes"}},
      {"too short for its JSON", length_is(10), {"model.safetensors (header)", "not valid JSON"}},
      {"beyond the file", length_is(99'999'999), {kFile, "bytes early", "download it again"}},
      {"beyond the format's limit", length_is(100'000'001), {kFile, "100000001", "100000000"}},
      {"2^63", length_is(std::uint64_t{1} << 63), {kFile, "9223372036854775808"}},
      {"2^64 - 1", length_is(~std::uint64_t{0}), {kFile, "18446744073709551615"}},
      {"2^64 - 8", length_is(~std::uint64_t{0} - 7), {kFile, "18446744073709551608"}},
      {"reaches into the buffer",
       file_is([](const std::string& valid) { return length_field(valid.size() - 8) + valid.substr(8); }),
       {"model.safetensors (header)", "NUL"}},
  });
}

TEST(RefusedHeader, FilesThatAreNotSafetensors) {
  const auto is = [](const std::string& bytes) { return file_is([bytes](const std::string&) { return bytes; }); };
  expect_all_refused({
      {"empty", is(""), {kFile, "is empty"}},
      {"seven bytes", is("1234567"), {kFile, "has 7 bytes"}},
      {"only a length", is(length_field(2)), {kFile, "ends 2 bytes early"}},
      {"git-lfs pointer", is("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 4988\n"), {kFile, "git-lfs pointer", "git lfs pull"}},
      {"web page", is("<!DOCTYPE html>\n<html><body>Access denied</body></html>"), {kFile, "web page"}},
      {"XML error of a bucket", is("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>"), {kFile, "web page"}},
      {"zipped pickle", is(std::string("PK\x03\x04") + std::string(100, 'x')), {kFile, "pickle"}},
      {"bare pickle", is(std::string("\x80\x02}q") + std::string(100, 'x')), {kFile, "pickle"}},
      {"GGUF", is("GGUF" + std::string(100, '\0')), {kFile, "GGUF"}},
      {"JSON without a length", is("{\"a\": 1}         "), {kFile, "begins with JSON"}},
      {"zeros", is(std::string(4096, '\0')), {kFile, "header of 0 bytes"}},
      {"ends early", file_is([](const std::string& valid) { return valid.substr(0, valid.size() - 10); }), {kFile, "ends 10 bytes early", "download"}},
      {"ends inside of the header", file_is([](const std::string& valid) { return valid.substr(0, 200); }), {kFile, "bytes early"}},
      {"bytes behind", file_is([](const std::string& valid) { return valid + "tail"; }), {kFile, "4 bytes after the last tensor"}},
      {"two files in one", file_is([](const std::string& valid) { return valid + valid; }), {kFile, "after the last tensor"}},
  });
}

TEST(RefusedHeader, TextsThatAreNoHeader) {
  expect_all_refused({
      {"a list", header_text([](std::string& text) { text = "[" + text + "]"; }), {kFile, "expected an object"}},
      {"not UTF-8", replaced("model.norm", "model\xff.norm"), {"UTF-8"}},
      {"comment", header_text([](std::string& text) { text = "/* */" + text; }), {"comments are not allowed"}},
      {"NUL padding", header_text([](std::string& text) { text += std::string(8, '\0'); }), {"NUL"}},
      {"byte order mark", header_text([](std::string& text) { text = "\xef\xbb\xbf" + text; }), {"byte order mark"}},
      {"text behind", header_text([](std::string& text) { text += "{}"; }), {"not valid JSON"}},
      {"duplicate tensor",
       header_text([](std::string& text) { text.insert(1, "\"lm_head.weight\": {\"dtype\": \"BF16\", \"shape\": [0], \"data_offsets\": [0, 0]},"); }),
       {"'lm_head.weight' stands twice"}},
      {"duplicate field", replaced("\"dtype\":", "\"dtype\":\"F32\",\"dtype\":"), {"'dtype' stands twice"}},
      {"duplicate metadata",
       header_text([](std::string& text) { text.insert(1, "\"__metadata__\": {}, \"__metadata__\": {},"); }),
       {"'__metadata__' stands twice"}},
      {"metadata a list",
       header([](OrderedJson& json) {
         json["__metadata__"] = {1, 2};
       }),
       {"__metadata__", "object of strings"}},
      {"metadata with a number",
       header([](OrderedJson& json) {
         json["__metadata__"] = {{"steps", 7}};
       }),
       {"__metadata__", "steps"}},
      {"TensorFlow's layout",
       header([](OrderedJson& json) {
         json["__metadata__"] = {{"format", "tf"}};
       }),
       {"format \"tf\""},
       kUnsupported},
      {"nested deep",
       header_text([](std::string& text) { text.insert(1, "\"__metadata__\": " + std::string(5000, '[') + std::string(5000, ']') + ","); }),
       {"nested more than 64"}},
      {"lone surrogate", replaced("model.norm", "\\ud800"), {"not valid JSON"}},
      {"leading zero", replaced("[0,", "[00,"), {"not valid JSON"}},
      {"cut off", header_text([](std::string& text) { text.pop_back(); }), {"not valid JSON"}},
  });
}

TEST(RefusedHeader, EntriesThatBreakTheRules) {
  const auto erase = [](const std::string& key) { return header([key](OrderedJson& json) { json["model.norm.weight"].erase(key); }); };
  expect_all_refused({
      {"entry a number", header([](OrderedJson& json) { json["model.norm.weight"] = 7; }), {"\"model.norm.weight\"", "its entry is 7"}},
      {"no dtype", erase("dtype"), {"\"model.norm.weight\"", "no 'dtype'"}},
      {"no shape", erase("shape"), {"no 'shape'"}},
      {"no offsets", erase("data_offsets"), {"no 'data_offsets'"}},
      {"unknown dtype", norm_entry("dtype", "F17"), {"dtype \"F17\""}},
      {"lower-case dtype", norm_entry("dtype", "bf16"), {"dtype \"bf16\""}},
      {"dtype a number", norm_entry("dtype", 16), {"dtype 16"}},
      {"dtype that lies", norm_entry("dtype", "F32"), {"hold 32 bytes", "needs 64"}},
      {"shape a number", norm_entry("shape", 16), {"shape 16 is not a list"}},
      {"negative size", norm_entry("shape", {-16}), {"the size -16"}},
      {"fractional size", norm_entry("shape", OrderedJson::array({16.0})), {"the size 16.0"}},
      {"size a string", norm_entry("shape", OrderedJson::array({"16"})), {"the size \"16\""}},
      {"shape that lies", norm_entry("shape", OrderedJson::array({15})), {"hold 32 bytes", "needs 30"}},
      {"shape that wraps to the right size", norm_entry("shape", {std::uint64_t{1} << 62, 4, 16}), {"overflows 64 bits"}},
      {"bytes that wrap", norm_entry("shape", OrderedJson::array({(std::int64_t{1} << 60) + 1, 8})), {"overflows 64 bits"}},
      {"overflow before a zero", norm_entry("shape", {std::int64_t{1} << 40, std::int64_t{1} << 40, 0}), {"overflows 64 bits"}},
      {"size beyond 63 bits", norm_entry("shape", OrderedJson::array({~std::uint64_t{0}})), {"overflows 64 bits"}},
      {"offsets of one", norm_entry("data_offsets", OrderedJson::array({0})), {"not a pair"}},
      {"offsets of three", norm_entry("data_offsets", {0, 1, 2}), {"not a pair"}},
      {"negative offset", norm_entry("data_offsets", {-32, 0}), {"the offset -32"}},
      {"offset a string", norm_entry("data_offsets", {"0", "32"}), {"the offset \"0\""}},
      {"offsets backwards",
       header([](OrderedJson& json) { std::swap(json["model.norm.weight"]["data_offsets"][0], json["model.norm.weight"]["data_offsets"][1]); }),
       {"\"model.norm.weight\"", "run backwards"}},
      {"half bytes",
       header([](OrderedJson& json) {
         json["model.norm.weight"]["dtype"] = "F4";
         json["model.norm.weight"]["shape"] = OrderedJson::array({63});
       }),
       {"whole bytes"}},
  });
}

// Moves all tensors but the first 64 bytes on.
void open_hole(OrderedJson& json) {
  for (auto& [name, entry] : json.items()) {
    if (entry["data_offsets"][0] == 0) continue;
    for (OrderedJson& offset : entry["data_offsets"]) offset = offset.get<std::int64_t>() + 64;
  }
}

TEST(RefusedHeader, BytesThatBelongToNobodyOrToTwo) {
  const auto shift = [](const std::string& name, std::int64_t by) {
    return header([name, by](OrderedJson& json) {
      for (OrderedJson& offset : json[name]["data_offsets"]) offset = offset.get<std::int64_t>() + by;
    });
  };
  expect_all_refused({
      {"hole in the middle",
       [](TinyModel& model) {
         model.edit_header = open_hole;
         model.after = [](const std::filesystem::path& folder) {
           const std::filesystem::path file = folder / "model.safetensors";
           std::filesystem::resize_file(file, std::filesystem::file_size(file) + 64);
         };
       },
       {"a hole of 64 bytes"}},
      {"hole before the first", shift("model.embed_tokens.weight", 8), {"\"model.embed_tokens.weight\""}},
      {"overlap by two bytes", shift("model.norm.weight", -2), {"overlap", "\"model.norm.weight\""}},
      {"overlap bomb",
       header([](OrderedJson& json) {
         for (auto& [name, entry] : json.items()) entry = {{"dtype", "BF16"}, {"shape", {40, 16}}, {"data_offsets", {0, 1280}}};
       }),
       {"overlap"}},
      {"beyond the end", shift("lm_head.weight", 1 << 20), {"ends", "early"}},
      {"wrapping offsets", norm_entry("data_offsets", {~std::uint64_t{0} - 31, ~std::uint64_t{0}}), {"\"model.norm.weight\""}},
  });
}

}  // namespace
}  // namespace winnow::test
