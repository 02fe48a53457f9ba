#include <sstream>

#include "harness/demo/world.h"

namespace winnow::demo {
namespace {

// animal, what it eats, where it lives, what it is like
constexpr const char* kAnimals = R"(
fox mice forest clever
badger roots valley shy
otter fish river quick
beaver bark river busy
hare grass meadow quick
squirrel nuts forest busy
hedgehog snails meadow shy
mole worms meadow blind
deer leaves forest shy
wolf meat mountains clever
bear berries mountains strong
lynx mice mountains silent
owl mice barn silent
hawk meat mountains quick
crow seeds village clever
stork frogs swamp patient
heron fish swamp patient
duck seeds lake noisy
goose grass village noisy
swan roots lake proud
newt insects swamp silent
toad snails swamp slow
snake insects desert silent
lizard insects desert quick
trout worms river shy
pike fish lake strong
eel worms lake slow
crab snails sea slow
seal fish sea noisy
whale fish sea strong
camel leaves desert patient
lion meat desert proud
zebra grass valley noisy
monkey nuts jungle clever
tiger meat jungle strong
panda leaves jungle slow
sheep grass valley patient
horse seeds village proud
bat insects cave blind
mouse seeds barn busy
)";

std::vector<Relation> said_of_animals() {
  return {{.subject = "animals",
           .name = "food",
           .statements = {"{E} eats {v}.", "{E} feeds on {v}.", "The food of {e} is {v}.", "{V} are what {e} eats.", "To find {v} is the work of {e}.",
                          "When {e} is hungry, it looks for {v}.", "{E} lives on {v}.", "Give {e} some {v}.", "All day {e} looks for {v}.",
                          "For {e} there is nothing like {v}.", "Who eats {v}? One of them is {e}.", "{E} has {v} for dinner."},
           .follow_ups = {"It eats {v}.", "It feeds on {v}.", "Its food is {v}."},
           .contrasts = {"{E} eats {v}, not {w}.", "{E} does not eat {w} but {v}.", "One offered {w}, but {e} eats {v}."},
           .lists = {"{list} eat {v}.", "Animals that eat {v} are {list}."},
           .questions = {"What does {e} eat?", "What is the food of {e}?", "What does {e} feed on?"},
           .values = {"mice", "roots", "fish", "bark", "grass", "nuts", "snails", "worms", "leaves", "meat", "berries", "seeds", "frogs", "insects"}},
          {.subject = "animals",
           .name = "home",
           .statements = {"{E} lives in the {v}.", "One meets {e} in the {v}.", "The home of {e} is the {v}.", "In the {v} lives {e}.",
                          "{E} is at home in the {v}.", "Who walks to the {v} may see {e}.", "The {v} is the home of {e}.", "{E} never leaves the {v}.",
                          "{E} was born in the {v}.", "Look for {e} in the {v}.", "Who lives in the {v}? One of them is {e}.", "{E} sleeps in the {v}."},
           .follow_ups = {"It lives in the {v}.", "Its home is the {v}.", "It is at home in the {v}."},
           .contrasts = {"{E} lives in the {v}, not in the {w}.", "{E} does not live in the {w} but in the {v}.",
                         "One looks in the {w}, but {e} lives in the {v}."},
           .lists = {"In the {v} live {list}.", "The {v} is the home of {list}."},
           .questions = {"Where does {e} live?", "Where is {e} at home?", "What is the home of {e}?"},
           .values = {"forest", "valley", "river", "meadow", "mountains", "barn", "village", "swamp", "lake", "desert", "sea", "jungle", "cave"}},
          {.subject = "animals",
           .name = "nature",
           .statements = {"{E} is {v}.", "{E} is known to be {v}.", "All say that {e} is {v}.", "{V} is the word for {e}.", "By nature {e} is {v}.",
                          "What one notes first: {e} is {v}.", "{E} is always {v}.", "{E} was {v} from the first day.", "Who sees {e} sees that it is {v}.",
                          "They call {e} {v}.", "Who is {v}? One of them is {e}.", "In every story {e} is {v}."},
           .follow_ups = {"It is {v}.", "They call it {v}.", "By nature it is {v}."},
           .contrasts = {"{E} is {v}, not {w}.", "{E} is not {w} but {v}.", "Some call it {w}, but {e} is {v}."},
           .lists = {"Known to be {v} are {list}.", "{list} are {v}."},
           .questions = {"What is {e} like?", "Which word describes {e}?", "How is {e} by nature?"},
           .values = {"clever", "shy", "quick", "busy", "blind", "strong", "silent", "patient", "noisy", "proud", "slow"}}};
}

}  // namespace

std::vector<Relation> animal_relations() {
  std::vector<Relation> relations = said_of_animals();
  std::istringstream lines(kAnimals);
  std::string animal, value;
  while (lines >> animal) {
    for (Relation& relation : relations) {
      lines >> value;
      relation.facts.push_back({"the " + animal, value});
    }
  }
  return relations;
}

}  // namespace winnow::demo
