#include "results/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "harness/core/json.h"
#include "tests/results/sample_trials.h"
#include "tests/support/errors.h"

namespace winnow {
namespace {

using test::make_cell;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Trial make_trial(const std::string& model, const std::string& variant, const std::string& task, std::vector<Metric> metrics) {
  Trial trial;
  trial.cell = make_cell(model, variant, task);
  trial.cell.key = model + variant + task;
  trial.sweep = "first-look";
  trial.status = TrialStatus::kOk;
  trial.started_at = "2026-11-22T08:00:17.123Z";
  trial.metrics = std::move(metrics);
  trial.environment = {{"commit", "abc"}};
  return trial;
}

Metric accuracy(double value, double standard_error) { return {"exact_match", "strict-match", value, standard_error, "share", true, 40}; }
Metric perplexity(double value) { return {"word_perplexity", "none", value, std::nullopt, "perplexity", false, 62}; }
Metric peak(double bytes) { return {"peak_bytes", "none", bytes, std::nullopt, "bytes", false, 1}; }

Trial failed(Trial trial, TrialStatus status, const std::string& reason) {
  trial.status = status;
  trial.reason = reason;
  trial.metrics.clear();
  return trial;
}

std::vector<Trial> sample_trials() {
  std::vector<Trial> trials;
  trials.push_back(make_trial("tiny", "random-6", "gsm8k", {accuracy(0.25, 0.0693375), peak(3.5 * (1 << 20))}));
  trials.push_back(make_trial("tiny", "random-6", "wikitext", {perplexity(12.5), peak(2.0 * (1u << 31))}));
  trials.push_back(make_trial("tiny", "dense", "gsm8k", {accuracy(0.5, 0.0800640), peak(1 << 20), {"ties", "none", 2, std::nullopt, "examples", false, 40}}));
  trials.push_back(make_trial("tiny", "dense", "wikitext", {perplexity(10.25)}));
  trials.push_back(failed(make_trial("tiny", "broken", "gsm8k", {}), TrialStatus::kFailed, "non-finite logits at layer 1, position 7"));
  trials.push_back(failed(make_trial("theirs", "dense", "wikitext", {}), TrialStatus::kSkipped, "no tokenizer | needed"));
  return trials;
}

TEST(Report, MarkdownAsAWhole) {
  EXPECT_EQ(report_markdown(rank(sample_trials())),
            "| model | variant | gsm8k (exact_match, strict-match, n = 40) ↑ | wikitext (word_perplexity, n = 62) ↓ | peak memory |\n"
            "| --- | --- | ---: | ---: | ---: |\n"
            "| tiny | dense | 0.5000 ± 0.0801 \\[1\\] | 10.2500 | 1.0 MiB |\n"
            "| tiny | random-6 | 0.2500 ± 0.0693 | 12.5000 | 4.00 GiB |\n"
            "| tiny | broken | failed \\[2\\] | – | – |\n"
            "| theirs | dense | – | skipped \\[3\\] | – |\n"
            "\n"
            "Best mean rank over the tasks first. ± is one standard error; ↑ higher is better, ↓ lower is better.\n"
            "\n"
            "1. tiny · dense · gsm8k: 2 exact ties, decided for the lowest choice\n"
            "2. tiny · broken · gsm8k: failed: non-finite logits at layer 1, position 7\n"
            "3. theirs · dense · wikitext: skipped: no tokenizer \\| needed\n");
}

TEST(Report, SaysWhatGenerationSettingsWereNotApplied) {
  const Json environment = {{"generation_settings_ignored", {{"tiny", {"repetition_penalty 1.05"}}, {"other", {"no_repeat_ngram_size 3"}}}}};
  Trial generated = make_trial("tiny", "dense", "gsm8k", {accuracy(0.5, 0.1), {"replies_truncated", "none", 0, std::nullopt, "examples", false, 40}});
  Trial scored = make_trial("tiny", "dense", "wikitext", {perplexity(10)});
  generated.environment = scored.environment = environment;
  const std::string text = report_markdown(rank({generated, scored}));
  EXPECT_THAT(text, HasSubstr("| 0.5000 ± 0.1000 \\[1\\] | 10.0000 |"));
  EXPECT_THAT(text,
              HasSubstr("1. tiny: generation_config.json sets repetition_penalty 1.05, which transformers applies to replies and this engine does not\n"));
}

TEST(Report, CsvAsAWhole) {
  std::vector<Trial> trials = sample_trials();
  trials.erase(trials.begin() + 1, trials.begin() + 4);
  trials[0].metrics[0].value = -0.1;
  EXPECT_EQ(report_csv(rank(trials)),
            "model,variant,task,task_label,status,reason,sweep,started_at,cell_key,leaf,metric,filter,value,stderr,unit,higher_is_better,n,is_headline\n"
            "tiny,random-6,gsm8k,gsm8k,ok,,first-look,2026-11-22T08:00:17.123Z,tinyrandom-6gsm8k,,exact_match,strict-match,-0.1,0.0693375,share,1,40,1\n"
            "tiny,random-6,gsm8k,gsm8k,ok,,first-look,2026-11-22T08:00:17.123Z,tinyrandom-6gsm8k,,peak_bytes,none,3670016,,bytes,0,1,0\n"
            "tiny,broken,gsm8k,gsm8k,failed,\"non-finite logits at layer 1, position 7\",first-look,2026-11-22T08:00:17.123Z,tinybrokengsm8k,,,,,,,,,\n"
            "theirs,dense,wikitext,wikitext,skipped,no tokenizer | needed,first-look,2026-11-22T08:00:17.123Z,theirsdensewikitext,,,,,,,,,\n");
}

TEST(Report, JsonHasRowsAndTrials) {
  const Json report = parse_json(report_json(rank(sample_trials())), "report");
  EXPECT_EQ(report["tasks"], Json::array({"gsm8k", "wikitext"}));
  EXPECT_EQ(report["rows"][0]["variant"], "dense");
  EXPECT_EQ(report["rows"][0]["scores"]["gsm8k"]["stderr"], 0.0800640);
  EXPECT_EQ(report["rows"][0]["mean_rank"], 1.0);
  EXPECT_EQ(report["trials"].size(), 6u);
  EXPECT_EQ(report["trials"][2]["caveats"]["ties"], 2);
  EXPECT_EQ(report["trials"][4]["reason"], "non-finite logits at layer 1, position 7");
}

TEST(Report, HostileNamesStayText) {
  const std::string name = "=HYPERLINK(\"http://x\")|<script>`@everyone`\x1b[2J\xff\n::error::boo";
  const Leaderboard board = rank({failed(make_trial(name, "+1+cmd|' /C calc'!A0", "gsm8k", {}), TrialStatus::kFailed, name)});
  const std::string markdown = report_markdown(board);
  EXPECT_THAT(markdown, HasSubstr("=HYPERLINK(\"http://x\")\\|&lt;script&gt;\\`&#64;everyone\\`"));
  EXPECT_THAT(markdown, Not(HasSubstr("\n::")));
  const std::string csv = report_csv(board);
  EXPECT_THAT(csv, HasSubstr("\n\"'=HYPERLINK(\"\"http://x\"\")|<script>`@everyone`"));
  EXPECT_THAT(csv, HasSubstr(",'+1+cmd|' /C calc'!A0,"));
  const std::string json = report_json(board);
  EXPECT_THAT(parse_json(json, "report")["rows"][0]["model"].get<std::string>(), HasSubstr("\xEF\xBF\xBD"));
  for (const std::string& text : {markdown, csv, json}) {
    for (const char byte : text) {
      EXPECT_TRUE(byte == '\n' || static_cast<unsigned char>(byte) >= 0x20) << static_cast<int>(byte);
      EXPECT_NE(byte, '\x7f');
    }
  }
}

TEST(Report, NumbersThatAreNoneAreSaid) {
  Trial trial = make_trial("tiny", "dense", "wikitext", {perplexity(std::numeric_limits<double>::infinity())});
  trial.metrics.push_back({"byte_perplexity", "none", std::numeric_limits<double>::quiet_NaN(), std::nan(""), "perplexity", false, 0});
  const Leaderboard board = rank({trial});
  EXPECT_THAT(report_markdown(board), HasSubstr("| ∞ |"));
  EXPECT_THAT(report_csv(board), HasSubstr("word_perplexity,none,inf,,"));
  EXPECT_EQ(parse_json(report_json(board), "report")["trials"][0]["metrics"][1]["value"], "nan");
}

TEST(Report, UnverifiedDataIsMarked) {
  Trial trial = make_trial("tiny", "dense", "gsm8k", {accuracy(1, 0)});
  trial.cell.identity = {{"task", {{"data", {{{"dataset", "gsm8k"}, {"edition", "unverified"}}}}}}};
  EXPECT_THAT(report_markdown(rank({trial})), HasSubstr("1. on unverified data"));
}

TEST(Report, AnEmptyStoreSaysSo) { EXPECT_EQ(report_markdown(rank({})), "No trials yet.\n"); }

TEST(Leaderboard, EqualScoresShareTheirRank) {
  const Leaderboard board = rank({make_trial("m", "a", "gsm8k", {accuracy(0.5, 0)}), make_trial("m", "b", "gsm8k", {accuracy(0.5, 0)}),
                                  make_trial("m", "c", "gsm8k", {accuracy(0.75, 0)})});
  EXPECT_EQ(board.rows[0].variant, "c");
  EXPECT_EQ(board.rows[0].mean_rank, 1.0);
  EXPECT_EQ(board.rows[1].mean_rank, 2.5);
  EXPECT_EQ(board.rows[2].mean_rank, 2.5);
}

TEST(Leaderboard, JoinsCostsOverTheTasksOfARow) {
  const auto with_costs = [](const std::string& task, double rate, double seconds, double tokens) {
    Trial trial = make_trial("m", "dense", task,
                             {accuracy(1, 0),
                              {"prefill_tokens_per_second", "none", rate, std::nullopt, "tokens/s", true, 1},
                              {"tokens_forwarded", "none", tokens, std::nullopt, "tokens", false, 1}});
    trial.seconds["prefill"] = seconds;
    return trial;
  };
  const Leaderboard board = rank({with_costs("a", 100, 1, 100), with_costs("b", 400, 3, 1200)});
  EXPECT_THAT(board.costs, ElementsAre("prefill_tokens_per_second", "tokens_forwarded"));
  EXPECT_EQ(board.rows[0].costs[0]->value, 325);
  EXPECT_EQ(board.rows[0].costs[1]->value, 1300);
}

TEST(Leaderboard, OfTwoResultsUnderTheSameNamesTheNewerGoodOneIsShown) {
  Trial older = make_trial("m", "dense", "gsm8k", {accuracy(0.25, 0)}), newer = make_trial("m", "dense", "gsm8k", {accuracy(0.5, 0)});
  const Leaderboard board = rank({older, newer, failed(older, TrialStatus::kFailed, "no")});
  EXPECT_EQ(board.rows[0].cells[0].headline->value, 0.5);
  EXPECT_EQ(board.hidden_trials, 2u);
  EXPECT_THAT(report_markdown(board), HasSubstr("2 other results under the same names not shown.\n"));
}

TEST(Report, MarkdownShowsTheDifferenceFromTheWholeModelInPlaceOfTheStandardError) {
  Leaderboard board = rank(sample_trials());
  board.has_differences = true;
  for (LeaderboardRow& row : board.rows) {
    if (row.model != "tiny" || row.variant != "random-6") continue;
    row.cells[0].difference = PairedChange{.value = -0.25, .interval = {-0.4, -0.1}, .is_ratio = false};
    row.cells[1].difference = PairedChange{.value = 1.2, .interval = {0.99, 1.5}, .is_ratio = true};
  }
  const std::string text = report_markdown(board);
  EXPECT_THAT(text, HasSubstr("| 0.2500 (-0.2500 \\[-0.4000, -0.1000\\]) | 12.5000 (×1.2000 \\[0.9900, 1.5000\\] no difference shown) |"));
  EXPECT_THAT(text, HasSubstr("paired 95 % interval"));
}

TEST(Report, InShortHoldsThePlaceOfASignThatOnlySomeRowsHave) {
  Leaderboard board = rank(sample_trials());
  board.has_differences = true;
  for (LeaderboardRow& row : board.rows) {
    if (row.variant != "random-6") continue;
    row.cells[0].difference = PairedChange{.value = -0.25, .interval = {-0.4, -0.1}, .is_ratio = false};
    row.cells[1].difference = PairedChange{.value = 1.2, .interval = {0.99, 1.5}, .is_ratio = true};
  }
  const std::string text = report_markdown(board, Wording::kShort);
  EXPECT_THAT(text, HasSubstr("| 0.2500 \u00a0 -0.2500 \\[-0.4000, -0.1000\\] | 12.5000 ~ ×1.2000 \\[0.9900, 1.5000\\] |"));
  EXPECT_THAT(text, HasSubstr("~: no difference shown"));
  EXPECT_THAT(text, Not(HasSubstr("In brackets")));
}

TEST(Report, NumbersStandAsPeopleReadThem) {
  EXPECT_EQ(shown_number(96, "experts"), "96");
  EXPECT_EQ(shown_number(10.0521, "experts"), "10.05");
  EXPECT_EQ(shown_number(33795, "tokens"), "33795");
  EXPECT_EQ(shown_number(3, "matrices"), "3");
  EXPECT_EQ(shown_number(11688384, "parameters"), "11.69 M");
  EXPECT_EQ(shown_number(46702792704, "parameters"), "46.70 B");
  EXPECT_EQ(shown_number(23413632, "bytes"), "22.3 MiB");
  EXPECT_EQ(shown_number(-1536, "bytes"), "-1.5 KiB");
  EXPECT_EQ(shown_number(-2.0 * (1 << 30), "bytes"), "-2.00 GiB");
  EXPECT_EQ(shown_number(2.12277e10, "bytes/s"), "19.77 GiB/s");
  EXPECT_EQ(shown_number(0.00329, "seconds"), "0.00329");
  EXPECT_EQ(shown_number(12.345, "seconds"), "12.35");
  EXPECT_EQ(shown_number(0.5, "share"), "0.5000");
}

TEST(Leaderboard, SizesAreThoseMeasuredWhereTheyWere) {
  const auto size = [](double bytes) { return Metric{"stored_bytes", "none", bytes, std::nullopt, "bytes", false, 1}; };
  Trial footprint = make_trial("m", "dense", "footprint", {size(110)});
  footprint.cell.identity["task"] = {{"task", "footprint"}, {"measures", "engine"}};
  const Leaderboard board =
      rank({make_trial("m", "dense", "gsm8k", {accuracy(1, 0)}), footprint, make_trial("m", "half", "gsm8k", {accuracy(0.5, 0), size(50)})});
  EXPECT_EQ(board.rows[0].costs[0]->value, 110);  // a whole model has no plan that says it
  EXPECT_EQ(board.rows[1].costs[0]->value, 50);
}

Metric stored(double bytes) { return {"stored_bytes", "none", bytes, std::nullopt, "bytes", false, 1}; }
Metric share(const std::string& name, double value, const std::string& leaf = "", std::int64_t count = 1) {
  return {name, "none", value, std::nullopt, "share", true, count, leaf};
}

TEST(Report, SvgPlacesScoresByTheBytesTheyTakeAndSaysWhatABitmapWouldTake) {
  std::vector<Trial> trials;
  trials.push_back(make_trial("tiny", "dense", "gsm8k", {accuracy(0.5, 0.08), stored(4096)}));
  trials.push_back(make_trial("tiny", "half", "gsm8k", {accuracy(0.25, 0.07), stored(2048), share("expert_sparsity", 0.5)}));
  trials.push_back(
      make_trial("tiny", "<wanda>", "gsm8k", {accuracy(0.4, 0.07), stored(4096), share("masked_matrices", 3), share("zero_share", 0.5, "linears", 2000)}));
  const std::string svg = report_svg(rank(trials), "gsm8k");
  EXPECT_THAT(svg, testing::StartsWith("<svg"));
  EXPECT_THAT(svg, HasSubstr(">&lt;wanda&gt; 0.4000</text>"));
  EXPECT_THAT(svg, HasSubstr(">experts removed</text>"));
  EXPECT_THAT(svg, HasSubstr(">weights masked</text>"));
  // x = 70 + 590 · bytes / (1.05 · 4096): 4096 bytes, half of them, and 4096 − 4000 · 0.5 + 4000 / 16.
  EXPECT_THAT(svg, HasSubstr("<circle cx=\"631.9\" cy="));
  EXPECT_THAT(svg, HasSubstr("<circle cx=\"351.0\" cy="));
  EXPECT_THAT(svg, HasSubstr("<circle cx=\"391.8\" cy="));
  EXPECT_THAT(svg, HasSubstr(">weights as stored in the format executed; hollow: what a bitmap of the masked weights would take</text>"));
  EXPECT_THAT(svg, HasSubstr(">gsm8k: exact_match against stored size, n = 40, bars: 95 %</text>"));
}

TEST(Report, SvgHasRoundTicks) {
  const double mebi = 1024 * 1024;
  const std::string svg = report_svg(rank({make_trial("tiny", "dense", "gsm8k", {accuracy(0.5, 0.08), stored(22 * mebi)}),
                                           make_trial("tiny", "half", "gsm8k", {accuracy(0, 0.01), stored(11 * mebi)})}),
                                     "gsm8k");
  EXPECT_THAT(svg, HasSubstr(">5.0 MiB</text>"));
  EXPECT_THAT(svg, HasSubstr(">20.0 MiB</text>"));
  EXPECT_THAT(svg, HasSubstr(">0</text>"));
  EXPECT_THAT(svg, Not(HasSubstr(">-0</text>")));
}

TEST(Report, SvgIsXmlWhateverTheNamesAreAndCutsOnlyThem) {
  const std::string name = "\"<a&b>\uFFFE\x01" + std::string(200, 'x');
  const std::string svg = report_svg(rank({make_trial("tiny", name, "gsm8k", {accuracy(0.5, 0.08), stored(4096)})}), "gsm8k");
  EXPECT_THAT(svg, HasSubstr(">&quot;&lt;a&amp;b&gt;\\u{fffe}\\x01xxx"));
  EXPECT_THAT(svg, HasSubstr("x… 0.5000</text>"));
  EXPECT_THAT(svg, HasSubstr("what a bitmap of the masked weights would take</text>"));
}

TEST(Report, SvgEndsWhateverTheNumbersAre) {
  const double infinity = std::numeric_limits<double>::infinity();
  const auto perplexity = [](double value) { return Metric{"word_perplexity", "none", value, std::nullopt, "perplexity", false, 5}; };
  EXPECT_ERROR_HAS(report_svg(rank({make_trial("tiny", "dense", "gsm8k", {accuracy(0.5, 0.08), stored(infinity)})}), ""), kInput, "no row has both");
  // Steps between the two are lost beside 1e20.
  const std::string far = report_svg(rank({make_trial("tiny", "dense", "wikitext", {perplexity(1e20), stored(0)}),
                                           make_trial("tiny", "half", "wikitext", {perplexity(1e20 + 49152), stored(0)})}),
                                     "");
  const std::string same = report_svg(rank({make_trial("tiny", "dense", "wikitext", {perplexity(1e20), stored(4096)})}), "");
  EXPECT_THAT(far + same, testing::Not(HasSubstr("nan")));
}

TEST(Report, SvgSaysWhatIsMissing) {
  EXPECT_ERROR_HAS(report_svg(rank(sample_trials()), "gsm8k"), kInput, "add {\"task\": \"footprint\"}");
  EXPECT_ERROR_HAS(report_svg(rank(sample_trials()), "mmlu"), kInput, "no row has a score of task 'mmlu'; the stores hold: gsm8k, wikitext");
}

}  // namespace
}  // namespace winnow
