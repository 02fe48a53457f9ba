#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace winnow {

// CPython's random.Random: MT19937 seeded by init_by_array over the 32-bit words of |seed|. Same seed, same stream as Python's.
class PythonRandom {
 public:
  explicit PythonRandom(std::uint64_t seed);
  std::uint32_t bits32();                                                       // getrandbits(32)
  std::uint32_t bits(int count);                                                // getrandbits(count), 1 ≤ count ≤ 32
  std::uint64_t below(std::uint64_t n);                                         // _randbelow(n), n > 0
  double uniform();                                                             // random()
  std::int64_t integer(std::int64_t low, std::int64_t high);                    // randint(low, high), both ends included
  std::vector<std::size_t> sample(std::size_t population, std::size_t count);   // indices of sample(range(population), count)
  std::vector<std::size_t> choices(std::size_t population, std::size_t count);  // indices of choices(range(population), k=count)

 private:
  std::array<std::uint32_t, 624> state_;
  int position_;
};

// numpy.random.default_rng(seed): SeedSequence and PCG64.
class NumpyRandom {
 public:
  explicit NumpyRandom(std::vector<std::uint32_t> seed_words);  // least significant first; seed 0 is {0}
  std::uint64_t next64();
  std::uint32_t next32();  // halves of one next64, low half first
  std::vector<std::size_t> permutation(std::size_t n);

 private:
  unsigned __int128 state_, increment_;
  bool has_half_ = false;
  std::uint32_t half_ = 0;
};

}  // namespace winnow
