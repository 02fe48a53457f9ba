#include "harness/demo/story.h"

namespace winnow::demo {
namespace {

void daily_minutes(Story& s) {
  const Person p = s.person();
  const int time = s.among({10, 15, 20, 25, 30, 40, 45, 50}), count = s.number(2, 12);
  s.say({"{0} runs {1} minutes every day.", "{0} plays the piano for {1} minutes a day.", "Each day {0} reads for {1} minutes."}, p, time);
  s.ask({"How many minutes is that in {0} days?", "How many minutes is that after {0} days?"}, count);
  s.step("That is", time, '*', count, kMinutes);
}

void book(Story& s) {
  const Person p = s.person();
  const int daily = s.number(5, 30), count = s.number(2, 9), length = s.number(60, 300);
  s.say(
      {"{0} has a book with {1} pages. {0} reads {2} pages a day for {3} days.", "{0} reads {2} pages a day. The book has {1} pages. {0} reads for {3} days."},
      p, length, daily, count);
  s.ask({"How many pages are left?", "How many pages does {0} still have to read?"}, p);
  const int read = s.step(p.name + " reads", daily, '*', count, kPages);
  s.step("What is left is", length, '-', read, kPages);
}

void days_for_the_rest(Story& s) {
  const Person p = s.person();
  const int daily = s.number(4, 12), count = s.number(2, 12), read = s.number(10, 90);
  s.say({"{0} reads a book of {1} pages. {2} pages are read already.", "A book has {1} pages, and {0} has read {2} of them."}, p, daily * count + read, read);
  s.say({"Now {0} reads {1} pages a day.", "From now on {0} reads {1} pages every day."}, p.he, daily);
  s.ask({"How many days does the rest take?", "In how many days is the book finished?"});
  const int rest = s.step("The rest is", daily * count + read, '-', read, kPages);
  s.step("That takes", rest, '/', daily, kDays);
}

void three_parts_of_a_trip(Story& s) {
  const Person p = s.person();
  const int walk = s.number(5, 30), train = s.number(15, 90), bus = s.number(5, 40);
  s.say({"{0} walks {1} minutes, then takes a train for {2} minutes and a bus for {3} minutes.",
         "On the way to work {0} walks for {1} minutes, sits in a train for {2} minutes and in a bus for {3} minutes."},
        p, walk, train, bus);
  s.ask({"How long is the way?", "How many minutes does it take in all?"});
  const int two = s.step("Walk and train take", walk, '+', train, kMinutes);
  s.step("All three take", two, '+', bus, kMinutes);
}

void hours_and_minutes(Story& s) {
  const Person p = s.person();
  const int whole = s.number(2, 9), more = s.number(5, 55);
  s.say({"A film lasts {1} hours and {2} minutes. {0} sees all of it.", "{0} drives for {1} hours and {2} minutes.", "{0} sleeps {1} hours and {2} minutes."},
        p, whole, more);
  s.ask({"How many minutes is that?", "How long is that in minutes?"});
  const int first = s.step("The hours are", whole, '*', 60, kMinutes);
  s.step("In all it is", first, '+', more, kMinutes);
}

void weekly_count(Story& s) {
  const Person p = s.person();
  const Thing t = s.thing(jobs_done());
  const int daily = s.number(2, 12), count = s.number(2, 9);
  s.say({"{0} finishes {1} {2} every day of the week.", "Every single day {0} finishes {1} {2}."}, p, daily, t.many);
  s.ask({"How many {0} is that in {1} weeks?", "How many {0} are finished after {1} weeks?"}, t.many, count);
  const int weekly = s.step("In a week it is", daily, '*', 7, t);
  s.step(fmt::format("In {} weeks it is", count), weekly, '*', count, t);
}

void time_for_each(Story& s) {
  const Person p = s.person();
  const Thing t = s.thing(jobs_done());
  const int each = s.number(3, 12), count = s.number(3, 12), pause = s.number(5, 30);
  s.say({"{0} needs {1} minutes for one {2} and does {3} of them.", "One {2} takes {0} {1} minutes. There are {3} of them."}, p, each, t.one, count);
  s.say({"In between {0} rests for {1} minutes.", "{0} also makes a break of {1} minutes."}, p, pause);
  s.ask({"How many minutes does {0} need in all?", "How long does it take altogether, in minutes?"}, p);
  const int work = s.step("The work takes", each, '*', count, kMinutes);
  s.step("With the break it takes", work, '+', pause, kMinutes);
}

void time_left(Story& s) {
  const Person p = s.person();
  const int total = s.among({60, 90, 120}), first = s.number(10, 40), second = s.number(10, 40);
  s.say({"{0} has {1} minutes for homework. Maths takes {2} minutes and reading takes {3} minutes.",
         "{0} has {1} minutes before the bus comes. Cooking takes {2} minutes and eating takes {3} minutes."},
        p, total, first, second);
  s.ask({"How many minutes are left?", "How much time is left, in minutes?"});
  const int used = s.step("Both take", first, '+', second, kMinutes);
  s.step("What is left is", total, '-', used, kMinutes);
}

}  // namespace

std::vector<ProblemTemplate> time_problems() {
  return {{"daily_minutes", daily_minutes},         {"book", book},
          {"days_for_the_rest", days_for_the_rest}, {"three_parts_of_a_trip", three_parts_of_a_trip},
          {"hours_and_minutes", hours_and_minutes}, {"weekly_count", weekly_count},
          {"time_for_each", time_for_each},         {"time_left", time_left}};
}

}  // namespace winnow::demo
