// The papers' zero-shot suite: prompts by hand, and the first questions of recorded runs of lm-evaluation-harness.
#include "harness/core/digest.h"
#include "tasks/shared/hellaswag_text.h"
#include "tasks/shared/multiple_choice.h"
#include "tests/support/dataset_sources.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"
#include "tests/support/golden_runs.h"
#include "tests/support/recorded_data.h"
#include "tests/support/scripted_language_model.h"

namespace winnow::test {
namespace {

// "context|continuation" of every request.
std::vector<std::string> asked(const Example& example) {
  std::vector<std::string> texts;
  for (const Request& request : example.requests) texts.push_back(std::get<ScoreRequest>(request).context + "|" + std::get<ScoreRequest>(request).continuation);
  return texts;
}

Example sample(const std::string& task, std::size_t index, const Json& settings = Json::object()) {
  static const auto source = sample_source();
  const ScriptedLanguageModel model;
  const auto made = Registry<Task>::instance().make(task, settings);
  return made->examples(task_inputs(*source, model)).make(index);
}

using Texts = std::vector<std::string>;

TEST(ZeroShot, AsksAsTheHarnessDoes) {
  EXPECT_EQ(asked(sample("arc_easy", 1)),
            (Texts{"Question: What is thing 1?\nAnswer:| water", "Question: What is thing 1?\nAnswer:| stone 1", "Question: What is thing 1?\nAnswer:| air"}));
  EXPECT_EQ(asked(sample("openbookqa", 1)), (Texts{"What is thing 1?| water", "What is thing 1?| stone 1", "What is thing 1?| air"}));
  EXPECT_EQ(asked(sample("boolq", 0)),
            (Texts{"Numbers -- Some are even.\nQuestion: is 0 even?\nAnswer:| no", "Numbers -- Some are even.\nQuestion: is 0 even?\nAnswer:| yes"}));
  EXPECT_EQ(asked(sample("rte", 0)),
            (Texts{"0 is even.\nQuestion: It is odd. True or False?\nAnswer:| True", "0 is even.\nQuestion: It is odd. True or False?\nAnswer:| False"}));
  EXPECT_EQ(asked(sample("piqa", 2)), (Texts{"Question: Count to 2.\nAnswer:| Begin at one.", "Question: Count to 2.\nAnswer:| Begin at the end."}));
  EXPECT_EQ(asked(sample("winogrande", 3)), (Texts{"Box 3 is in the bag as box| is small.", "Box 3 is in the bag as bag| is small."}));
  EXPECT_EQ(asked(sample("hellaswag", 3))[1], "Counting: A man says 3. he| goes on.");
}

TEST(ZeroShot, KnowsTheRightChoice) {
  EXPECT_EQ(sample("arc_challenge", 2).record.gold, 2);
  EXPECT_EQ(sample("boolq", 0).record.gold, 1) << "true is yes, the second choice";
  EXPECT_EQ(sample("rte", 0).record.gold, 1) << "not_entailment is False";
  EXPECT_EQ(sample("piqa", 1).record.gold, 1);
  EXPECT_EQ(sample("winogrande", 2).record.gold, 1);
  EXPECT_EQ(sample("hellaswag", 3).record.gold, 3);
  EXPECT_EQ(sample("hellaswag", 3).record.target, "3");
  EXPECT_EQ(sample("winogrande", 2).record.target, "is small.");
}

TEST(ZeroShot, ShotsAreSolvedQuestionsBeforeEveryContext) {
  const Example example = sample("winogrande", 0, {{"shots", 2}});
  ASSERT_EQ(example.shots.size(), 2u);
  std::string before;
  for (const std::int64_t shot : example.shots) before += fmt::format("Box {} is in the bag as {} is small.\n\n", shot, shot % 2 ? "box" : "bag");
  EXPECT_EQ(asked(example), (Texts{before + "Box 0 is in the bag as box| is small.", before + "Box 0 is in the bag as bag| is small."}));
  const Example boolq = sample("boolq", 0, {{"shots", 1}});
  EXPECT_EQ(asked(boolq)[0],
            fmt::format("Numbers -- Some are even.\nQuestion: is {} even?\nAnswer: {}\n\nNumbers -- Some are even.\nQuestion: is 0 even?\nAnswer:| no",
                        boolq.shots.at(0), boolq.shots[0] % 2 ? "no" : "yes"));
}

TEST(ZeroShot, AQuestionIsNeverAmongItsOwnShots) {
  for (const char* task : {"boolq", "hellaswag", "piqa", "rte", "winogrande"}) {
    for (std::int64_t index = 0; index < 7; ++index) {
      for (const std::int64_t shot : sample(task, static_cast<std::size_t>(index), {{"shots", 5}}).shots) EXPECT_NE(shot, index) << task;
    }
  }
}

TEST(AccNorm, DividesByTheCodePointsOfTheChoice) {
  const std::vector<Request> requests = {ScoreRequest{"", " abcd"}, ScoreRequest{"", " \u00e9\u00e9"}};
  const auto norm = [&](double first, double second, std::int64_t gold) {
    return acc_norm(gold, requests, std::vector<Response>{{.log_likelihood = first}, {.log_likelihood = second}});
  };
  EXPECT_EQ(norm(-4, -3, 0), 1) << "-1 a code point against -1.5";
  EXPECT_EQ(norm(-4, -1.9, 1), 1) << "two code points, not four bytes";
  EXPECT_EQ(norm(-4, -2, 0), 1) << "the first of equals";
  EXPECT_EQ(norm(-4, -2, 1), 0);
}

TEST(AccNorm, TakesTheFirstThatIsNoNumber) {
  const std::vector<Request> requests = {ScoreRequest{"", " a"}, ScoreRequest{"", " "}, ScoreRequest{"", " "}};
  const auto norm = [&](double empty, std::int64_t gold) {
    return acc_norm(gold, requests, std::vector<Response>{{.log_likelihood = 0}, {.log_likelihood = empty}, {.log_likelihood = 0}});
  };
  EXPECT_EQ(norm(0, 1), 1) << "0 / 0 of the empty choice, which numpy's argmax prefers";
  EXPECT_EQ(norm(-1, 2), 1) << "-inf is not";
}

TEST(HellaswagText, IsCleanedAsRecorded) {
  const Json functions = read_json_file(fixture("lm_eval/functions.json"));
  ASSERT_EQ(functions.at("hellaswag_preprocess").size(), 38u);
  for (const Json& row : functions["hellaswag_preprocess"]) EXPECT_EQ(clean_hellaswag_text(row[0].get<std::string>()), row[1]);
}

TEST(HellaswagText, BracketsCloseOnTheirOwnLine) {
  EXPECT_EQ(clean_hellaswag_text("a [b\nc] d"), "a [b\nc] d");
  EXPECT_EQ(clean_hellaswag_text("a [b [c] d] e"), "a d] e");
  EXPECT_EQ(clean_hellaswag_text("x [title] y"), "x. y");
  const std::string open(1 << 20, '[');
  EXPECT_EQ(clean_hellaswag_text(open), open);
}

// The eight tasks as the recorded run had them: every document up to the limit, in full.
void check(const std::string& run, Json settings, std::int64_t limit) {
  const GoldenRun golden = golden_run(run);
  const auto datasets = folder_source(recorded_data_folder());
  ScriptedLanguageModel model;
  settings["limit"] = limit;
  std::size_t documents = 0;
  for (const auto& [task, result] : golden.summary.at("results").items()) {
    const TaskRun done =
        run_task(*Registry<Task>::instance().make(task, settings), *datasets, model, [&](const Example& example, const auto& responses, const auto& answers) {
          EXPECT_TRUE(expect_recorded(golden, example, responses, answers));
          ++documents;
        });
    EXPECT_EQ(result.contains("acc_norm,none"), done.metrics[1].name == "acc_norm") << task;
  }
  EXPECT_EQ(documents, golden.rows.size());
}

TEST(LmEvalZeroShot, TheFirstQuestionsEqualTheRecordedRun) { check("scripted_zeroshot", Json::object(), 40); }
TEST(LmEvalZeroShot, TheFirstQuestionsEqualTheRecordedRunWithFiveShots) { check("scripted_fewshot_5_seed1234", {{"shots", 5}}, 10); }
TEST(LmEvalZeroShot, TheFirstQuestionsEqualTheRecordedRunWithAnotherSeed) { check("scripted_fewshot_3_seed42", {{"shots", 3}, {"seed", 42}}, 10); }

// Data in a folder, with pools of shots that the sweep names.
class ShotsFile : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* path : {"zeroshot/boolq/val.jsonl", "zeroshot/piqa/valid.jsonl", "zeroshot/piqa/valid-labels.lst"}) {
      folder_.write(path, sample_file(std::string(path).find("boolq") != std::string::npos ? "boolq" : "piqa", path));
    }
  }

  Example example(const std::string& task, const std::string& file, int shots) {
    const auto source = folder_source(folder_.path());
    const ScriptedLanguageModel model;
    const auto made = Registry<Task>::instance().make(task, {{"shots", shots}, {"shots_file", file}});
    return made->examples(task_inputs(*source, model)).make(0);
  }

  TemporaryFolder folder_;
};

TEST_F(ShotsFile, IsThePool) {
  std::string rows;
  for (int i = 0; i < 3; ++i) rows += OrderedJson{{"question", fmt::format("is it {}", i)}, {"passage", "P"}, {"idx", i}, {"label", "true"}}.dump() + "\n";
  const auto absolute = folder_.write("train/boolq.jsonl", rows);
  const Example relative = example("boolq", "train/boolq.jsonl", 1);
  EXPECT_EQ(prompt_of(relative),
            fmt::format("P\nQuestion: is it {}?\nAnswer: yes\n\nNumbers -- Some are even.\nQuestion: is 0 even?\nAnswer:", relative.shots.at(0)));
  EXPECT_EQ(asked(example("boolq", absolute.string(), 1)), asked(relative));
  EXPECT_ERROR_HAS(example("boolq", "train/boolq.jsonl", 3), kInput, "3 shots are asked for and one more is drawn, but boolq train/boolq.jsonl has 3 rows");
}

// The authors' train split: activity, two parts of the context, WikiHow's marks; lm-eval capitalises the second part and cleans the whole.
TEST_F(ShotsFile, OfHellaswagMayBeTheOriginal) {
  folder_.write("zeroshot/hellaswag/hellaswag_val.jsonl", sample_file("hellaswag", ""));
  const OrderedJson row = {{"ind", 4},
                           {"activity_label", "Baking"},
                           {"ctx_a", "[header] How to bake [title] Mix it."},
                           {"ctx_b", "the COOK"},
                           {"ctx", "x"},
                           {"split", "train"},
                           {"split_type", "indomain"},
                           {"label", 2},
                           {"endings", {"[step] Goes.", "Sits.", "Eats [now] it.", "Runs."}},
                           {"source_id", "wikihow~1"}};
  folder_.write("train.jsonl", row.dump() + "\n" + row.dump() + "\n");
  EXPECT_EQ(prompt_of(example("hellaswag", "train.jsonl", 1)), "Baking: How to bake. Mix it. The cook Eats it.\n\nCounting: A man says 0. he");
}

TEST_F(ShotsFile, OfPiqaHasItsLabelsBesideIt) {
  folder_.write("piqa/train.jsonl", "{\"goal\": \"G\", \"sol1\": \"a\", \"sol2\": \"b\"}\n{\"goal\": \"G\", \"sol1\": \"a\", \"sol2\": \"b\"}\n");
  folder_.write("piqa/train-labels.lst", "1\n1\n");
  EXPECT_EQ(prompt_of(example("piqa", "piqa/train.jsonl", 1)), "Question: G\nAnswer: b\n\nQuestion: Count to 0.\nAnswer:");
}

// lm-eval 0.4.13 of these rows: an empty answer that is a text (WinoGrande's) leaves out the blank line too, one that is an index (PIQA's) does not.
TEST_F(ShotsFile, MayHoldEmptyAnswers) {
  folder_.write("zeroshot/winogrande/winogrande_xl_dev.jsonl", sample_file("winogrande", ""));
  const OrderedJson row = {{"sentence", "No rest _"}, {"option1", "cat"}, {"option2", "dog"}, {"answer", "1"}};
  folder_.write("gaps.jsonl", row.dump() + "\n" + row.dump() + "\n");
  EXPECT_EQ(prompt_of(example("winogrande", "gaps.jsonl", 1)), "No rest catBox 0 is in the bag as box");
  folder_.write("piqa/empty.jsonl", "{\"goal\": \"G\", \"sol1\": \"\", \"sol2\": \"b\"}\n{\"goal\": \"G\", \"sol1\": \"\", \"sol2\": \"b\"}\n");
  folder_.write("piqa/empty-labels.lst", "0\n0\n");
  EXPECT_EQ(prompt_of(example("piqa", "piqa/empty.jsonl", 1)), "Question: G\nAnswer: \n\nQuestion: Count to 0.\nAnswer:");
}

TEST_F(ShotsFile, IsReadInTheDataSetsFormat) {
  folder_.write("pool.jsonl", "{\"question\": \"q\", \"passage\": \"p\", \"idx\": 0, \"label\": 1}\n");
  EXPECT_ERROR_HAS(example("boolq", "pool.jsonl", 1), kInput, "pool.jsonl:1: \"label\" is 1; expected a string");
}

}  // namespace
}  // namespace winnow::test
