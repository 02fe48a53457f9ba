#include "harness/demo/story.h"

namespace winnow::demo {
namespace {

void equal_shares(Story& s) {
  const Person p = s.person();
  const Thing t = s.thing(belongings());
  const int friends = s.number(2, 12), each = s.number(2, 15);
  s.say({"{0} has {1} {2} and shares them equally among {3} friends.", "{0} gives {1} {2} to {3} children. All get the same number."}, p, friends * each,
        t.many, friends);
  s.ask({"How many {0} does each one get?", "How many {0} are that for each?"}, t.many);
  s.step("Each one gets", friends * each, '/', friends, t);
}

void shares_after_eating(Story& s) {
  const Person p = s.person();
  const Thing t = s.thing(fruit());
  const int friends = s.number(2, 9), each = s.number(2, 12), eaten = s.number(2, 15);
  s.say({"{0} picks {1} {2} and eats {3} of them.", "{0} has {1} {2}, but {3} of them are bad."}, p, friends * each + eaten, t.many, eaten);
  s.say({"The rest is shared equally among {0} friends.", "{1} puts the others into {0} bags with the same number in each."}, friends, p);
  s.ask({"How many {0} is one share?", "How many {0} is that for each?"}, t.many);
  const int rest = s.step("The rest is", friends * each + eaten, '-', eaten, t);
  s.step("Each share is", rest, '/', friends, t);
}

void full_and_loose(Story& s) {
  const Person p = s.person();
  const Thing t = s.thing(parts()), c = s.thing(containers());
  const int boxes = s.number(2, 12), size = s.number(2, 12), loose = s.number(2, 15);
  s.say({"{0} has {1} {2} with {3} {4} in each and {5} more {4}.", "There are {3} {4} in each of {1} {2}. {0} also has {5} single {4}."}, p, boxes, c.many,
        size, t.many, loose);
  s.ask({"How many {0} does {1} have?", "How many {0} does {1} have altogether?"}, t.many, p);
  const int packed = s.step("In the " + c.many + " are", boxes, '*', size, t);
  s.step("In all " + p.name + " has", packed, '+', loose, t);
}

void left_over(Story& s) {
  const Person p = s.person();
  const Thing t = s.thing(parts()), c = s.thing(containers());
  const int boxes = s.number(2, 10), size = s.number(3, 12), rest = s.number(1, 11);
  s.need(rest < size);
  s.say({"{0} has {1} {2}. {0} fills {3} {4} with {5} {2} each.", "From {1} {2} {0} puts {5} into each of {3} {4}."}, p, boxes * size + rest, t.many, boxes,
        c.many, size);
  s.ask({"How many {0} are left over?", "How many {0} do not go into the {1}?"}, t.many, c.many);
  const int packed = s.step("Packed are", boxes, '*', size, t);
  s.step("Left over are", boxes * size + rest, '-', packed, t);
}

void packing_two_lots(Story& s) {
  const Person p = s.person();
  const Thing t = s.thing(parts()), c = s.thing(containers());
  const int first = s.number(6, 60), second = s.number(6, 60), size = s.number(3, 12);
  s.need((first + second) % size == 0);
  s.say({"{0} makes {1} {3} in the morning and {2} {3} in the evening.", "{0} gets {1} {3} on Monday and {2} {3} on Friday."}, p, first, second, t.many);
  s.say({"{0} {1} fit into one {2}.", "Every {2} holds {0} {1}."}, size, t.many, c.one);
  s.ask({"How many {0} are full?", "How many {0} does {1} need?"}, c.many, p);
  const int all = s.step("In all there are", first, '+', second, t);
  s.step("That fills", all, '/', size, c);
}

void two_gifts(Story& s) {
  const Person p = s.person(), q = s.person(), r = s.person();
  const Thing t = s.thing(belongings());
  const int had = s.number(20, 99), first = s.number(3, 30), second = s.number(3, 30);
  s.say({"{0} has {1} {2}. {0} gives {3} to {4} and {5} to {6}.", "From {1} {2} {0} gives {3} to {4} and then {5} to {6}."}, p, had, t.many, first, q, second,
        r);
  s.ask({"How many {0} does {1} have now?", "How many {0} are left for {1}?"}, t.many, p);
  const int rest = s.step("Without the first gift there are", had, '-', first, t);
  s.step("Without the second gift there are", rest, '-', second, t);
}

void rows_of_seats(Story& s) {
  const Person p = s.person();
  const int rows = s.number(3, 12), size = s.number(4, 12), taken = s.number(5, 70);
  s.say({"{0} is at a show. There are {1} rows with {2} seats each, and {3} seats are taken.",
         "A hall has {1} rows of {2} seats. {3} seats are taken when {0} comes in."},
        p, rows, size, taken);
  s.ask({"How many seats are free?", "How many free seats are there?"});
  const int all = s.step("The hall has", rows, '*', size, kSeats);
  s.step("Free are", all, '-', taken, kSeats);
}

void found_and_lost(Story& s) {
  const Person p = s.person();
  const Thing t = s.thing(belongings());
  const int had = s.number(10, 90), found = s.number(3, 50), lost = s.number(3, 40);
  s.say({"{0} had {1} {2}, found {3} more and lost {4}.", "{0} starts with {1} {2}. Then {0} gets {3} more and loses {4} of them."}, p, had, t.many, found,
        lost);
  s.ask({"How many {0} does {1} have now?", "How many {0} does {1} have in the end?"}, t.many, p);
  const int more = s.step("At first " + p.name + " gets to", had, '+', found, t);
  s.step("Then " + p.name + " has", more, '-', lost, t);
}

void party_bags(Story& s) {
  const Person p = s.person();
  const Thing t = s.thing(parts());
  const int guests = s.number(3, 12), each = s.number(2, 9), had = s.number(20, 120);
  s.say({"{0} has {1} {2} for a party. Each of the {3} guests gets {4}.", "{3} guests come to the party of {0}. {0} has {1} {2} and gives {4} to each guest."},
        p, had, t.many, guests, each);
  s.ask({"How many {0} are left?", "How many {0} does {1} still have?"}, t.many, p);
  const int given = s.step("The guests get", guests, '*', each, t);
  s.step("Left are", had, '-', given, t);
}

}  // namespace

std::vector<ProblemTemplate> sharing_problems() {
  return {{"equal_shares", equal_shares},   {"shares_after_eating", shares_after_eating}, {"full_and_loose", full_and_loose},
          {"left_over", left_over},         {"packing_two_lots", packing_two_lots},       {"two_gifts", two_gifts},
          {"rows_of_seats", rows_of_seats}, {"found_and_lost", found_and_lost},           {"party_bags", party_bags}};
}

}  // namespace winnow::demo
