#include "harness/demo/story.h"

namespace winnow::demo {
namespace {

const std::vector<int> kShares = {10, 20, 25, 50};

// A percentage of a round number is worked as one division: 25 % is a fourth.
int part_of(Story& s, const std::string& lead, int whole, int percent, const Thing& unit) {
  return s.step(fmt::format("{} {} % of {}, that is", lead, percent, whole), whole, '/', 100 / percent, unit);
}

void percent_of_many(Story& s) {
  const Person p = s.person();
  const Thing t = s.thing(belongings());
  const int percent = s.among(kShares), whole = s.number(2, 40) * 10;
  s.say({"{0} has {1} {2}. {3} % of them are red.", "Of the {1} {2} that {0} has, {3} % are old."}, p, whole, t.many, percent);
  s.ask({"How many {0} is that?"}, t.many);
  part_of(s, "It is", whole, percent, t);
}

void what_remains(Story& s) {
  const Person p = s.person();
  const Thing t = s.thing(fruit());
  const int percent = s.among(kShares), whole = s.number(2, 30) * 10;
  s.say({"{0} has {1} {2} and sells {3} % of them.", "{0} picks {1} {2}. {3} % of them are bad."}, p, whole, t.many, percent);
  s.ask({"How many {0} are left?", "How many {0} does {1} still have?"}, t.many, p);
  const int gone = part_of(s, "Gone are", whole, percent, t);
  s.step("Left are", whole, '-', gone, t);
}

void sale(Story& s) {
  const Person p = s.person();
  const Thing t = s.thing({{"coat", "coats"}, {"bike", "bikes"}, {"chair", "chairs"}, {"table", "tables"}, {"lamp", "lamps"}});
  const int percent = s.among(kShares), price = s.number(2, 30) * 10;
  s.say({"A {1} costs {2} dollars. {0} gets it {3} % cheaper.", "{0} buys a {1} in a sale. It was {2} dollars and is now {3} % cheaper."}, p, t.one, price,
        percent);
  s.ask({"How much does {0} pay?", "How many dollars does {0} pay?"}, p);
  const int off = part_of(s, "The price falls by", price, percent, kDollars);
  s.step(p.name + " pays", price, '-', off, kDollars);
}

void raise(Story& s) {
  const Person p = s.person();
  const int percent = s.among(kShares), pay = s.number(4, 40) * 10;
  s.say({"{0} earns {1} dollars a week. The pay goes up by {2} %.", "Each week {0} gets {1} dollars. Now {0} gets {2} % more."}, p, pay, percent);
  s.ask({"How much does {0} earn a week now?", "How many dollars a week is that now?"}, p);
  const int more = part_of(s, "The pay goes up by", pay, percent, kDollars);
  s.step("Now it is", pay, '+', more, kDollars);
}

void school_trip(Story& s) {
  const Person p = s.person();
  const int percent = s.among(kShares), whole = s.number(2, 20) * 10, late = s.number(2, 15);
  s.say({"There are {1} children in the school of {0}. {2} % of them go on a trip.", "{0} plans a trip. Of {1} children {2} % want to come."}, p, whole,
        percent);
  s.say({"Then {0} more children join.", "{0} other children join later."}, late);
  s.ask({"How many children are on the trip?", "How many children come along?"});
  const int first = part_of(s, "At first there are", whole, percent, kChildren);
  s.step("In the end there are", first, '+', late, kChildren);
}

void several_at_a_discount(Story& s) {
  const Person p = s.person();
  const Thing t = s.thing(goods());
  const int percent = s.among({10, 20, 50}), count = s.number(2, 10), price = s.among({5, 10, 15, 20, 30});
  s.need(count * price % 10 == 0);
  s.say({"{0} buys {1} {2} for {3} dollars each and gets {4} % off.", "Each {5} costs {3} dollars. {0} takes {1} of them and gets {4} % off."}, p, count,
        t.many, price, percent, t.one);
  s.ask({"How much does {0} pay?", "How many dollars does {0} pay in the end?"}, p);
  const int full = s.step("The full price is", count, '*', price, kDollars);
  const int off = part_of(s, "What comes off is", full, percent, kDollars);
  s.step(p.name + " pays", full, '-', off, kDollars);
}

}  // namespace

std::vector<ProblemTemplate> percent_problems() {
  return {{"percent_of_many", percent_of_many},
          {"what_remains", what_remains},
          {"sale", sale},
          {"raise", raise},
          {"school_trip", school_trip},
          {"several_at_a_discount", several_at_a_discount}};
}

}  // namespace winnow::demo
