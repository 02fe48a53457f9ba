#pragma once
#include <string>
#include <vector>

namespace winnow::demo {

struct Person {
  std::string name, he, his;
};

// A thing that is counted: "1 apple", "3 apples".
struct Thing {
  std::string one, many;
};

using Words = std::vector<std::string>;
using Things = std::vector<Thing>;

const std::vector<Person>& people();  // 60, half of them women; the closed world's people, who also appear in word problems

const Things& goods();      // what is bought: small, whole things
const Things& belongings(); // what is collected, shared, lost and found
const Things& parts();      // what fits into containers
const Things& containers(); // boxes, bags …
const Things& fruit();
const Things& jobs_done();  // what is done in so many minutes

const Thing& dollars();
const Thing& minutes();
const Thing& hours();
const Thing& days();
const Thing& weeks();
const Thing& pages();
const Thing& kilometres();
const Thing& litres();
const Thing& metres();
const Thing& years();
const Thing& points();
const Thing& children();
const Thing& seats();
const Thing& eggs();

std::string amount(int count, const Thing& thing);  // "1 apple", "3 apples"
std::string capitalised(std::string text);
std::string listed(const Words& words);             // "a, b and c"

}  // namespace winnow::demo
