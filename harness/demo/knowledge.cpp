#include "harness/demo/knowledge.h"

#include <algorithm>
#include <sstream>

namespace winnow::demo {
namespace {

QuestionSplit split_of_share(int share, int test, int val) {
  return share < test ? QuestionSplit::kTest : share < test + val ? QuestionSplit::kVal : QuestionSplit::kTrain;
}

// "12 + 5" and "5 + 12" are one sum.
std::string ordered(const std::string& entity) {
  std::istringstream words(entity);
  int left = 0, right = 0;
  char sign = 0;
  words >> left >> sign >> right;
  return std::string(1, sign) + " " + std::to_string(std::min(left, right)) + " " + std::to_string(std::max(left, right));
}

}  // namespace

Knowledge::Knowledge() {
  for (auto* part : {people_relations, material_relations, animal_relations, spelling_relations, calendar_relations, unit_relations, arithmetic_relations}) {
    const std::vector<Relation> more = part();
    relations_.insert(relations_.end(), more.begin(), more.end());
  }
  std::map<std::string, std::map<std::string, std::size_t>> place;
  for (const Relation& relation : relations_) {
    for (const Fact& fact : relation.facts) {
      facts_[relation.subject].push_back({&relation, &fact});
      auto& entities = entities_[relation.subject];
      const auto [at, is_new] = place[relation.subject].try_emplace(fact.entity, entities.size());
      if (is_new) entities.emplace_back();
      entities[at->second].push_back({&relation, &fact});
    }
  }
}

QuestionSplit split_of(const Known& known) {
  const bool commutes = known.relation->name == "sum" || known.relation->name == "product";
  return split_of_share(share_of(known.relation->name + " of " + (commutes ? ordered(known.fact->entity) : known.fact->entity)), 22, 8);
}

QuestionSplit split_of_premises(const std::string& premises) { return split_of_share(share_of(premises), 15, 5); }

}  // namespace winnow::demo
