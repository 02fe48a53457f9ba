#include <fmt/format.h>

#include "harness/demo/world.h"

namespace winnow::demo {
namespace {

const Words kSpelled = {"apple", "plum",  "lemon", "pear",  "melon", "spoon", "fork",  "bowl", "desk",  "clock", "vase",  "bench", "bell",  "flag",  "rope",
                        "wall",  "coat",  "belt",  "chain", "boot",  "kite",  "doll",  "fox",  "hare",  "wolf",  "bear",  "owl",   "crow",  "duck",  "swan",
                        "toad",  "snake", "trout", "crab",  "seal",  "whale", "camel", "lion", "zebra", "tiger", "sheep", "horse", "mouse", "steel", "clay",
                        "glass", "wood",  "paper", "stone", "silk",  "river", "lake",  "hill", "barn",  "farm",  "bread", "soup",  "rice",  "honey", "cake"};

Relation letters(const std::string& name, Words statements, Words follow_ups, Words contrasts, Words questions) {
  return {.subject = "spelling",
          .name = name,
          .statements = std::move(statements),
          .follow_ups = std::move(follow_ups),
          .contrasts = std::move(contrasts),
          .lists = {},
          .questions = std::move(questions),
          .values = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t", "u", "v", "w", "x", "y", "z"}};
}

// The letter before or after another one in the alphabet.
Relation neighbours(const std::string& name, const std::string& side, int step) {
  Relation relation =
      letters(name,
              {"In the alphabet {v} comes " + side + " {e}.", "{v} comes " + side + " {e}.", "The letter " + side + " {e} is {v}.",
               "Right " + side + " {e} comes {v}."},
              {}, {"The letter " + side + " {e} is {v}, not {w}."},
              {"Which letter comes " + side + " {e} in the alphabet?", "What is the letter " + side + " {e}?", "Which letter is right " + side + " {e}?"});
  for (char letter = 'b'; letter <= 'y'; ++letter) relation.facts.push_back({std::string(1, letter), std::string(1, static_cast<char>(letter + step))});
  return relation;
}

}  // namespace

std::vector<Relation> spelling_relations() {
  Relation first = letters(
      "first letter", {"The word {e} begins with {v}.", "{v} is the first letter of the word {e}.", "The first letter of {e} is {v}.", "{e} begins with {v}."},
      {"It begins with {v}.", "Its first letter is {v}."}, {"The word {e} begins with {v}, not with {w}."},
      {"What is the first letter of {e}?", "Which letter does the word {e} begin with?", "With which letter does {e} begin?"});
  Relation last =
      letters("last letter", {"The word {e} ends with {v}.", "{v} is the last letter of the word {e}.", "The last letter of {e} is {v}.", "{e} ends with {v}."},
              {"It ends with {v}.", "Its last letter is {v}."}, {"The word {e} ends with {v}, not with {w}."},
              {"What is the last letter of {e}?", "Which letter does the word {e} end with?", "With which letter does {e} end?"});
  Relation length =
      letters("length", {"The word {e} has {v} letters.", "There are {v} letters in the word {e}.", "One writes {e} with {v} letters.", "{e} has {v} letters."},
              {"It has {v} letters."}, {"The word {e} has {v} letters, not {w}."},
              {"How many letters does the word {e} have?", "How many letters are there in {e}?", "With how many letters does one write {e}?"});
  Relation written = {.subject = "spelling",
                      .name = "letters",
                      .statements = {"One writes {e} with the letters {v}.", "The letters of {e} are {v}.", "The word {e} is written {v}."},
                      .follow_ups = {"Its letters are {v}."},
                      .contrasts = {},
                      .lists = {},
                      .questions = {}};
  length.values = {"three", "four", "five", "six"};
  for (const std::string& word : kSpelled) {
    first.facts.push_back({word, word.substr(0, 1)});
    last.facts.push_back({word, word.substr(word.size() - 1)});
    length.facts.push_back({word, kCounts.at(word.size())});
    written.facts.push_back({word, fmt::format("{}", fmt::join(word, ", "))});
  }
  return {first, last, length, written, neighbours("letter after", "after", 1), neighbours("letter before", "before", -1)};
}

}  // namespace winnow::demo
