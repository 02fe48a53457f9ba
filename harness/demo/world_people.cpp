#include "harness/demo/world.h"

namespace winnow::demo {
namespace {

constexpr std::uint64_t kHomesSeed = 60;

// Every value as often as every other, in an order that chance makes.
void give_values(Relation& relation, Chance& chance) {
  Words values;
  for (std::size_t i = 0; i < people().size(); ++i) values.push_back(relation.values[i % relation.values.size()]);
  chance.shuffle(values);
  for (std::size_t i = 0; i < values.size(); ++i) relation.facts.push_back({people()[i].name, values[i], people()[i].he, people()[i].his});
}

}  // namespace

std::vector<Relation> people_relations() {
  std::vector<Relation> relations = {
      {.subject = "people",
       .name = "home",
       .statements = {"{e} lives in {v}.", "{e} has a house in {v}.", "The home of {e} is in {v}.", "In {v} one finds {e}.", "{v} is the town where {e} lives.",
                      "If you look for {e}, go to {v}.", "{e} comes from {v}.", "{e} is at home in {v}.", "The town of {e} is {v}.",
                      "You can visit {e} in {v}.", "In {v} stands the house of {e}.", "Who lives in {v}? {e} does.", "A letter to {e} goes to {v}."},
       .follow_ups = {"{He} lives in {v}.", "{His} home is in {v}.", "{He} has a house in {v}.", "{His} town is {v}."},
       .contrasts = {"{e} lives in {v}, not in {w}.", "{e} does not live in {w} but in {v}.", "Some say that {e} lives in {w}, but {he} lives in {v}.",
                     "The home of {e} is not {w}. It is {v}."},
       .lists = {"In {v} live {list}.", "The people of {v} are {list}.", "{list} live in {v}."},
       .questions = {"Where does {e} live?", "In which town does {e} live?", "What is the home town of {e}?", "Where is the house of {e}?"},
       .values = {"Toll", "Brill", "Senn", "Oken", "Marl", "Dover", "Lund", "Wick", "Vale", "Hart", "Pell", "Rook"}},
      {.subject = "people",
       .name = "job",
       .statements = {"{e} works as a {v}.", "{e} is a {v}.", "{e} is a {v} by trade.", "The job of {e} is {v}.", "As a {v}, {e} has much to do.",
                      "Every day {e} goes to work as a {v}.", "The {v} is called {e}.", "People know {e} as a {v}.", "{e} became a {v} long ago.",
                      "If you need a {v}, ask {e}.", "A good {v} is {e}.", "{e} likes to be a {v}.", "Who is a {v}? {e} is."},
       .follow_ups = {"{He} works as a {v}.", "{He} is a {v}.", "{His} job is {v}.", "Every day {he} works as a {v}."},
       .contrasts = {"{e} is a {v}, not a {w}.", "{e} does not work as a {w} but as a {v}.", "{e} once wanted to be a {w} but is a {v}.",
                     "The job of {e} is not {w}. It is {v}."},
       .lists = {"{list} work as a {v}.", "The job of {list} is {v}.", "Those who work as a {v} are {list}."},
       .questions = {"What is the job of {e}?", "What does {e} work as?", "Which job does {e} have?", "What does {e} do for a living?"},
       .values = {"baker", "teacher", "doctor", "farmer", "painter", "driver", "singer", "sailor", "nurse", "tailor", "pilot", "gardener"}},
      {.subject = "people",
       .name = "pet",
       .statements = {"{e} has a {v}.", "{e} keeps a {v}.", "The pet of {e} is a {v}.", "A {v} belongs to {e}.", "{e} takes care of a {v}.",
                      "At home {e} has a {v}.", "{e} loves the {v} that waits at home.", "The {v} of {e} is hungry.", "Every morning {e} feeds the {v}.",
                      "{e} got a {v} as a present.", "The animal of {e} is a {v}.", "{e} often talks to the {v} at home.", "Who has a {v}? {e} has one."},
       .follow_ups = {"{He} has a {v}.", "{His} pet is a {v}.", "{He} keeps a {v}.", "{His} {v} is a good friend."},
       .contrasts = {"{e} has a {v}, not a {w}.", "{e} does not keep a {w} but a {v}.", "{e} wanted a {w} but got a {v}.",
                     "The pet of {e} is not a {w}. It is a {v}."},
       .lists = {"{list} have a {v} as a pet.", "The pet of {list} is a {v}.", "A {v} is the pet of {list}."},
       .questions = {"Which pet does {e} have?", "What is the pet of {e}?", "Which animal does {e} keep?", "What kind of pet belongs to {e}?"},
       .values = {"cat", "dog", "rabbit", "pony", "parrot", "hamster", "turtle", "goldfish", "canary", "goat"}},
      {.subject = "people",
       .name = "favourite food",
       .statements = {"{e} likes {v} best.", "The favourite food of {e} is {v}.", "{e} loves to eat {v}.", "{V} is what {e} likes best.",
                      "{e} eats {v} whenever possible.", "For dinner {e} wants {v}.", "Give {e} some {v}.", "{e} asks for {v} every time.",
                      "Nothing tastes better to {e} than {v}.", "On a birthday {e} gets {v}.", "{e} could eat {v} every day.",
                      "When there is {v}, {e} is happy.", "Who loves {v}? {e} does."},
       .follow_ups = {"{He} likes {v} best.", "{His} favourite food is {v}.", "{He} loves to eat {v}.", "For dinner {he} wants {v}."},
       .contrasts = {"{e} likes {v} best, not {w}.", "{e} does not love {w} but {v}.", "{e} was given {w} but wanted {v}.",
                     "The favourite food of {e} is not {w}. It is {v}."},
       .lists = {"{list} like {v} best.", "The favourite food of {list} is {v}.", "{V} is what {list} like best."},
       .questions = {"What is the favourite food of {e}?", "What does {e} like to eat best?", "Which food does {e} love?", "What does {e} want for dinner?"},
       .values = {"soup", "rice", "bread", "cheese", "pasta", "cake", "honey", "salad", "beans", "toast", "pudding", "stew"}}};
  Chance chance(kHomesSeed);
  for (Relation& relation : relations) give_values(relation, chance);
  return relations;
}

}  // namespace winnow::demo
