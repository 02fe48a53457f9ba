#pragma once
#include <string_view>
#include <vector>

#include "harness/core/python_random.h"

namespace winnow::demo {

// The one source of chance of the generator: Python's generator, so that a stream is the same on every machine.
class Chance {
 public:
  explicit Chance(std::uint64_t seed) : random_(seed) {}

  int number(int low, int high) { return static_cast<int>(random_.integer(low, high)); }  // both ends included
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_.below(n)); }
  bool percent(int share) { return number(1, 100) <= share; }

  template <class T>
  const T& one_of(const std::vector<T>& list) {
    return list.at(below(list.size()));
  }

  template <class T>
  void shuffle(std::vector<T>& list) {  // Fisher and Yates
    for (std::size_t i = list.size(); i > 1; --i) std::swap(list[i - 1], list[below(i)]);
  }

  template <class T>
  std::vector<T> some_of(std::vector<T> list, std::size_t count) {
    shuffle(list);
    list.resize(std::min(count, list.size()));
    return list;
  }

 private:
  PythonRandom random_;
};

// A number from 0 to 99 that depends on the text alone: which split a filling, a fact or a premise belongs to.
int share_of(std::string_view text);

}  // namespace winnow::demo
