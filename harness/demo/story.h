#pragma once
#include <fmt/format.h>

#include <optional>
#include <string>
#include <vector>

#include "harness/demo/chance.h"
#include "harness/demo/words.h"

namespace winnow::demo {

// A word problem: question, worked answer with one operation a line, "#### n".
struct Problem {
  std::string filling;  // template and numbers, without what is only decoration: problems with equal fillings are the same problem
  std::string question, answer;
  int result = 0;
};

// What a template tells its problem to. Alternatives are wordings of which one is taken; {0}, {1} … are the arguments.
class Story {
 public:
  Story(std::string name, Chance& chance) : chance_(chance), filling_(std::move(name)) {}

  Person person();                    // another one each time
  Thing thing(const Things& things);  // another one each time
  int number(int low, int high);      // part of the filling
  int among(const std::vector<int>& numbers);
  void need(bool condition) { valid_ = valid_ && condition; }  // a filling that breaks it is thrown away

  template <class... Args>
  void say(const Words& alternatives, const Args&... args) {
    sentences_.push_back(fmt::format(fmt::runtime(chance_.one_of(alternatives)), text_of(args)...));
  }
  template <class... Args>
  void ask(const Words& alternatives, const Args&... args) {
    asked_ = fmt::format(fmt::runtime(chance_.one_of(alternatives)), text_of(args)...);
  }

  // A line of the worked answer, "<lead> 3 * 4 = 12 apples."; returns its result. Operations: + - * /.
  int step(const std::string& lead, int left, char operation, int right, const Thing& unit);

  // The problem, with a distracting sentence in some; nothing where a need was not met.
  std::optional<Problem> finish();

 private:
  static const std::string& text_of(const std::string& text) { return text; }
  static const std::string& text_of(const Person& person) { return person.name; }
  static int text_of(int number) { return number; }
  std::string distraction();

  Chance& chance_;
  std::string filling_;
  std::vector<std::string> used_;
  std::vector<std::string> sentences_;
  std::string asked_, lines_;
  int result_ = 0;
  bool valid_ = true;
};

struct ProblemTemplate {
  const char* name;
  void (*tell)(Story&);
};

std::vector<ProblemTemplate> money_problems();
std::vector<ProblemTemplate> time_problems();
std::vector<ProblemTemplate> sharing_problems();
std::vector<ProblemTemplate> rate_problems();
std::vector<ProblemTemplate> comparison_problems();
std::vector<ProblemTemplate> percent_problems();

}  // namespace winnow::demo
