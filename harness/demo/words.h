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

std::string joined(const Words& words, const std::string& between);

const std::vector<Person>& people();  // 60, half of them women; the closed world's people, who also appear in word problems

const Things& goods();       // what is bought: small, whole things
const Things& belongings();  // what is collected, shared, lost and found
const Things& parts();       // what fits into containers
const Things& containers();  // boxes, bags …
const Things& fruit();
const Things& jobs_done();  // what is done in so many minutes

inline const Words kMonths = {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"};
inline const Words kCounts = {"zero", "one", "two", "three", "four", "five", "six", "seven"};

inline const Thing kDollars = {"dollar", "dollars"};
inline const Thing kMinutes = {"minute", "minutes"};
inline const Thing kHours = {"hour", "hours"};
inline const Thing kDays = {"day", "days"};
inline const Thing kWeeks = {"week", "weeks"};
inline const Thing kPages = {"page", "pages"};
inline const Thing kKilometres = {"kilometre", "kilometres"};
inline const Thing kLitres = {"litre", "litres"};
inline const Thing kYears = {"year", "years"};
inline const Thing kPoints = {"point", "points"};
inline const Thing kChildren = {"child", "children"};
inline const Thing kSeats = {"seat", "seats"};
inline const Thing kEggs = {"egg", "eggs"};

std::string amount(int count, const Thing& thing);  // "1 apple", "3 apples"
std::string capitalised(std::string text);
std::string listed(const Words& words);  // "a, b and c"

}  // namespace winnow::demo
