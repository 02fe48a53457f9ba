#include "harness/demo/story.h"

namespace winnow::demo {
namespace {

void price_of_many(Story& s) {
  const Person p = s.person();
  const Thing t = s.thing(goods());
  const int count = s.number(2, 12), price = s.number(2, 15);
  s.say(
      {"{0} buys {1} {2} for {3} dollars each.", "{0} needs {1} {2}. Each {4} costs {3} dollars.", "In a shop every {4} costs {3} dollars. {0} takes {1} {2}."},
      p, count, t.many, price, t.one);
  s.ask({"How much does {0} pay?", "How many dollars does {0} spend?"}, p);
  s.step(p.name + " pays", count, '*', price, kDollars);
}

void two_goods(Story& s) {
  const Person p = s.person();
  const Thing a = s.thing(goods()), b = s.thing(goods());
  const int many = s.number(2, 9), price = s.number(2, 12), more = s.number(2, 9), other = s.number(2, 12);
  s.say({"{0} buys {1} {2} for {3} dollars each and {4} {5} for {6} dollars each.", "{0} takes {1} {2} at {3} dollars each and {4} {5} at {6} dollars each."},
        p, many, a.many, price, more, b.many, other);
  s.ask({"How much does {0} pay in all?", "How many dollars does {0} spend altogether?"}, p);
  const int first = s.step("The " + a.many + " cost", many, '*', price, kDollars);
  const int second = s.step("The " + b.many + " cost", more, '*', other, kDollars);
  s.step("In all " + p.name + " pays", first, '+', second, kDollars);
}

void change(Story& s) {
  const Person p = s.person();
  const Thing t = s.thing(goods());
  const int note = s.among({20, 50, 100}), count = s.number(2, 9), price = s.number(2, 12);
  s.say({"{0} buys {1} {2} for {3} dollars each. {0} pays with {4} dollars.", "{0} has {4} dollars and buys {1} {2}. Each one costs {3} dollars."}, p, count,
        t.many, price, note);
  s.ask({"How much money does {0} have left?", "How many dollars are left?"}, p);
  const int cost = s.step("The " + t.many + " cost", count, '*', price, kDollars);
  s.step(p.name + " has left", note, '-', cost, kDollars);
}

void wage_and_spending(Story& s) {
  const Person p = s.person();
  const int time = s.number(2, 10), wage = s.number(5, 15), spent = s.number(5, 60);
  s.say({"{0} works {1} hours and gets {2} dollars an hour.", "{0} earns {2} dollars an hour and works for {1} hours."}, p, time, wage);
  s.say({"Then {0} spends {1} dollars.", "After work {0} pays {1} dollars for food."}, p.he, spent);
  s.ask({"How much money does {0} have left?", "How many dollars does {0} keep?"}, p);
  const int earned = s.step(p.name + " earns", time, '*', wage, kDollars);
  s.step(p.name + " has left", earned, '-', spent, kDollars);
}

void weeks_of_saving(Story& s) {
  const Person p = s.person();
  const Thing t = s.thing({{"bike", "bikes"}, {"guitar", "guitars"}, {"tent", "tents"}, {"camera", "cameras"}});
  const int weekly = s.number(3, 12), time = s.number(2, 12), had = s.number(5, 60);
  s.say({"{0} wants a {1} that costs {2} dollars.", "A {1} costs {2} dollars. {0} wants to buy it."}, p, t.one, weekly * time + had);
  s.say({"{0} has {1} dollars and saves {2} dollars a week.", "{0} already has {1} dollars. Every week {0} saves {2} dollars."}, p.name, had, weekly);
  s.ask({"How many weeks must {0} save?", "For how many weeks does {0} have to save?"}, p);
  const int missing = s.step(p.name + " still needs", weekly * time + had, '-', had, kDollars);
  s.step(p.name + " must save", missing, '/', weekly, kWeeks);
}

void two_days_of_work(Story& s) {
  const Person p = s.person();
  const int first = s.number(2, 9), second = s.number(2, 9), wage = s.number(4, 12);
  s.say({"{0} works {1} hours on Monday and {2} hours on Tuesday.", "On Saturday {0} works {1} hours, on Sunday {2} hours."}, p, first, second);
  s.say({"{0} gets {1} dollars an hour.", "The pay is {1} dollars an hour."}, p, wage);
  s.ask({"How much does {0} earn?", "How many dollars does {0} earn in all?"}, p);
  const int both = s.step(p.name + " works", first, '+', second, kHours);
  s.step(p.name + " earns", both, '*', wage, kDollars);
}

void profit(Story& s) {
  const Person p = s.person();
  const Thing t = s.thing(fruit());
  const int count = s.number(4, 20), price = s.number(2, 9), cost = s.number(3, 50);
  s.say({"{0} sells {1} {2} for {3} dollars each.", "At the market {0} sells {1} {2}. Each {4} brings {3} dollars."}, p, count, t.many, price, t.one);
  s.say({"The place at the market costs {0} dollars.", "{1} pays {0} dollars for the table."}, cost, p);
  s.ask({"How much money is left for {0}?", "How many dollars does {0} make after that?"}, p);
  const int taken = s.step(p.name + " takes in", count, '*', price, kDollars);
  s.step("That leaves", taken, '-', cost, kDollars);
}

void coupon(Story& s) {
  const Person p = s.person();
  const Thing t = s.thing(goods());
  const int count = s.number(3, 12), price = s.number(3, 12), off = s.number(2, 20);
  s.say({"{0} buys {1} {2} for {3} dollars each. A coupon takes {4} dollars off.",
         "Each {5} costs {3} dollars. {0} buys {1} of them with a coupon for {4} dollars."},
        p, count, t.many, price, off, t.one);
  s.ask({"How much does {0} pay?", "How many dollars does {0} pay in the end?"}, p);
  const int full = s.step("The full price is", count, '*', price, kDollars);
  s.step("With the coupon it is", full, '-', off, kDollars);
}

void family_tickets(Story& s) {
  const Person p = s.person();
  const int adults = s.number(2, 6), price = s.number(6, 15), young = s.number(2, 9), less = s.number(2, 5);
  s.say({"A ticket for the zoo costs {0} dollars for an adult and {1} dollars for a child.",
         "The museum takes {0} dollars from an adult and {1} dollars from a child."},
        price, less);
  s.say({"{0} goes there with a group of {1} adults and {2} children.", "{0} pays for {1} adults and {2} children."}, p, adults, young);
  s.ask({"How much do the tickets cost in all?", "How many dollars are all tickets?"});
  const int big = s.step("The adults cost", adults, '*', price, kDollars);
  const int small = s.step("The children cost", young, '*', less, kDollars);
  s.step("In all the tickets cost", big, '+', small, kDollars);
}

void split_bill(Story& s) {
  const Person p = s.person(), q = s.person();
  const int friends = s.number(3, 9), food = s.number(10, 90), drinks = s.number(4, 40);
  s.need((food + drinks) % friends == 0);
  s.say({"{0}, {1} and some friends eat out. They are {2} people.", "A group of {2} people with {0} and {1} goes to a cafe."}, p, q, friends);
  s.say({"The food costs {0} dollars and the drinks cost {1} dollars.", "They pay {0} dollars for food and {1} dollars for drinks."}, food, drinks);
  s.say({"They share the bill equally.", "Everybody pays the same."});
  s.ask({"How much does {0} pay?", "How many dollars is that for each of them?"}, p);
  const int bill = s.step("The bill is", food, '+', drinks, kDollars);
  s.step("Each one pays", bill, '/', friends, kDollars);
}

}  // namespace

std::vector<ProblemTemplate> money_problems() {
  return {{"price_of_many", price_of_many},
          {"two_goods", two_goods},
          {"change", change},
          {"wage_and_spending", wage_and_spending},
          {"weeks_of_saving", weeks_of_saving},
          {"two_days_of_work", two_days_of_work},
          {"profit", profit},
          {"coupon", coupon},
          {"family_tickets", family_tickets},
          {"split_bill", split_bill}};
}

}  // namespace winnow::demo
