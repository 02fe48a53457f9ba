#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>

#include "harness/model/dtype.h"
#include "harness/model/weight_source.h"

namespace winnow {
namespace {

// SplitMix64's output function: the n-th word of a stream is mix(seed + n · step), so blocks can be drawn in any order.
std::uint64_t mix(std::uint64_t word) {
  word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9ull;
  word = (word ^ (word >> 27)) * 0x94d049bb133111ebull;
  return word ^ (word >> 31);
}

std::uint64_t stream_of(std::uint64_t seed, const std::string& name) {
  std::uint64_t hash = mix(seed + 0x9e3779b97f4a7c15ull);
  for (const unsigned char c : name) hash = mix(hash ^ c) + 0x9e3779b97f4a7c15ull;
  return hash;
}

constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15ull;

at::Scalar as_scalar(std::uint64_t bits) { return static_cast<std::int64_t>(bits); }

// Of int64 words whose bits count, by operators; in place.
void mix_words(at::Tensor& words) {
  const auto fold = [&](int shift) { words.bitwise_xor_(words.bitwise_right_shift(at::Scalar(shift)).bitwise_and_(as_scalar(~0ull >> shift))); };
  fold(30);
  words.mul_(as_scalar(0xbf58476d1ce4e5b9ull));
  fold(27);
  words.mul_(as_scalar(0x94d049bb133111ebull));
  fold(31);
}

bool is_norm(Role role) { return role == Role::kFinalNorm || role == Role::kAttentionNorm || role == Role::kMlpNorm; }

// Each element takes 16 random bits to one of 65,536 equally likely quantiles of the normal distribution: 4 elements a word, and the
// same numbers on every machine.
class RandomWeights : public WeightSource {
 public:
  RandomWeights(const ModelConfig& config, std::uint64_t seed) : seed_(seed), dtype_(scalar_type(config.dtype)) {
    const at::Tensor probabilities = (at::arange(65'536, at::kDouble) + 0.5) / 65'536;
    quantiles_ = (at::special_ndtri(probabilities) * 0.02).to(dtype_);
  }

  at::Tensor read(const TensorSpec& spec) override {
    at::Tensor tensor = at::empty(spec.shape, at::TensorOptions(dtype_));
    bytes_read_ += tensor.nbytes();
    if (is_norm(spec.role)) return tensor.fill_(1);
    const std::uint64_t stream = stream_of(seed_, spec.name);
    if (dtype_ == at::kFloat) {
      fill<std::uint32_t>(tensor, stream);
    } else {
      fill<std::uint16_t>(tensor, stream);
    }
    return tensor;
  }

  // What read() gives, drawn on the device by operators: a large model's weights would take a minute on the way there.
  at::Tensor read_near(const TensorSpec& spec, at::Device device) override {
    at::Tensor tensor = at::empty(spec.shape, at::TensorOptions(device).dtype(dtype_));
    bytes_read_ += tensor.nbytes();
    if (is_norm(spec.role)) return tensor.fill_(1);
    constexpr std::int64_t kGroupsAtOnce = 1 << 22;
    const std::uint64_t stream = stream_of(seed_, spec.name);
    const at::Tensor quantiles = quantiles_.to(device), shifts = at::tensor({0, 16, 32, 48}, at::kLong).to(device), flat = tensor.view(-1);
    const std::int64_t groups = (flat.numel() + 3) / 4;
    for (std::int64_t first = 0; first < groups; first += kGroupsAtOnce) {
      at::Tensor words = at::arange(first, std::min(first + kGroupsAtOnce, groups), shifts.options()).mul_(as_scalar(kStep)).add_(as_scalar(stream));
      mix_words(words);
      const at::Tensor places = words.unsqueeze(1).bitwise_right_shift(shifts).bitwise_and_(0xffff).view(-1);
      at::Tensor to = flat.narrow(0, 4 * first, std::min(places.numel(), flat.numel() - 4 * first));
      at::index_select_out(to, quantiles, 0, places.narrow(0, 0, to.numel()));
    }
    return tensor;
  }

  bool gives_away() const override { return true; }

  std::uint64_t bytes_read() const override { return bytes_read_; }

 private:
  template <class Bits>
  void fill(at::Tensor& tensor, std::uint64_t stream) const {
    const auto* quantiles = static_cast<const Bits*>(quantiles_.const_data_ptr());
    auto* out = static_cast<Bits*>(tensor.mutable_data_ptr());
    const std::int64_t count = tensor.numel();
    at::parallel_for(0, (count + 3) / 4, 1 << 18, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t group = begin; group < end; ++group) {
        const std::uint64_t word = mix(stream + static_cast<std::uint64_t>(group) * kStep);
        const std::int64_t last = std::min<std::int64_t>(4, count - 4 * group);
        for (std::int64_t i = 0; i < last; ++i) out[4 * group + i] = quantiles[(word >> (16 * i)) & 0xffff];
      }
    });
  }

  std::uint64_t seed_;
  at::ScalarType dtype_;
  at::Tensor quantiles_;  // [65536], as bits of dtype_
  std::atomic<std::uint64_t> bytes_read_ = 0;
};

}  // namespace

std::unique_ptr<WeightSource> random_weights(const ModelConfig& config, std::uint64_t seed) { return std::make_unique<RandomWeights>(config, seed); }

}  // namespace winnow
