#include "harness/demo/story.h"

namespace winnow::demo {
namespace {

const Thing kYearsOld = {"year old", "years old"};

void more_than(Story& s) {
  const Person p = s.person(), q = s.person();
  const Thing t = s.thing(belongings());
  const int has = s.number(5, 90), more = s.number(3, 40);
  s.say({"{0} has {1} {2}. {3} has {4} more than {0}.", "{0} owns {1} {2}, and {3} owns {4} more {2} than {0}."}, p, has, t.many, q, more);
  s.ask({"How many {0} do they have together?", "How many {0} do both have in all?"}, t.many);
  const int other = s.step(q.name + " has", has, '+', more, t);
  s.step("Together they have", has, '+', other, t);
}

void times_as_many(Story& s) {
  const Person p = s.person(), q = s.person();
  const Thing t = s.thing(belongings());
  const int has = s.number(3, 30), times = s.number(2, 6);
  s.say({"{0} has {1} {2}. {3} has {4} times as many.", "{3} has {4} times as many {2} as {0}. {0} has {1} {2}."}, p, has, t.many, q, times);
  s.ask({"How many {0} do they have together?", "How many {0} do both have in all?"}, t.many);
  const int other = s.step(q.name + " has", has, '*', times, t);
  s.step("Together they have", has, '+', other, t);
}

void fewer_than(Story& s) {
  const Person p = s.person(), q = s.person();
  const Thing t = s.thing(fruit());
  const int has = s.number(15, 90), fewer = s.number(3, 40);
  s.say({"{0} picks {1} {2}. {3} picks {4} fewer than {0}.", "{0} has {1} {2}, and {3} has {4} fewer {2} than {0}."}, p, has, t.many, q, fewer);
  s.ask({"How many {0} is that together?", "How many {0} do the two have in all?"}, t.many);
  const int other = s.step(q.name + " has", has, '-', fewer, t);
  s.step("Together they have", has, '+', other, t);
}

void how_many_more(Story& s) {
  const Person p = s.person(), q = s.person();
  const Thing t = s.thing(belongings());
  const int has = s.number(4, 30), times = s.number(2, 9);
  s.say({"{0} finds {1} {2}. {3} finds {4} times as many as {0}.", "{3} has {4} times as many {2} as {0}, who has {1}."}, p, has, t.many, q, times);
  s.ask({"How many more {0} does {1} have than {2}?", "By how many {0} does {1} have more than {2}?"}, t.many, q, p);
  const int other = s.step(q.name + " has", has, '*', times, t);
  s.step("The difference is", other, '-', has, t);
}

void three_collectors(Story& s) {
  const Person p = s.person(), q = s.person(), r = s.person();
  const Thing t = s.thing(belongings());
  const int has = s.number(4, 30), more = s.number(2, 20), times = s.number(2, 3);
  s.say({"{0} has {1} {2}. {3} has {4} more than {0}. {5} has {6} times as many as {3}.",
         "{3} has {4} {2} more than {0}, and {5} has {6} times as many as {3}. {0} has {1} {2}."},
        p, has, t.many, q, more, r, times);
  s.ask({"How many {0} do all three have?", "How many {0} do the three have together?"}, t.many);
  const int second = s.step(q.name + " has", has, '+', more, t);
  const int third = s.step(r.name + " has", second, '*', times, t);
  const int two = s.step(p.name + " and " + q.name + " have", has, '+', second, t);
  s.step("All three have", two, '+', third, t);
}

void age_later(Story& s) {
  const Person p = s.person(), q = s.person();
  const int age = s.number(4, 40), older = s.number(2, 20), later = s.number(2, 20);
  s.say({"{0} is {1} years old. {2} is {3} years older than {0}.", "{2} is {3} years older than {0}, who is {1} years old."}, p, age, q, older);
  s.ask({"How old will {0} be in {1} years?", "How old is {0} in {1} years?"}, q, later);
  const int now = s.step(q.name + " is now", age, '+', older, kYearsOld);
  s.step("Then " + q.name + " is", now, '+', later, kYearsOld);
}

void younger(Story& s) {
  const Person p = s.person(), q = s.person();
  const int age = s.number(3, 12), times = s.number(2, 5), ago = s.number(1, 9);
  s.say({"{0} is {1} years old. {2} is {3} times as old as {0}.", "{2} is {3} times as old as {0}, and {0} is {1} years old."}, p, age, q, times);
  s.ask({"How old was {0} {1} ago?"}, q, amount(ago, kYears));
  const int now = s.step(q.name + " is now", age, '*', times, kYearsOld);
  s.step("Then " + q.name + " was", now, '-', ago, kYearsOld);
}

void half_as_many(Story& s) {
  const Person p = s.person(), q = s.person();
  const Thing t = s.thing(fruit());
  const int half = s.number(3, 45), more = s.number(2, 20);
  s.say({"{0} has {1} {2}. {3} has half as many and then gets {4} more.", "{3} has half as many {2} as {0}. {0} has {1} {2}. Then {3} buys {4} more."}, p,
        2 * half, t.many, q, more);
  s.ask({"How many {0} does {1} have now?", "How many {0} is that for {1} in the end?"}, t.many, q);
  const int first = s.step("At first " + q.name + " has", 2 * half, '/', 2, t);
  s.step("Then " + q.name + " has", first, '+', more, t);
}

void game_points(Story& s) {
  const Person p = s.person(), q = s.person();
  const int goals = s.number(3, 12), each = s.number(2, 5), other = s.number(5, 40);
  s.say({"In a game every goal counts {0} points. {1} makes {2} goals.", "{1} makes {2} goals in a game. Each goal is {0} points."}, each, p, goals);
  s.say({"{0} has {1} points.", "{0} gets {1} points in the same game."}, q, other);
  s.need(goals * each > other);
  s.ask({"How many points is {0} ahead?", "By how many points does {0} win?"}, p);
  const int scored = s.step(p.name + " has", goals, '*', each, kPoints);
  s.step(p.name + " is ahead by", scored, '-', other, kPoints);
}

}  // namespace

std::vector<ProblemTemplate> comparison_problems() {
  return {{"more_than", more_than},
          {"times_as_many", times_as_many},
          {"fewer_than", fewer_than},
          {"how_many_more", how_many_more},
          {"three_collectors", three_collectors},
          {"age_later", age_later},
          {"younger", younger},
          {"half_as_many", half_as_many},
          {"game_points", game_points}};
}

}  // namespace winnow::demo
