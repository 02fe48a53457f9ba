#include <fmt/format.h>

#include "harness/demo/puzzles.h"

namespace winnow::demo {
namespace {

const Words kColours = {"grey", "white", "red", "blue", "black", "green", "brown", "yellow"};
const Words kPlaces = {"park", "museum", "library", "market", "lake", "beach", "school", "station"};
const Words kHidingPlaces = {"box", "bag", "drawer", "basket", "cupboard", "pocket", "jar", "chest"};
const Words kSmallThings = {"key", "ring", "coin", "ball", "letter", "watch", "ticket", "pen"};

Choice all_are(Chance& chance) {
  const Things things = chance.some_of(goods(), 2);
  const Words colours = chance.some_of(kColours, 4), who = names(1, chance);
  const std::size_t held = chance.below(2);
  const std::string premises =
      fmt::format("All {} are {}. All {} are {}. {} holds a {}.", things[0].many, colours[0], things[1].many, colours[1], who[0], things[held].one);
  return {.premises = premises,
          .question = premises + chance.one_of<std::string>({" What colour is it?", " Which colour does it have?"}),
          .right = colours[held],
          .wrong = {colours[1 - held], colours[2], colours[3]}};
}

Choice if_then(Chance& chance) {
  const Words places = chance.some_of(kPlaces, 4), who = names(1, chance);
  const Words weather = chance.some_of<std::string>({"it rains", "it is sunny", "it snows", "it is windy"}, 2);
  const std::size_t now = chance.below(2);
  const std::string premises =
      fmt::format("If {}, {} goes to the {}. If {}, {} goes to the {}. Today {}.", weather[0], who[0], places[0], weather[1], who[0], places[1], weather[now]);
  return {.premises = premises,
          .question = premises + fmt::format(fmt::runtime(chance.one_of<std::string>({" Where does {} go?", " Where is {} today?"})), who[0]),
          .right = places[now],
          .wrong = {places[1 - now], places[2], places[3]}};
}

Choice either_or(Chance& chance) {
  const Words places = chance.some_of(kHidingPlaces, 4);
  const std::string thing = chance.one_of(kSmallThings);
  const std::size_t empty = chance.below(2);
  const std::string premises = fmt::format("The {} is in the {} or in the {}. It is not in the {}.", thing, places[0], places[1], places[empty]);
  return {.premises = premises,
          .question = premises + fmt::format(fmt::runtime(chance.one_of<std::string>({" Where is the {}?", " Where is the {} then?"})), thing),
          .right = places[1 - empty],
          .wrong = {places[empty], places[2], places[3]}};
}

Choice middle_seat(Chance& chance) {
  const Words who = names(4, chance);
  const std::size_t asked = chance.below(3);
  static const Words questions = {"Who sits on the left?", "Who sits in the middle?", "Who sits on the right?"};
  const std::string premises = fmt::format("{} sits left of {}. {} sits left of {}.", who[0], who[1], who[1], who[2]);
  Choice choice{.premises = premises + questions[asked], .question = premises + " " + questions[asked], .right = who[asked], .wrong = who};
  std::erase(choice.wrong, choice.right);
  return choice;
}

Choice the_same(Chance& chance) {
  const Words who = names(3, chance), colours = chance.some_of(kColours, 4);
  const std::string thing = chance.one_of(goods()).one;
  Words sentences = {fmt::format("The {} of {} is {}.", thing, who[0], colours[0]), fmt::format("The {} of {} is {}.", thing, who[1], colours[1])};
  const std::size_t same = chance.below(2);
  const std::string premises = fmt::format("{} {} The {} of {} has the same colour as that of {}.", sentences[0], sentences[1], thing, who[2], who[same]);
  return {.premises = premises,
          .question = premises + fmt::format(" What colour is the {} of {}?", thing, who[2]),
          .right = colours[same],
          .wrong = {colours[1 - same], colours[2], colours[3]}};
}

}  // namespace

Words names(std::size_t count, Chance& chance) {
  Words names;
  for (const Person& person : chance.some_of(people(), count)) names.push_back(person.name);
  return names;
}

Choice logic_puzzle(Chance& chance) {
  static const std::vector<Choice (*)(Chance&)> kinds = {all_are, if_then, either_or, middle_seat, the_same};
  return chance.one_of(kinds)(chance);
}

}  // namespace winnow::demo
