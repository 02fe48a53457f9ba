#include "harness/core/stopping.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "harness/core/error.h"
#include "harness/core/paired.h"
#include "harness/core/proportions.h"
#include "harness/core/python_random.h"

namespace winnow {
namespace {

using Stop = UntilSettings::Stop;
using Sequence = UntilSettings::Sequence;

constexpr std::size_t kLooksAtWidth = 100;  // of the whole task at most: the interval's width says little new more often

std::vector<std::size_t> shuffled(std::size_t count, PythonRandom& random) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

// Each stratum is shuffled; its k-th example of n then stands at (k + u)/n of the whole, u drawn once for the stratum.
std::vector<std::size_t> stratified_order(const std::vector<std::size_t>& stratum_of, const std::vector<std::int64_t>& population_of, PythonRandom& random) {
  std::vector<std::vector<std::size_t>> members(population_of.size());
  for (std::size_t i = 0; i < stratum_of.size(); ++i) members[stratum_of[i]].push_back(i);
  std::vector<std::pair<double, std::size_t>> places;
  for (const std::vector<std::size_t>& examples : members) {
    const double start = random.uniform(), count = static_cast<double>(examples.size());
    const std::vector<std::size_t> order = shuffled(examples.size(), random);
    for (std::size_t k = 0; k < order.size(); ++k) places.emplace_back((static_cast<double>(k) + start) / count, examples[order[k]]);
  }
  std::ranges::sort(places);
  std::vector<std::size_t> order;
  for (const auto& [place, example] : places) order.push_back(example);
  return order;
}

// Each look has the same factor more than the one before.
std::vector<std::size_t> growing_looks(std::size_t first, std::size_t all, std::size_t count) {
  std::vector<std::size_t> looks;
  const double factor = static_cast<double>(all) / static_cast<double>(first);
  for (std::size_t k = 0; k < count; ++k) {
    const double share = count == 1 ? 1 : static_cast<double>(k) / static_cast<double>(count - 1);
    const auto look = std::min(all, static_cast<std::size_t>(std::llround(static_cast<double>(first) * std::pow(factor, share))));
    if (looks.empty() || look > looks.back()) looks.push_back(look);
  }
  if (looks.back() != all) looks.push_back(all);
  return looks;
}

std::vector<std::size_t> even_looks(std::size_t first, std::size_t all) {
  const std::size_t step = std::max<std::size_t>(1, all / kLooksAtWidth);
  std::vector<std::size_t> looks;
  for (std::size_t look = first; look < all; look += step) looks.push_back(look);
  looks.push_back(all);
  return looks;
}

Sequence sequence_named(const std::string& name) {
  return name == "obrien_fleming" ? Sequence::kObrienFleming : name == "any_time" ? Sequence::kAnyTime : Sequence::kPocock;
}

const char* sequence_text(Sequence sequence) {
  return sequence == Sequence::kPocock ? "Pocock" : sequence == Sequence::kObrienFleming ? "O'Brien and Fleming" : "any-time";
}

}  // namespace

std::span<const Setting> until_declarations() {
  static const std::vector<Setting> settings = {
      {.name = "difference",
       .types = {SettingType::kNumber},
       .summary = "half-width of the interval to reach, or with \"stop\": \"decision\" by how much a variant may be worse",
       .required = true,
       .minimum = 1e-6,
       .maximum = 1},
      {.name = "confidence",
       .types = {SettingType::kNumber},
       .default_value = 0.95,
       .summary = "of the interval or decision",
       .minimum = 0.5,
       .maximum = 0.9999},
      {.name = "stop",
       .types = {SettingType::kString},
       .default_value = "width",
       .summary = "width: when the interval is narrow enough; decision: when it is known on which side of -difference it lies",
       .choices = {"width", "decision"}},
      {.name = "sequence",
       .types = {SettingType::kString},
       .default_value = "pocock",
       .summary = "how a decision's error is spent over the looks; any_time: a sequence that holds however often one looks, for width too",
       .choices = {"pocock", "obrien_fleming", "any_time"}},
      {.name = "looks", .types = {SettingType::kInteger}, .default_value = 12, .summary = "declared looks of a decision", .minimum = 1, .maximum = 100},
      {.name = "minimum",
       .types = {SettingType::kInteger},
       .default_value = 200,
       .summary = "examples before the first look",
       .minimum = 2,
       .maximum = 1000000000},
      {.name = "seed", .types = {SettingType::kInteger}, .default_value = 1234, .summary = "of the order of examples", .minimum = 0},
  };
  return settings;
}

UntilSettings until_settings(const Json& given) {
  const Params params = Params::check("until", until_declarations(), given);
  return {.difference = params.get<double>("difference"),
          .confidence = params.get<double>("confidence"),
          .stop = params.get<std::string>("stop") == "decision" ? Stop::kDecision : Stop::kWidth,
          .sequence = sequence_named(params.get<std::string>("sequence")),
          .looks = params.get<std::int64_t>("looks"),
          .minimum = params.get<std::int64_t>("minimum"),
          .seed = params.get<std::uint64_t>("seed")};
}

UntilRule::UntilRule(const UntilSettings& settings, const std::vector<std::string>& strata) : settings_(settings) {
  std::map<std::string, std::size_t> number_of;
  for (const std::string& name : strata) {
    const auto [found, is_new] = number_of.try_emplace(name, number_of.size());
    if (is_new) population_of_.push_back(0);
    stratum_of_.push_back(found->second);
    ++population_of_[found->second];
  }
  PythonRandom random(settings.seed);
  const bool is_any_time = settings.sequence == Sequence::kAnyTime;
  order_ = is_any_time ? shuffled(strata.size(), random) : stratified_order(stratum_of_, population_of_, random);
  const std::size_t all = strata.size(), first = std::min(static_cast<std::size_t>(settings.minimum), all);
  if (all == 0) return;
  const bool is_declared = settings.stop == Stop::kDecision && !is_any_time;
  looks_ = is_declared ? growing_looks(first, all, static_cast<std::size_t>(settings.looks)) : even_looks(first, all);
  if (!is_declared) return;
  const Spending spending = settings.sequence == Sequence::kPocock ? Spending::kPocock : Spending::kObrienFleming;
  std::vector<double> information, errors;
  const double population = static_cast<double>(all);
  for (const std::size_t look : looks_) {
    if (look == all) break;  // then everything is known
    const double n = static_cast<double>(look);
    information.push_back(1 / (1 / n - 1 / population));
    errors.push_back(spent_error(spending, n / population, 1 - settings.confidence));
  }
  boundaries_ = look_boundaries(information, errors);
}

UntilJudgement UntilRule::judge_at(std::span<const double> differences, double reach, const std::string& how) const {
  struct Sums {
    double count = 0, sum = 0, squares = 0;
  };
  std::vector<Sums> sums(population_of_.size());
  for (std::size_t i = 0; i < differences.size(); ++i) {
    Sums& stratum = sums[stratum_of_[order_[i]]];
    stratum.count += 1;
    stratum.sum += differences[i];
    stratum.squares += differences[i] * differences[i];
  }
  std::vector<StratumSample> samples;
  for (std::size_t h = 0; h < sums.size(); ++h) {
    const Sums& stratum = sums[h];
    StratumSample sample{.count = static_cast<std::int64_t>(stratum.count), .population = population_of_[h]};
    if (stratum.count > 0) sample.mean = stratum.sum / stratum.count;
    if (stratum.count > 1) sample.variance = std::max(0.0, stratum.squares - stratum.count * sample.mean * sample.mean) / (stratum.count - 1);
    samples.push_back(sample);
  }
  const Estimate estimate = stratified_mean(samples);
  const double n = static_cast<double>(differences.size()), population = static_cast<double>(order_.size());
  const double unseen = unseen_variance(n) * (1 - n / population);
  const double error = n == population ? 0 : std::sqrt(estimate.standard_error * estimate.standard_error + unseen);
  return {.stops = false,
          .examples = static_cast<std::int64_t>(differences.size()),
          .population = static_cast<std::int64_t>(order_.size()),
          .difference = estimate.value,
          .interval = error == 0 ? Interval{estimate.value, estimate.value} : Interval{estimate.value - reach * error, estimate.value + reach * error},
          .how = how};
}

UntilJudgement UntilRule::judge(std::span<const double> differences) const {
  const auto look = std::ranges::find(looks_, differences.size());
  WINNOW_CHECK(look != looks_.end());
  UntilJudgement judgement;
  if (settings_.sequence == Sequence::kAnyTime) {
    AnyTimeInterval sequence(static_cast<std::int64_t>(order_.size()), settings_.confidence);
    for (const double difference : differences) sequence.add(difference);
    judgement = judge_at(differences, 0, "empirical-Bernstein sequence, valid at any time");
    judgement.interval = sequence.interval();
  } else if (settings_.stop == Stop::kWidth) {
    judgement = judge_at(differences, normal_reach(settings_.confidence),
                         fmt::format("interval for a fixed number, stratified, of all {} examples; stopped on its width", order_.size()));
  } else {
    const auto number = static_cast<std::size_t>(look - looks_.begin());
    const double reach = number < boundaries_.size() ? boundaries_[number] : 0;
    judgement =
        judge_at(differences, reach,
                 fmt::format("look {} of {}, error spent after {}; boundary {:.4f}", number + 1, looks_.size(), sequence_text(settings_.sequence), reach));
  }
  const bool is_narrow = judgement.interval.high - judgement.interval.low <= 2 * settings_.difference;
  const bool is_decided = judgement.interval.low > -settings_.difference || judgement.interval.high < -settings_.difference;
  judgement.stops = differences.size() == order_.size() || (settings_.stop == Stop::kWidth ? is_narrow : is_decided);
  return judgement;
}

}  // namespace winnow
