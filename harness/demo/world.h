#pragma once
#include <string>
#include <vector>

#include "harness/demo/chance.h"
#include "harness/demo/words.h"

namespace winnow::demo {

struct Fact {
  std::string entity, value;
  std::string he = "it", his = "its";
};

// One thing that is known of every entity of a subject, and how it is said. Patterns hold {e} {E} (entity), {v} {V} (value), {w} (a wrong value),
// {he} {He} {his} {His}, {list} (entities with the same value); capitals begin a sentence.
struct Relation {
  std::string subject, name;
  Words statements;
  Words follow_ups;  // with a pronoun, after the entity was named; may be empty
  Words contrasts;
  Words lists;  // may be empty
  Words questions;
  std::vector<Fact> facts = {};
  Words values = {};          // what wrong answers are drawn from, unless numbers_near
  bool numbers_near = false;  // wrong answers are numbers around the right one
};

std::vector<Relation> people_relations();
std::vector<Relation> material_relations();
std::vector<Relation> animal_relations();
std::vector<Relation> spelling_relations();
std::vector<Relation> calendar_relations();
std::vector<Relation> unit_relations();
std::vector<Relation> arithmetic_relations();

std::string say(const std::string& pattern, const Fact& fact, const std::string& wrong = "", const std::string& list = "");
Words wrong_values(const Relation& relation, const Fact& fact, std::size_t count, Chance& chance);

}  // namespace winnow::demo
