#include "harness/model/safetensors.h"

#include <ATen/ATen.h>

#include <filesystem>

#include "harness/core/json.h"
#include "tests/model/tiny_model.h"
#include "tests/support/errors.h"

namespace winnow::test {
namespace {

namespace fs = std::filesystem;

at::Tensor tensor_at(const MappedFile& file, const SafetensorsEntry& entry, at::ScalarType dtype) {
  return at::from_blob(const_cast<char*>(file.bytes().data()) + entry.begin, entry.shape, at::TensorOptions(dtype)).clone();
}

TEST(Safetensors, ReadsAFileThatAPersonCanCheck) {
  TemporaryFolder temporary;
  const std::string header =
      R"({"__metadata__":{"k":"v"},"b":{"dtype":"U8","shape":[2],"data_offsets":[8,10]},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}})";
  const std::string buffer("\x00\x00\x80\x3f\x00\x00\x00\x40\x07\x09", 10);  // 1.0f, 2.0f, 7, 9
  const MappedFile file(temporary.write("x.safetensors", length_field(header.size()) + header + buffer));
  const SafetensorsHeader read = read_safetensors_header(file);
  EXPECT_EQ(read.metadata, (std::map<std::string, std::string>{{"k", "v"}}));
  EXPECT_EQ(read.file_bytes, 8 + header.size() + 10);
  ASSERT_EQ(read.entries.size(), 2u);
  EXPECT_EQ(read.entries[0].name, "a");
  EXPECT_EQ(read.entries[0].shape, (std::vector<std::int64_t>{2, 1}));
  EXPECT_EQ(file.bytes().substr(read.entries[1].begin, 2), "\x07\x09");
  EXPECT_EQ(tensor_at(file, read.entries[0], at::kFloat)[1].item<float>(), 2.0f);
}

TEST(Safetensors, AllowsRankZeroAndEmptyTensors) {
  const std::string header = R"({"scalar":{"dtype":"F64","shape":[],"data_offsets":[0,8]},"none":{"dtype":"I32","shape":[3,0],"data_offsets":[8,8]}})";
  const SafetensorsHeader read = parse_safetensors_header(header, 8, "x");
  EXPECT_EQ(read.entries.size(), 2u);
  EXPECT_TRUE(parse_safetensors_header("{}", 0, "x").entries.empty());
  EXPECT_ERROR(parse_safetensors_header("{}", 3, "x"), kInput, "x: 3 bytes after the last tensor belong to none");
}

TEST(SafetensorsWriter, WhatItWritesIsReadBack) {
  TemporaryFolder temporary;
  const fs::path path = temporary / "out.safetensors";
  const std::map<std::string, at::Tensor> tensors = {{"logits", at::arange(6, at::kFloat).view({3, 2})},
                                                     {"ids", at::arange(3, at::kLong)},
                                                     {"half", at::ones({3}, at::kBFloat16)},
                                                     {"flag", at::ones({1}, at::kByte)},
                                                     {"none", at::empty({0, 4}, at::kFloat)}};
  std::vector<SafetensorsWriter::Entry> entries;
  for (const auto& [name, tensor] : tensors) entries.push_back({name, tensor.scalar_type(), tensor.sizes().vec()});
  SafetensorsWriter writer(path, entries, {{"format", "pt"}, {"by", "a test"}});
  for (auto tensor = tensors.rbegin(); tensor != tensors.rend(); ++tensor) writer.write(tensor->first, tensor->second);  // any order
  EXPECT_FALSE(fs::exists(path));
  writer.commit();

  const MappedFile file(path);
  const SafetensorsHeader header = read_safetensors_header(file);
  EXPECT_EQ(header.metadata.at("by"), "a test");
  EXPECT_EQ(header.entries.size(), tensors.size());
  for (const SafetensorsEntry& entry : header.entries) {
    const at::Tensor& expected = tensors.at(entry.name);
    EXPECT_EQ(entry.begin % expected.element_size(), 0u) << entry.name;  // PyTorch's reader needs it
    EXPECT_TRUE(at::equal(tensor_at(file, entry, expected.scalar_type()), expected)) << entry.name;
  }
}

TEST(SafetensorsWriter, WritesTransposedTensorsRowByRow) {
  TemporaryFolder temporary;
  const at::Tensor transposed = at::arange(6, at::kFloat).view({2, 3}).t();
  SafetensorsWriter writer(temporary / "t.safetensors", {{"t", at::kFloat, {3, 2}}});
  writer.write("t", transposed);
  writer.commit();
  const MappedFile file(temporary / "t.safetensors");
  EXPECT_TRUE(at::equal(tensor_at(file, read_safetensors_header(file).entries[0], at::kFloat), transposed));
}

TEST(SafetensorsWriter, LeavesNothingBehindWithoutCommit) {
  TemporaryFolder temporary;
  {
    SafetensorsWriter writer(temporary / "x.safetensors", {{"a", at::kFloat, {2}}});
    writer.write("a", at::ones({2}));
  }
  EXPECT_TRUE(fs::is_empty(temporary.path()));
}

TEST(SafetensorsWriter, RefusesWhatWasNotDeclared) {
  TemporaryFolder temporary;
  SafetensorsWriter writer(temporary / "x.safetensors", {{"a", at::kFloat, {2}}});
  EXPECT_THROW(writer.write("b", at::ones({2})), std::logic_error);
  EXPECT_THROW(writer.write("a", at::ones({3})), std::logic_error);
  EXPECT_THROW(writer.write("a", at::ones({2}, at::kLong)), std::logic_error);
  EXPECT_THROW(writer.commit(), std::logic_error);
  writer.write("a", at::ones({2}));
  EXPECT_THROW(writer.write("a", at::ones({2})), std::logic_error);
  EXPECT_ERROR_HAS(SafetensorsWriter(temporary / "no/such/folder/x", {}), kInput, "no/such/folder/x");
}

}  // namespace
}  // namespace winnow::test
