#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "harness/core/digest.h"
#include "harness/core/statistics.h"
#include "results/store_impl.h"
#include "results/trial_digest.h"

namespace winnow {
namespace {

constexpr std::size_t kMostFaultsOfAKind = 20;

// A table whose rows carry the SHA-256 of one of their texts.
struct DigestedText {
  const char* what;
  const char* question;  // name of the row, its digest, the text, and its exact bytes where they are not text
};
constexpr DigestedText kDigestedTexts[] = {{"cell", "SELECT model || ' · ' || variant || ' · ' || task_label, key, identity_json, NULL FROM cells"},
                                           {"sweep", "SELECT name, sweep_sha256, sweep_json, NULL FROM sweeps"},
                                           {"environment", "SELECT id, sha256, environment_json, NULL FROM environment"},
                                           {"plan", "SELECT substr(sha256, 1, 12), sha256, plan_json, NULL FROM plans"},
                                           {"prompt", "SELECT substr(sha256, 1, 12), sha256, text, text_bytes FROM prompts"},
                                           {"arguments", "SELECT id, sha256, arguments_json, NULL FROM arguments"},
                                           {"document of", "SELECT task || ' ' || doc_id, doc_hash, doc_json, NULL FROM examples"},
                                           {"target of", "SELECT task || ' ' || doc_id, target_hash, target, NULL FROM examples"}};

// Bytes that are no text stand in the store with U+FFFD in their place, so that their digest cannot be taken again.
bool holds_replacements(std::string_view text) { return text.find("\xEF\xBF\xBD") != std::string_view::npos; }

bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

std::string shown(const std::optional<double>& value) { return value && !std::isnan(*value) ? fmt::format("{}", *value) : "none"; }

class Verifier {
 public:
  Verifier(SQLite::Database& database, const Store::Recompute& recompute) : database_(database), recompute_(recompute) {}

  Store::Verified run() {
    check_pages();
    for (const DigestedText& text : kDigestedTexts) check_texts(text);
    const bool has_digests = database_.tableExists("trial_digests");
    SQLite::Statement trials(
        database_,
        std::string("SELECT trials.id, cells.model || ' · ' || cells.variant || ' · ' || cells.task_label, trials.status, cells.identity_json, cells.task, ") +
            (has_digests ? "coalesce(trial_digests.sha256, '')" : "''") + " FROM trials JOIN cells ON cells.key = trials.cell_key " +
            (has_digests ? "LEFT JOIN trial_digests ON trial_digests.trial_id = trials.id " : "") + "ORDER BY trials.id");
    while (trials.executeStep()) {
      const std::int64_t id = trials.getColumn(0).getInt64();
      const std::string name = fmt::format("trial {} ({})", id, trials.getColumn(1).getString()), status = trials.getColumn(2).getString();
      if (status == "running") {
        ++result_.unfinished;
        continue;
      }
      ++result_.trials;
      check_digest(id, name, trials.getColumn(5).getString());
      if (status == "ok") check_metrics(id, name, trials.getColumn(4).getString(), trials.getColumn(3).getString());
    }
    return std::move(result_);
  }

 private:
  void fault(std::string sentence) { result_.faults.push_back(std::move(sentence)); }

  void check_pages() {
    SQLite::Statement pages(database_, fmt::format("PRAGMA integrity_check({})", kMostFaultsOfAKind));
    while (pages.executeStep()) {
      if (pages.getColumn(0).getString() != "ok") fault("the file: " + pages.getColumn(0).getString());
    }
    SQLite::Statement rows(database_, "PRAGMA foreign_key_check");
    for (std::size_t i = 0; i < kMostFaultsOfAKind && rows.executeStep(); ++i)
      fault(fmt::format("{} row {}: it names a row of {} that is not there", rows.getColumn(0).getString(), rows.getColumn(1).getInt64(),
                        rows.getColumn(2).getString()));
  }

  void check_texts(const DigestedText& kind) {
    SQLite::Statement rows(database_, kind.question);
    std::size_t faults = 0;
    while (rows.executeStep() && faults < kMostFaultsOfAKind) {
      const std::string text = rows.getColumn(rows.getColumn(3).isNull() ? 2 : 3).getString();
      if (sha256_hex(text) == rows.getColumn(1).getString() || holds_replacements(text)) continue;
      fault(
          fmt::format("{} {}: its text has not the digest {} that it is kept under", kind.what, rows.getColumn(0).getString(), rows.getColumn(1).getString()));
      ++faults;
    }
  }

  void check_digest(std::int64_t id, const std::string& name, const std::string& kept) {
    if (kept.empty()) {
      ++result_.without_digest;
    } else if (trial_sha256(database_, id) != kept) {
      fault(name + ": its metrics, answers or times are not those that it ended with");
    }
  }

  void check_metrics(std::int64_t id, const std::string& name, const std::string& task, const std::string& identity) {
    std::vector<ScoredAnswer> answers = scored_answers(database_, id);
    if (answers.empty()) return;  // a measurement
    std::vector<Metric> recomputed;
    try {
      recomputed = recompute_(task, json_from_column(identity, "identity_json"), std::move(answers));
    } catch (const std::exception& failure) {
      result_.not_recomputed.push_back(fmt::format("{}: {}", name, failure.what()));
      return;
    }
    ++result_.recomputed;
    const std::vector<Metric> kept = read_metrics(database_, id);
    for (const Metric& metric : recomputed) {
      const std::string leaf = readable_text(metric.leaf), named = readable_text(metric.name), filter = readable_text(metric.filter);
      const auto found = std::ranges::find_if(kept, [&](const Metric& other) { return other.leaf == leaf && other.name == named && other.filter == filter; });
      const std::string what = fmt::format("{}: {}{}{}", name, leaf.empty() ? "" : leaf + " ", named, filter == "none" ? "" : "," + filter);
      if (found == kept.end()) {
        fault(fmt::format("{} is not in the store, and its answers give {}", what, metric.value));
        continue;
      }
      if (!same(found->value, metric.value)) fault(fmt::format("{} is {} in the store, and its answers give {}", what, shown(found->value), metric.value));
      if (!same(found->standard_error.value_or(kNoNumber), metric.standard_error.value_or(kNoNumber)))
        fault(fmt::format("{} has the standard error {} in the store, and its answers give {}", what, shown(found->standard_error),
                          shown(metric.standard_error)));
    }
  }

  SQLite::Database& database_;
  const Store::Recompute& recompute_;
  Store::Verified result_;
};

}  // namespace

Store::Verified Store::verify(const Recompute& recompute) {
  return impl_->read([&](SQLite::Database& database) { return Verifier(database, recompute).run(); });
}

}  // namespace winnow
