#include "harness/pruning/mask.h"

#include <ATen/ATen.h>

#include <bit>
#include <string_view>

#include "harness/core/digest.h"
#include "harness/core/error.h"
#include "harness/engine/device_path.h"

namespace winnow {

namespace {

at::Tensor bit_values_of_byte(at::Device device) { return at::tensor({128, 64, 32, 16, 8, 4, 2, 1}, at::kByte).to(device); }

// On its device, so that an eighth of the bytes come to the host.
at::Tensor pack_by_operators(const at::Tensor& flat) {
  const at::Tensor whole = at::constant_pad_nd(flat.to(at::kByte), {0, (8 - flat.numel() % 8) % 8});
  return (whole.view({-1, 8}) * bit_values_of_byte(flat.device())).sum(1, /*keepdim=*/false, at::kByte).cpu();
}

at::Tensor unpack_by_operators(const at::Tensor& bits, at::IntArrayRef shape) {
  const at::Tensor values = bit_values_of_byte(bits.device());
  return bits.unsqueeze(1).bitwise_and(values).ne(0).view(-1).narrow(0, 0, c10::multiply_integers(shape)).view(shape);
}

}  // namespace

at::Tensor pack_mask(const at::Tensor& kept) {
  const at::Tensor flat = kept.to(at::kBool).contiguous().view(-1);
  if (takes_device_path(flat)) return pack_by_operators(flat);
  const std::int64_t count = flat.numel();
  at::Tensor bits = at::zeros({(count + 7) / 8}, at::kByte);
  const bool* in = flat.const_data_ptr<bool>();
  std::uint8_t* out = bits.data_ptr<std::uint8_t>();
  for (std::int64_t i = 0; i < count; ++i) out[i / 8] |= static_cast<std::uint8_t>(in[i] << (7 - i % 8));
  return bits;
}

at::Tensor unpack_mask(const at::Tensor& bits, at::IntArrayRef shape) {
  const std::int64_t count = c10::multiply_integers(shape);
  if (bits.scalar_type() != at::kByte || bits.numel() != (count + 7) / 8) {
    throw input_error("plan: a mask has {} bytes, {} are expected for its tensor; the plan is of another model", bits.numel(), (count + 7) / 8);
  }
  const at::Tensor packed = bits.contiguous();
  if (takes_device_path(packed)) return unpack_by_operators(packed, shape);
  at::Tensor kept = at::empty(shape, at::kBool);
  const std::uint8_t* in = packed.const_data_ptr<std::uint8_t>();
  bool* out = kept.data_ptr<bool>();
  for (std::int64_t i = 0; i < count; ++i) out[i] = (in[i / 8] >> (7 - i % 8)) & 1;
  return kept;
}

MaskRecord describe_mask(const std::string& name, at::IntArrayRef shape, const at::Tensor& bits) {
  const at::Tensor packed = bits.contiguous();
  const std::string_view bytes(reinterpret_cast<const char*>(packed.const_data_ptr<std::uint8_t>()), packed.numel());
  std::int64_t kept = 0;
  for (const char byte : bytes) kept += std::popcount(static_cast<std::uint8_t>(byte));
  return {.name = name, .shape = shape.vec(), .kept = kept, .sha256 = sha256_hex(bytes)};
}

}  // namespace winnow
