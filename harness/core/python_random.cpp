#include "harness/core/python_random.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <unordered_set>
#include <utility>

#include "harness/core/error.h"

namespace winnow {
namespace {

constexpr int kWords = 624, kMiddle = 397;

using State = std::array<std::uint32_t, kWords>;

// Matsumoto and Nishimura's init_genrand.
void seed_with_word(State& state, std::uint32_t seed) {
  state[0] = seed;
  for (std::uint32_t i = 1; i < kWords; ++i) state[i] = 1812433253u * (state[i - 1] ^ (state[i - 1] >> 30)) + i;
}

// Their init_by_array.
void seed_with_key(State& state, const std::vector<std::uint32_t>& key) {
  seed_with_word(state, 19650218u);
  std::uint32_t i = 1, j = 0;
  const auto next = [&] {
    if (++i == kWords) {
      state[0] = state[kWords - 1];
      i = 1;
    }
  };
  for (std::size_t left = std::max<std::size_t>(kWords, key.size()); left > 0; --left) {
    state[i] = (state[i] ^ ((state[i - 1] ^ (state[i - 1] >> 30)) * 1664525u)) + key[j] + j;
    next();
    if (++j == key.size()) j = 0;
  }
  for (int left = kWords - 1; left > 0; --left) {
    state[i] = (state[i] ^ ((state[i - 1] ^ (state[i - 1] >> 30)) * 1566083941u)) - i;
    next();
  }
  state[0] = 0x80000000u;
}

void refresh(State& state) {
  for (int i = 0; i < kWords; ++i) {
    const std::uint32_t y = (state[i] & 0x80000000u) | (state[(i + 1) % kWords] & 0x7fffffffu);
    state[i] = state[(i + kMiddle) % kWords] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0u);
  }
}

// From which size of population on CPython's sample() remembers what it took instead of copying the population.
std::size_t largest_copied_population(std::size_t count) {
  if (count <= 5) return 21;
  std::size_t table = 1;
  while (table < 3 * count) table *= 4;
  return 21 + table;
}

// numpy's SeedSequence: `hash` moves on with every word it takes in.
class Hash {
 public:
  Hash(std::uint32_t start, std::uint32_t multiplier) : constant_(start), multiplier_(multiplier) {}
  std::uint32_t operator()(std::uint32_t value) {
    value ^= constant_;
    constant_ *= multiplier_;
    value *= constant_;
    return value ^ (value >> 16);
  }

 private:
  std::uint32_t constant_, multiplier_;
};

std::uint32_t mix(std::uint32_t x, std::uint32_t y) {
  const std::uint32_t mixed = 0xca01f9ddu * x - 0x4973f715u * y;
  return mixed ^ (mixed >> 16);
}

std::array<std::uint32_t, 4> entropy_pool(const std::vector<std::uint32_t>& words) {
  Hash hash(0x43b0d7e5u, 0x931e8875u);
  std::array<std::uint32_t, 4> pool;
  for (std::size_t i = 0; i < 4; ++i) pool[i] = hash(i < words.size() ? words[i] : 0);
  for (std::size_t from = 0; from < 4; ++from) {
    for (std::size_t to = 0; to < 4; ++to) {
      if (to != from) pool[to] = mix(pool[to], hash(pool[from]));
    }
  }
  for (std::size_t i = 4; i < words.size(); ++i) {
    for (std::uint32_t& word : pool) word = mix(word, hash(words[i]));
  }
  return pool;
}

constexpr unsigned __int128 kPcgMultiplier = (static_cast<unsigned __int128>(0x2360ed051fc65da4u) << 64) | 0x4385df649fccf645u;

}  // namespace

PythonRandom::PythonRandom(std::uint64_t seed) : position_(kWords) {
  std::vector<std::uint32_t> key{static_cast<std::uint32_t>(seed)};
  if (seed >> 32) key.push_back(static_cast<std::uint32_t>(seed >> 32));
  seed_with_key(state_, key);
}

std::uint32_t PythonRandom::bits32() {
  if (position_ == kWords) {
    refresh(state_);
    position_ = 0;
  }
  std::uint32_t y = state_[static_cast<std::size_t>(position_++)];
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680u;
  y ^= (y << 15) & 0xefc60000u;
  return y ^ (y >> 18);
}

std::uint32_t PythonRandom::bits(int count) {
  WINNOW_CHECK(count >= 1 && count <= 32);
  return bits32() >> (32 - count);
}

std::uint64_t PythonRandom::below(std::uint64_t n) {
  WINNOW_CHECK(n > 0);
  const int width = static_cast<int>(std::bit_width(n));
  while (true) {
    std::uint64_t value = bits(std::min(width, 32));
    if (width > 32) value |= static_cast<std::uint64_t>(bits(width - 32)) << 32;
    if (value < n) return value;
  }
}

double PythonRandom::uniform() {
  const std::uint32_t high = bits32() >> 5, low = bits32() >> 6;
  return (high * 67108864.0 + low) / 9007199254740992.0;
}

std::int64_t PythonRandom::integer(std::int64_t low, std::int64_t high) {
  WINNOW_CHECK(low <= high);
  const std::uint64_t width = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low) + 1;
  WINNOW_CHECK(width != 0);
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + below(width));
}

std::vector<std::size_t> PythonRandom::sample(std::size_t population, std::size_t count) {
  WINNOW_CHECK(count <= population);
  std::vector<std::size_t> taken(count);
  if (population <= largest_copied_population(count)) {
    std::vector<std::size_t> pool(population);
    std::iota(pool.begin(), pool.end(), std::size_t{0});
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t j = below(population - i);
      taken[i] = pool[j];
      pool[j] = pool[population - i - 1];
    }
    return taken;
  }
  std::unordered_set<std::size_t> seen;
  for (std::size_t& index : taken) {
    do index = below(population);
    while (!seen.insert(index).second);
  }
  return taken;
}

std::vector<std::size_t> PythonRandom::choices(std::size_t population, std::size_t count) {
  WINNOW_CHECK(population > 0);
  std::vector<std::size_t> taken(count);
  for (std::size_t& index : taken) index = static_cast<std::size_t>(uniform() * static_cast<double>(population));
  return taken;
}

NumpyRandom::NumpyRandom(std::vector<std::uint32_t> seed_words) {
  const std::array<std::uint32_t, 4> pool = entropy_pool(seed_words);
  Hash hash(0x8b51f9ddu, 0x58f38dedu);
  std::array<std::uint64_t, 4> words;
  for (std::size_t i = 0; i < 4; ++i) {
    const std::uint64_t low = hash(pool[(2 * i) % 4]);
    words[i] = low | (static_cast<std::uint64_t>(hash(pool[(2 * i + 1) % 4])) << 32);
  }
  const unsigned __int128 start = (static_cast<unsigned __int128>(words[0]) << 64) | words[1];
  increment_ = (((static_cast<unsigned __int128>(words[2]) << 64) | words[3]) << 1) | 1;
  state_ = (increment_ + start) * kPcgMultiplier + increment_;
}

// PCG XSL-RR 128/64 (O'Neill, HMC-CS-2014-0905).
std::uint64_t NumpyRandom::next64() {
  state_ = state_ * kPcgMultiplier + increment_;
  const auto folded = static_cast<std::uint64_t>(state_ >> 64) ^ static_cast<std::uint64_t>(state_);
  return std::rotr(folded, static_cast<int>(state_ >> 122));
}

std::uint32_t NumpyRandom::next32() {
  if (has_half_) {
    has_half_ = false;
    return half_;
  }
  const std::uint64_t both = next64();
  has_half_ = true;
  half_ = static_cast<std::uint32_t>(both >> 32);
  return static_cast<std::uint32_t>(both);
}

std::vector<std::size_t> NumpyRandom::permutation(std::size_t n) {
  WINNOW_CHECK(n <= std::size_t{1} << 32);
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = n; i-- > 1;) {
    const auto mask = static_cast<std::uint32_t>(std::bit_ceil(i + 1) - 1);
    std::uint32_t j;
    do j = next32() & mask;
    while (j > i);
    std::swap(order[i], order[j]);
  }
  return order;
}

}  // namespace winnow
