#include <sstream>

#include "harness/demo/world.h"

namespace winnow::demo {
namespace {

// thing, what it is made of, where it is, its colour
constexpr const char* kObjects = R"(
spoon steel kitchen grey
fork silver kitchen white
kettle copper kitchen red
bowl clay kitchen blue
pan iron kitchen black
mug glass office green
desk wood office brown
clock brass office yellow
folder paper office red
stool steel office blue
vase glass hall white
mirror silver hall black
carpet wool hall red
bench wood hall green
bell brass tower grey
flag cotton tower yellow
ladder wood tower blue
rope cotton barn brown
bucket iron barn green
saddle leather barn black
fence wood garden white
statue stone garden grey
wall stone garden brown
shovel steel garden red
pot clay garden yellow
pillow cotton bedroom blue
blanket wool bedroom green
curtain silk bedroom yellow
coat wool bedroom black
dress silk bedroom white
belt leather cellar brown
barrel wood cellar grey
jug clay cellar green
pipe copper cellar red
chain iron cellar white
hammer steel garage yellow
boot leather garage blue
wire copper garage black
kite paper attic grey
doll paper attic brown
)";

std::vector<Relation> said_of_materials() {
  return {{.subject = "materials",
           .name = "material",
           .statements = {"{E} is made of {v}.", "{E} is of {v}.", "They made {e} of {v}.", "{V} is what {e} is made of.", "Somebody built {e} from {v}.",
                          "To make {e}, one needs {v}.", "From {v} comes {e}.", "You can tell that {e} is made of {v}.", "Of {v} is {e}.",
                          "The material of {e} is {v}.", "What is made of {v}? It is {e}.", "{E} consists of {v}."},
           .follow_ups = {"It is made of {v}.", "It consists of {v}.", "Its material is {v}."},
           .contrasts = {"{E} is made of {v}, not of {w}.", "{E} is not made of {w} but of {v}.", "One might think of {w}, but {e} is made of {v}."},
           .lists = {"Made of {v} are {list}.", "{V} is the material of {list}."},
           .questions = {"What is {e} made of?", "Which material is {e} made of?", "What is the material of {e}?"},
           .values = {"steel", "silver", "copper", "clay", "iron", "glass", "wood", "brass", "paper", "wool", "cotton", "leather", "stone", "silk"}},
          {.subject = "materials",
           .name = "place",
           .statements = {"{E} is in the {v}.", "One finds {e} in the {v}.", "They keep {e} in the {v}.", "In the {v} there is {e}.",
                          "Look for {e} in the {v}.", "The place of {e} is the {v}.", "Somebody put {e} into the {v}.", "{E} stays in the {v}.",
                          "Who goes to the {v} sees {e}.", "The {v} is where {e} is.", "What is in the {v}? There is {e}.", "{E} belongs to the {v}."},
           .follow_ups = {"It is in the {v}.", "Its place is the {v}.", "They keep it in the {v}."},
           .contrasts = {"{E} is in the {v}, not in the {w}.", "{E} is not in the {w} but in the {v}.", "One looked in the {w}, but {e} is in the {v}."},
           .lists = {"In the {v} are {list}.", "The {v} is the place of {list}."},
           .questions = {"Where is {e}?", "In which place is {e}?", "Where does one find {e}?"},
           .values = {"kitchen", "office", "hall", "tower", "barn", "garden", "bedroom", "cellar", "garage", "attic"}},
          {.subject = "materials",
           .name = "colour",
           .statements = {"{E} is {v}.", "{E} has the colour {v}.", "The colour of {e} is {v}.", "They painted {e} {v}.", "{V} is the colour of {e}.",
                          "Everybody sees that {e} is {v}.", "{E} looks {v}.", "From far away {e} is {v}.", "Once painted, {e} is now {v}.",
                          "{V} is how {e} looks.", "What is {v}? It is {e}.", "In the sun {e} shines {v}."},
           .follow_ups = {"It is {v}.", "Its colour is {v}.", "It looks {v}."},
           .contrasts = {"{E} is {v}, not {w}.", "{E} is not {w} but {v}.", "Somebody wanted it {w}, but {e} is {v}."},
           .lists = {"{V} are {list}.", "{V} is the colour of {list}."},
           .questions = {"What is the colour of {e}?", "Which colour does {e} have?", "What colour is {e}?"},
           .values = {"grey", "white", "red", "blue", "black", "green", "brown", "yellow"}}};
}

}  // namespace

std::vector<Relation> material_relations() {
  std::vector<Relation> relations = said_of_materials();
  std::istringstream lines(kObjects);
  std::string thing, value;
  while (lines >> thing) {
    for (Relation& relation : relations) {
      lines >> value;
      relation.facts.push_back({"the " + thing, value});
    }
  }
  return relations;
}

}  // namespace winnow::demo
