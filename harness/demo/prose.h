#pragma once
#include <map>
#include <string>
#include <vector>

#include "harness/demo/knowledge.h"

namespace winnow::demo {

// Documents about the closed world: portraits, questions with their answers, conversations, corrections, lists, meetings, tables.
class Prose {
 public:
  Prose(const Knowledge& knowledge, std::uint64_t seed);
  std::string document();
  std::string drill();  // what has no story and is known by repeating it: sums, days, units

 private:
  std::string portraits();
  std::string questions(const std::string& subject);
  std::string conversation();
  std::string corrections();
  std::string lists();
  std::string meeting();
  std::string table(const std::string& subject);

  std::string subject_of_entities();
  std::string any_subject();
  std::string statement(const Known& known);
  std::string question(const Known& known);
  Known draw(const std::string& subject);

  const Knowledge& knowledge_;
  Chance chance_;
  std::map<std::string, Deck<Known>> facts_;
  std::map<std::string, Deck<std::vector<Known>>> entities_;
};

}  // namespace winnow::demo
