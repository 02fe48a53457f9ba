#pragma once
#include <map>
#include <string>
#include <vector>

#include "harness/demo/world.h"

namespace winnow::demo {

// A fact with the relation that says it.
struct Known {
  const Relation* relation;
  const Fact* fact;
};

// All that the training text states, and who asks for it.
class Knowledge {
 public:
  Knowledge();
  Knowledge(const Knowledge&) = delete;

  const std::vector<Relation>& relations() const { return relations_; }
  const std::vector<Known>& facts(const std::string& subject) const { return facts_.at(subject); }
  const std::vector<std::vector<Known>>& entities(const std::string& subject) const { return entities_.at(subject); }  // all that is known of each

 private:
  std::vector<Relation> relations_;
  std::map<std::string, std::vector<Known>> facts_;
  std::map<std::string, std::vector<std::vector<Known>>> entities_;
};

enum class QuestionSplit { kTrain, kVal, kTest };
// Which split may ask for a fact is decided by the fact alone; sums and products do not depend on the order of their numbers.
QuestionSplit split_of(const Known& known);
QuestionSplit split_of_premises(const std::string& premises);  // of a question that states all it needs

// Takes from a list in an order of chance, every member once before any comes again.
template <class T>
class Deck {
 public:
  explicit Deck(std::vector<T> cards) : cards_(std::move(cards)), next_(cards_.size()) {}
  const T& draw(Chance& chance) {
    if (next_ == cards_.size()) {
      chance.shuffle(cards_);
      next_ = 0;
    }
    return cards_.at(next_++);
  }

 private:
  std::vector<T> cards_;
  std::size_t next_;
};

}  // namespace winnow::demo
