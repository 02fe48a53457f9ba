#include "harness/demo/words.h"

#include <fmt/format.h>

namespace winnow::demo {
namespace {

std::vector<Person> with_pronouns(const Words& women, const Words& men) {
  std::vector<Person> all;
  for (std::size_t i = 0; i < women.size(); ++i) {
    all.push_back({women[i], "she", "her"});
    all.push_back({men.at(i), "he", "his"});
  }
  return all;
}

// Regular plurals are formed; others are written "one/many".
Things things_of(const Words& words) {
  Things things;
  for (const std::string& word : words) {
    const std::size_t slash = word.find('/');
    things.push_back(slash == std::string::npos ? Thing{word, word + "s"} : Thing{word.substr(0, slash), word.substr(slash + 1)});
  }
  return things;
}

}  // namespace

std::string joined(const Words& words, const std::string& between) { return fmt::format("{}", fmt::join(words, between)); }

const std::vector<Person>& people() {
  static const std::vector<Person> all =
      with_pronouns({"Mara", "Anna", "Ella", "Nina",  "Lucy", "Rosa",  "Emma",  "Clara", "Julia", "Ida",  "Ruth",  "Vera",  "Sara",  "Tina",  "Olga",
                     "Lena", "Maya", "Nora", "Paula", "Eva",  "Greta", "Hilda", "Iris",  "Judy",  "Kate", "Linda", "Molly", "Penny", "Wendy", "Zoe"},
                    {"Tim",  "Ben",   "Carl", "Dan", "Erik", "Fred",   "Gus",  "Hugo", "Ivan",  "Jack",  "Karl",  "Leo",   "Max",   "Noah",  "Otto",
                     "Paul", "Ralph", "Sam",  "Tom", "Udo",  "Victor", "Walt", "Adam", "Boris", "Colin", "David", "Felix", "Henry", "Jonas", "Peter"});
  return all;
}

const Things& goods() {
  static const Things all = things_of({"pen", "book", "cup", "hat", "ball", "lamp", "plate", "ticket", "toy", "shirt", "scarf/scarves", "notebook"});
  return all;
}

const Things& belongings() {
  static const Things all = things_of({"stamp", "card", "coin", "shell", "marble", "sticker", "button", "bead", "stone", "photo"});
  return all;
}

const Things& parts() {
  static const Things all = things_of({"candle", "cookie", "egg", "bottle", "pencil", "brick", "tile", "sweet", "roll"});
  return all;
}

const Things& containers() {
  static const Things all = things_of({"box/boxes", "bag", "basket", "crate", "jar", "tray"});
  return all;
}

const Things& fruit() {
  static const Things all = things_of({"apple", "pear", "plum", "orange", "lemon", "melon", "peach/peaches", "banana"});
  return all;
}

const Things& jobs_done() {
  static const Things all = things_of({"letter", "window", "chair", "picture", "page", "shoe", "bike"});
  return all;
}

std::string amount(int count, const Thing& thing) { return fmt::format("{} {}", count, count == 1 ? thing.one : thing.many); }

std::string capitalised(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

std::string listed(const Words& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) text += (i == 0 ? "" : i + 1 == words.size() ? " and " : ", ") + words[i];
  return text;
}

}  // namespace winnow::demo
