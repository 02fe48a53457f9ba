#include "harness/sweep/run_cell.h"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

#include "harness/api/task.h"
#include "harness/core/clock.h"
#include "harness/sweep/example_slice.h"
#include "harness/sweep/until_examples.h"

namespace winnow {

void saving(const std::function<void()>& save) {
  try {
    save();
  } catch (...) {
    throw LogFailure{std::current_exception()};
  }
}

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kMaxUnsavedAnswers = 512;
constexpr double kSecondsBetweenScores = 2;

AnswerSettings answer_settings(const Json& settings) {
  AnswerSettings result;
  if (settings.contains("max_length")) result.max_length = settings["max_length"].get<int>();
  if (settings.contains("add_bos")) result.add_bos = settings["add_bos"].get<bool>();
  if (settings.contains("profile")) result.profile = settings["profile"].get<std::string>();
  return result;
}

class CellRunner {
 public:
  explicit CellRunner(const CellRun& run)
      : run_(run),
        model_(*run.opened.model),
        spec_(run.sweep.tasks[run.cell.task_index]),
        task_(Registry<Task>::instance().make(spec_.task, spec_.settings)),
        spent_(Spent::from_map(run.trial.seconds)) {
    for (const auto& [phase, seconds] : run.opened.seconds) spent_.seconds[phase] += seconds;
    spent_.seconds["total"] +=
        std::accumulate(run.opened.seconds.begin(), run.opened.seconds.end(), 0.0, [](double sum, const auto& phase) { return sum + phase.second; });
    if (runs_here()) spent_.raise_peaks(run.load_peaks);
    counted_ = model_.counters();
  }

  std::optional<TrialEnd> run() {
    TaskInputs inputs{.datasets = &run_.datasets, .encode = {}, .bos_id = run_.opened.bos_id};
    inputs.encode = [this](std::string_view text) { return model_.encode(text, LanguageModel::Special::kAdd); };
    const ExampleList examples = task_->examples(inputs);
    if (spec_.settings.contains("limit")) documents_ = examples.documents;
    run_.progress.examples_total = examples.count;
    run_.progress.examples_done = run_.trial.answered.size();
    if (!run_.trial.answered.empty()) scored_ = run_.log.answers(run_.trial.id);
    if (const std::optional<UntilSettings> until = until_of(run_.cell)) return run_until(*until, examples);
    return ask(examples) == Continue::kYes ? std::optional(end()) : std::nullopt;
  }

 private:
  // Asks what has no answer yet; kNo when it was told to stop before the end.
  Continue ask(const ExampleList& examples) {
    ExampleSlicer slicer(examples, run_.trial.answered);
    while (true) {
      if (run_.controls.should_stop && run_.controls.should_stop()) return Continue::kNo;
      const std::optional<ExampleSlice> slice = slicer.next();
      if (!slice) return Continue::kYes;
      Continue go_on = Continue::kNo;
      try {
        go_on = answer(*slice);
      } catch (...) {
        save();  // what was answered stands, whatever ended the rest
        throw;
      }
      save();
      if (go_on == Continue::kNo) return Continue::kNo;
    }
  }

  // Examples in a drawn order, look by look, until enough is known of the difference from the unpruned model.
  std::optional<TrialEnd> run_until(const UntilSettings& settings, const ExampleList& examples) {
    std::vector<ScoredAnswer> reference;
    saving([&] { reference = run_.log.answers_of_cell(unpruned_key(run_.cell)); });
    UntilExamples until(settings, examples, *task_, sorted(std::move(reference)));
    while (const std::optional<ExampleList> batch = until.next(scored_)) {
      run_.progress.examples_total = until.asked_in_all();
      if (ask(*batch) == Continue::kNo) return std::nullopt;
    }
    TrialEnd ended = end();
    const UntilJudgement& judgement = until.judgement();
    ended.reason =
        fmt::format("{} of {} examples; difference from the unpruned model {:+.4f} ({:+.4f} … {:+.4f}, {:g} %): {}", judgement.examples, judgement.population,
                    judgement.difference, judgement.interval.low, judgement.interval.high, 100 * settings.confidence, judgement.how);
    const std::vector<Metric> metrics = until.metrics();
    ended.metrics.insert(ended.metrics.end(), metrics.begin(), metrics.end());
    return ended;
  }

  Continue answer(const ExampleSlice& slice) {
    std::vector<std::vector<Response>> responses(slice.examples.size());
    std::vector<std::size_t> missing(slice.examples.size());
    for (std::size_t e = 0; e < slice.examples.size(); ++e) responses[e].resize(missing[e] = slice.examples[e].requests.size());
    Continue go_on = Continue::kYes;
    const auto on_response = [&](std::size_t request, const Response& response) {
      const std::size_t e = slice.owner.at(request);
      responses[e][request - slice.first[e]] = response;
      WINNOW_CHECK(missing[e] > 0);
      if (--missing[e] == 0) record(slice.examples[e], std::exchange(responses[e], {}));
      if (unsaved_.size() >= kMaxUnsavedAnswers || seconds_since(saved_at_) >= run_.controls.save_every_seconds / 2) save();
      if (seconds_since(reported_at_) >= kSecondsBetweenReports) report();
      check_limits();
      if (run_.controls.should_stop && run_.controls.should_stop()) go_on = Continue::kNo;
      return go_on;
    };
    try {
      model_.answer(slice.requests, answer_settings(spec_.settings), on_response);
    } catch (const Error& error) {
      const auto first = std::find_if(missing.begin(), missing.end(), [](std::size_t count) { return count > 0; });
      if (!run_.cell.identity["model"].contains("recorded_sha256") || first == missing.end()) throw;
      const ExampleRecord& record = slice.examples[static_cast<std::size_t>(first - missing.begin())].record;  // recorded outputs answer in order
      throw Error(error.kind(), fmt::format("{} document {}: {}", record.leaf, record.doc_id, error.what()));
    }
    if (run_.controls.should_stop && run_.controls.should_stop()) go_on = Continue::kNo;  // a model that waits for a server stops by itself
    if (go_on == Continue::kYes) WINNOW_CHECK(std::all_of(missing.begin(), missing.end(), [](std::size_t count) { return count == 0; }));
    return go_on;
  }

  void check_limits() const {
    const Limits& limits = run_.sweep.limits;
    if (limits.seconds > 0 && seconds_since(began_at_) > limits.seconds)
      throw std::runtime_error(fmt::format("timed out after {:.0f} s: limits.seconds is {}", seconds_since(began_at_), limits.seconds));
    if (limits.tokens > 0 &&
        spent_.tokens_forwarded + static_cast<double>(model_.counters().tokens_forwarded - counted_.tokens_forwarded) > static_cast<double>(limits.tokens))
      throw std::runtime_error(fmt::format("more than the {} tokens of limits.tokens went through the layers", limits.tokens));
  }

  void record(const Example& example, const std::vector<Response>& responses) {
    RecordedAnswer recorded{
        .example = example.record, .prompt = example.requests.empty() ? "" : prompt_of(example.requests[0]), .arguments = arguments_of(example.requests)};
    for (std::size_t i = 0; i < responses.size(); ++i) {
      if (std::holds_alternative<GenerateRequest>(example.requests[i])) {
        recorded.raw_reply = responses[i].text;
      } else {
        recorded.log_likelihoods.push_back(responses[i].log_likelihood);
        recorded.greedy.push_back(responses[i].is_greedy);
      }
    }
    recorded.contexts = contexts_of(example.requests);
    recorded.answers = task_->grade(example, responses);
    for (const Answer& answer : recorded.answers) scored_.push_back({recorded.example.leaf, recorded.example.doc_id, answer.filter, answer.values});
    unsaved_.push_back(std::move(recorded));
    ++run_.progress.examples_done;
  }

  void save() {
    if (!unsaved_.empty()) {
      measure();
      saving([&] { run_.log.append(run_.trial.id, unsaved_, spent_.as_map()); });
      unsaved_.clear();
    }
    saved_at_ = Clock::now();
  }

  // What is answered elsewhere takes its memory there.
  bool runs_here() const { return !run_.sweep.models[run_.cell.model_index].is_answered_elsewhere(); }

  void measure() {
    const WorkCounters now = model_.counters();
    spent_.add_work(counted_, now);
    counted_ = now;
    spent_.seconds["total"] += seconds_since(std::exchange(measured_at_, Clock::now()));
    if (runs_here()) spent_.raise_peaks(run_.memory.peaks());
    if (run_.opened.device_peak_bytes) spent_.device_peak_bytes = std::max(spent_.device_peak_bytes, static_cast<double>(run_.opened.device_peak_bytes()));
  }

  void report() {
    if (!run_.controls.on_progress) return;
    reported_at_ = Clock::now();
    run_.progress.counters = model_.counters();
    if (seconds_since(scored_at_) >= kSecondsBetweenScores) score();
    run_.controls.on_progress(run_.progress);
  }

  // A task may need answers that are not there yet; then there is no score to show.
  void score() {
    scored_at_ = Clock::now();
    run_.progress.score.reset();
    try {
      const std::vector<Metric> metrics = task_->aggregate(sorted(scored_));
      if (!metrics.empty()) run_.progress.score = metrics.front();
    } catch (const std::exception&) {}
  }

  // Answers come in the order they were finished, which a resumed run changes; sums in the order of documents are the same to the last digit.
  static std::vector<ScoredAnswer> sorted(std::vector<ScoredAnswer> answers) {
    std::ranges::stable_sort(answers, {}, [](const ScoredAnswer& answer) { return std::tie(answer.leaf, answer.doc_id); });
    return answers;
  }

  TrialEnd end() {
    if (run_.opened.check_unchanged) run_.opened.check_unchanged();
    std::vector<ScoredAnswer> saved;
    saving([&] { saved = run_.log.answers(run_.trial.id); });
    TrialEnd end{.metrics = task_->aggregate(sorted(std::move(saved)))};
    measure();
    report();
    end.seconds = spent_.seconds;
    for (const auto& [leaf, count] : documents_) {
      Metric& documents = end.metrics.emplace_back();
      documents.name = "documents";
      documents.unit = "examples";
      documents.value = static_cast<double>(documents.count = count);
      documents.leaf = leaf;
    }
    const std::vector<Metric> measured = spent_.metrics();
    end.metrics.insert(end.metrics.end(), run_.opened.metrics.begin(), run_.opened.metrics.end());
    end.metrics.insert(end.metrics.end(), measured.begin(), measured.end());
    return end;
  }

  const CellRun& run_;
  LanguageModel& model_;
  const TaskSpec& spec_;
  std::unique_ptr<Task> task_;
  std::map<std::string, std::int64_t> documents_;  // of each leaf, under a limit
  Spent spent_;
  WorkCounters counted_;
  std::vector<RecordedAnswer> unsaved_;
  std::vector<ScoredAnswer> scored_;  // for the running score
  const Clock::time_point began_at_ = Clock::now();
  Clock::time_point saved_at_ = began_at_, measured_at_ = saved_at_, reported_at_ = saved_at_, scored_at_{};
};

}  // namespace

std::optional<TrialEnd> run_cell(const CellRun& run) { return CellRunner(run).run(); }

}  // namespace winnow
