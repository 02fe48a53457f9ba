#include "harness/demo/prose.h"

#include <fmt/format.h>

namespace winnow::demo {
namespace {

const Words kSubjects = {"people", "materials", "animals", "spelling", "calendar", "units", "arithmetic"};

struct Weighted {
  const char* name;
  int share;
};

std::string weighted(const std::vector<Weighted>& choices, Chance& chance) {
  int at = chance.number(1, 100);
  for (const Weighted& choice : choices) {
    if ((at -= choice.share) <= 0) return choice.name;
  }
  return choices.back().name;
}

// Every {name} replaced by what the map has for it.
std::string filled(const std::string& pattern, const std::map<std::string, std::string>& facts) {
  std::string text;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    if (pattern[at] != '{') {
      text += pattern[at];
      continue;
    }
    const std::size_t end = pattern.find('}', at);
    text += facts.at(pattern.substr(at + 1, end - at - 1));
    at = end;
  }
  return text;
}

}  // namespace

Prose::Prose(const Knowledge& knowledge, std::uint64_t seed) : knowledge_(knowledge), chance_(seed) {
  for (const std::string& subject : kSubjects) {
    facts_.emplace(subject, Deck<Known>(knowledge.facts(subject)));
    entities_.emplace(subject, Deck<std::vector<Known>>(knowledge.entities(subject)));
  }
}

std::string Prose::document() {
  const std::string kind =
      weighted({{"portraits", 27}, {"questions", 25}, {"conversation", 8}, {"corrections", 8}, {"lists", 4}, {"meeting", 12}, {"table", 16}}, chance_);
  if (kind == "portraits") return portraits();
  if (kind == "questions") return questions(any_subject());
  if (kind == "conversation") return conversation();
  if (kind == "corrections") return corrections();
  if (kind == "lists") return lists();
  if (kind == "meeting") return meeting();
  return table(weighted({{"arithmetic", 45}, {"calendar", 30}, {"units", 25}}, chance_));
}

std::string Prose::drill() {
  const std::string subject = weighted({{"arithmetic", 65}, {"calendar", 27}, {"units", 8}}, chance_);
  return chance_.percent(60) ? questions(subject) : table(subject);
}

std::string Prose::subject_of_entities() { return weighted({{"people", 38}, {"animals", 25}, {"materials", 24}, {"spelling", 13}}, chance_); }

std::string Prose::any_subject() {
  return weighted({{"people", 34}, {"animals", 19}, {"materials", 19}, {"spelling", 10}, {"calendar", 7}, {"units", 6}, {"arithmetic", 5}}, chance_);
}

std::string Prose::statement(const Known& known) { return say(chance_.one_of(known.relation->statements), *known.fact); }
std::string Prose::question(const Known& known) { return say(chance_.one_of(known.relation->questions), *known.fact); }

// A fact that can be asked for.
Known Prose::draw(const std::string& subject) {
  Known known;
  do known = facts_.at(subject).draw(chance_);
  while (known.relation->questions.empty());
  return known;
}

std::string Prose::portraits() {
  const std::string subject = subject_of_entities();
  Words sentences;
  for (int i = chance_.number(2, 3); i > 0; --i) {
    std::vector<Known> facts = entities_.at(subject).draw(chance_);
    chance_.shuffle(facts);
    for (std::size_t at = 0; at < facts.size(); ++at) {
      const Words& follow_ups = facts[at].relation->follow_ups;
      const bool follows = at > 0 && !follow_ups.empty() && chance_.percent(50);
      sentences.push_back(follows ? say(chance_.one_of(follow_ups), *facts[at].fact) : statement(facts[at]));
    }
  }
  return joined(sentences, " ");
}

std::string Prose::questions(const std::string& subject) {
  const std::string form = weighted({{"told", 35}, {"short", 25}, {"lines", 40}}, chance_);
  Words answers;
  for (int i = chance_.number(4, 6); i > 0; --i) {
    const Known known = draw(subject);
    const std::string asked = question(known);
    if (form == "told") answers.push_back(asked + " " + statement(known));
    if (form == "short") answers.push_back(asked + " " + capitalised(known.fact->value) + ".");
    if (form == "lines") answers.push_back("Question: " + asked + "\nAnswer: " + known.fact->value);
  }
  return joined(answers, form == "lines" ? "\n\n" : " ");
}

std::string Prose::conversation() {
  const std::string subject = any_subject(), asks = chance_.one_of(people()).name, says = chance_.one_of(people()).name;
  Words turns;
  for (int i = chance_.number(3, 4); i > 0; --i) {
    const Known known = draw(subject);
    std::string told = statement(known);
    told.back() = ',';
    turns.push_back(fmt::format("\"{}\" asks {}. \"{}\" says {}.", question(known), asks, told, says));
  }
  return joined(turns, " ");
}

std::string Prose::corrections() {
  const std::string subject = any_subject();
  Words sentences;
  for (int i = chance_.number(4, 6); i > 0; --i) {
    const Known known = draw(subject);
    sentences.push_back(say(chance_.one_of(known.relation->contrasts), *known.fact, wrong_values(*known.relation, *known.fact, 1, chance_).front()));
  }
  return joined(sentences, " ");
}

std::string Prose::lists() {
  Words sentences;
  for (int i = chance_.number(3, 5); i > 0; --i) {
    Known known;
    do known = facts_.at(subject_of_entities()).draw(chance_);
    while (known.relation->lists.empty());
    Words entities;
    for (const Fact& fact : known.relation->facts) {
      if (fact.value == known.fact->value) entities.push_back(fact.entity);
    }
    chance_.shuffle(entities);
    sentences.push_back(capitalised(say(chance_.one_of(known.relation->lists), *known.fact, "", listed(entities))));
  }
  return joined(sentences, " ");
}

// Two people meet; what they say and do follows from what they are.
std::string Prose::meeting() {
  const auto home = [](const std::vector<Known>& person) { return person.front().fact->value; };
  const std::vector<Known> first = entities_.at("people").draw(chance_);
  std::vector<Known> second = entities_.at("people").draw(chance_);
  while (home(second) == home(first)) second = entities_.at("people").draw(chance_);
  std::map<std::string, std::string> facts;  // "a" and "b" are the two, "ah" the home of the first, "bj" the job of the second …
  for (const std::vector<Known>* person : std::initializer_list<const std::vector<Known>*>{&first, &second}) {
    const std::string who = person == &first ? "a" : "b";
    facts[who] = person->front().fact->entity;
    for (const Known& known : *person) facts[who + known.relation->name.front()] = known.fact->value;
  }
  static const Words openings = {"One day {a} from {ah} meets {b} from {bh}.", "{a} travels from {ah} to {bh} and visits {b}.",
                                 "{b}, who lives in {bh}, writes to {a} in {ah}.", "In the morning {a} leaves {ah} and goes to see {b} in {bh}."};
  static const Words works = {"{a} is a {aj} and {b} is a {bj}.", "{b} works as a {bj}, {a} as a {aj}.", "They talk about work: {a} is a {aj}, {b} a {bj}.",
                              "\"I am a {aj},\" says {a}. \"And I am a {bj},\" says {b}."};
  static const Words meals = {"{a} wants {af} and {b} wants {bf}.", "They eat {af}, because {a} likes it best, and then {bf} for {b}.",
                              "\"I love {bf},\" says {b}. \"And I love {af},\" says {a}.", "For {b} there is {bf}, for {a} there is {af}."};
  static const Words pets = {"The {ap} of {a} plays with the {bp} of {b}.", "{b} brings a {bp}, and {a} brings a {ap}.",
                             "{a} tells of the {ap} at home, {b} of the {bp}.", "\"My {ap} is hungry,\" says {a}. \"So is my {bp},\" says {b}."};
  static const Words endings = {"Then {a} goes home to {ah}.", "In the evening {a} is back in {ah}, and {b} stays in {bh}.",
                                "{b} sleeps at home in {bh}, {a} at home in {ah}."};
  std::vector<const Words*> middle = {&works, &meals, &pets};
  chance_.shuffle(middle);
  if (chance_.percent(30)) middle.pop_back();
  Words sentences = {chance_.one_of(openings)};
  for (const Words* part : middle) sentences.push_back(chance_.one_of(*part));
  if (chance_.percent(60)) sentences.push_back(chance_.one_of(endings));
  return filled(joined(sentences, " "), facts);
}

std::string Prose::table(const std::string& subject) {
  Words sentences;
  for (int i = chance_.number(7, 10); i > 0; --i) sentences.push_back(capitalised(statement(draw(subject))));
  return joined(sentences, " ");
}

}  // namespace winnow::demo
