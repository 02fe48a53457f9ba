#include "harness/demo/story.h"

namespace winnow::demo {
namespace {

void distance(Story& s) {
  const Person p = s.person();
  const int speed = s.number(4, 80), time = s.number(2, 9);
  s.say({"{0} rides a bike at {1} kilometres an hour for {2} hours.", "A bus with {0} in it goes {1} kilometres an hour. It drives for {2} hours."}, p, speed,
        time);
  s.ask({"How far does {0} get?", "How many kilometres is that?"}, p);
  s.step("The way is", speed, '*', time, kKilometres);
}

void two_speeds(Story& s) {
  const Person p = s.person();
  const int fast = s.number(5, 40), long_time = s.number(2, 6), slow = s.number(3, 20), short_time = s.number(2, 6);
  s.say({"{0} rides {1} hours at {2} kilometres an hour and then {3} hours at {4} kilometres an hour.",
         "For {1} hours {0} goes {2} kilometres an hour. Then {0} goes {4} kilometres an hour for {3} hours."},
        p, long_time, fast, short_time, slow);
  s.ask({"How many kilometres is that in all?", "How far does {0} go in all?"}, p);
  const int first = s.step("The first part is", long_time, '*', fast, kKilometres);
  const int second = s.step("The second part is", short_time, '*', slow, kKilometres);
  s.step("In all it is", first, '+', second, kKilometres);
}

void machine(Story& s) {
  const Person p = s.person();
  const Thing t = s.thing(parts());
  const int rate = s.number(3, 20), time = s.number(2, 12), broken = s.number(2, 15);
  s.say({"A machine makes {0} {1} a minute. It runs for {2} minutes.", "In one minute a machine makes {0} {1}, and it runs {2} minutes."}, rate, t.many, time);
  s.say({"{0} finds that {1} of them are broken.", "{0} throws {1} of them away."}, p, broken);
  s.ask({"How many good {0} are there?", "How many {0} can be used?"}, t.many);
  const int made = s.step("The machine makes", rate, '*', time, t);
  s.step("Good are", made, '-', broken, t);
}

void tank(Story& s) {
  const Person p = s.person();
  const int start = s.number(5, 80), rate = s.number(3, 12), time = s.number(3, 12);
  s.say({"A tank holds {0} litres of water. {1} lets in {2} litres a minute for {3} minutes.",
         "{1} fills a pool. It has {0} litres, and {2} litres a minute come in for {3} minutes."},
        start, p, rate, time);
  s.ask({"How many litres are in it then?", "How many litres of water is that?"});
  const int added = s.step("What comes in is", rate, '*', time, kLitres);
  s.step("Then there are", start, '+', added, kLitres);
}

void days_of_work(Story& s) {
  const Person p = s.person();
  const Thing t = s.thing(jobs_done());
  const int daily = s.number(2, 12), count = s.number(2, 15);
  s.say({"{0} has to finish {1} {2} and finishes {3} a day.", "There are {1} {2} to do. {0} does {3} of them every day."}, p, daily * count, t.many, daily);
  s.ask({"How many days does {0} need?", "After how many days are all of them done?"}, p);
  s.step(p.name + " needs", daily * count, '/', daily, kDays);
}

void hens(Story& s) {
  const Person p = s.person();
  const int count = s.number(3, 12), daily = s.number(1, 3), time = s.number(2, 9), used = s.number(3, 20);
  s.say({"{0} has {1} hens. Each hen gives {2} {4} a day for {3} days.", "Each of the {1} hens of {0} gives {2} {4} a day for {3} days."}, p, count, daily,
        time, daily == 1 ? kEggs.one : kEggs.many);
  s.say({"{0} uses {1} eggs for cakes.", "{0} eats {1} of the eggs."}, p, used);
  s.ask({"How many eggs are left?", "How many eggs does {0} have then?"}, p);
  const int a_day = s.step("In a day there are", count, '*', daily, kEggs);
  const int all = s.step("In all there are", a_day, '*', time, kEggs);
  s.step("Left are", all, '-', used, kEggs);
}

void fuel(Story& s) {
  const Person p = s.person();
  const int per_litre = s.number(5, 12), need = s.number(3, 12), price = s.number(2, 4);
  s.say({"The car of {0} goes {1} kilometres with one litre of fuel. A litre costs {2} dollars.",
         "{0} drives a car that needs one litre for {1} kilometres. One litre is {2} dollars."},
        p, per_litre, price);
  s.ask({"How much does the fuel for {0} kilometres cost?", "How many dollars is the fuel for {0} kilometres?"}, per_litre * need);
  const int fuel = s.step("The car needs", per_litre * need, '/', per_litre, kLitres);
  s.step("The fuel costs", fuel, '*', price, kDollars);
}

void two_workers(Story& s) {
  const Person p = s.person(), q = s.person();
  const Thing t = s.thing(jobs_done());
  const int first = s.number(2, 9), second = s.number(2, 9), time = s.number(2, 12);
  s.say({"{0} does {1} {2} an hour and {3} does {4} an hour.", "In one hour {0} does {1} {2}, while {3} does {4}."}, p, first, t.many, q, second);
  s.ask({"How many {0} do they do together in {1} hours?", "They work together for {1} hours. How many {0} is that?"}, t.many, time);
  const int both = s.step("Together they do in an hour", first, '+', second, t);
  s.step(fmt::format("In {} hours they do", time), both, '*', time, t);
}

}  // namespace

std::vector<ProblemTemplate> rate_problems() {
  return {{"distance", distance}, {"two_speeds", two_speeds},  {"machine", machine}, {"tank", tank}, {"days_of_work", days_of_work}, {"hens", hens},
          {"fuel", fuel},         {"two_workers", two_workers}};
}

}  // namespace winnow::demo
