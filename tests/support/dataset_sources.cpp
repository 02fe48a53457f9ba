#include "tests/support/dataset_sources.h"

#include <functional>

#include "harness/core/digest.h"
#include "tests/support/files.h"

namespace winnow::test {
namespace {

class Source : public DatasetSource {
 public:
  using Contents = std::function<std::string(const std::string& dataset, const std::string& path)>;
  explicit Source(Contents contents) : contents_(std::move(contents)) {}

  const DatasetRows& read(const DatasetPart& part) override {
    const auto [position, inserted] = parts_.try_emplace(part.dataset + "/" + part.split + "/" + part.subset);
    if (!inserted) return position->second;
    const auto dataset = Registry<Dataset>::instance().make(part.dataset);
    std::vector<std::string> contents;
    std::string digests;
    DatasetRows& rows = position->second;
    for (const DatasetFile& file : dataset->files(part.split, part.subset)) {
      contents.push_back(contents_(part.dataset, file.path));
      rows.sha256 = sha256_hex(contents.back());
      digests += (digests.empty() ? "" : "\n") + rows.sha256;
      rows.edition = file.known.contains(rows.sha256) ? file.known.at(rows.sha256) : "unverified";
    }
    if (contents.size() > 1) rows.sha256 = sha256_hex(digests);
    rows.rows = dataset->rows(part.split, part.subset, contents);
    return rows;
  }

 private:
  Contents contents_;
  std::map<std::string, DatasetRows> parts_;
};

std::string lines(int count, const std::function<OrderedJson(int)>& row) {
  std::string text;
  for (int i = 0; i < count; ++i) text += row(i).dump() + "\n";
  return text;
}

}  // namespace

std::unique_ptr<DatasetSource> folder_source(const std::filesystem::path& folder) {
  return std::make_unique<Source>([folder](const std::string&, const std::string& path) { return read_text(folder / path); });
}

std::string sample_file(const std::string& dataset, const std::string& path) {
  if (dataset == "gsm8k" || dataset == "demo_gsm8k") {
    return lines(path.ends_with("train.jsonl") ? 12 : 8, [&](int i) {
      return OrderedJson{{"question", fmt::format("{} adds {} and {}. How many?", path, i, i)},
                         {"answer", fmt::format("{0}+{0}=<<{0}+{0}={1}>>{1}\n#### {1}", i, 2 * i)}};
    });
  }
  if (dataset == "mmlu" || dataset == "demo_mmlu") {
    std::string text;
    for (int i = 0; i < 5; ++i) text += fmt::format("\"{}, question {}?\",{},\"two, or\nmore\",\"\"\"three\"\"\",four,{}\r\n", path, i, i, "ABCD"[i % 4]);
    return text;
  }
  if (dataset == "math") {
    return lines(6, [&](int i) {
      OrderedJson row = {
          {"problem", fmt::format("What is ${}+1$ in {}?", i, path)}, {"solution", fmt::format("$\\boxed{{{}}}$", i + 1)}, {"answer", std::to_string(i + 1)}};
      row[path.ends_with("train.jsonl") ? "type" : "subject"] = "Algebra";
      if (path.ends_with("train.jsonl"))
        row["level"] = "Level 2";
      else
        row["level"] = 2;
      return row;
    });
  }
  if (dataset == "c4" || dataset == "demo_text")
    return lines(9, [&](int i) { return OrderedJson{{"text", fmt::format("Document {} of {} is about nothing in particular.", i, path)}}; });
  if (dataset == "wikitext2") {
    std::string text;
    for (int i = 0; i < 6; ++i) text += fmt::format(" \n = Page {} = \n \n It is @-@ as {} says @-@ short , and has one sentence . \n", i, path);
    return text;
  }
  if (dataset == "arc_easy" || dataset == "arc_challenge" || dataset == "openbookqa") {
    return lines(6, [&](int i) {
      const OrderedJson choices = {
          {{"text", "water"}, {"label", "A"}}, {{"text", fmt::format("stone {}", i)}, {"label", "B"}}, {{"text", "air"}, {"label", "C"}}};
      return OrderedJson{{"id", fmt::format("{} {}", path, i)},
                         {"question", {{"stem", fmt::format("What is thing {}?", i)}, {"choices", choices}}},
                         {"answerKey", "ABC"[i % 3] + std::string()}};
    });
  }
  if (dataset == "boolq") {
    return lines(7, [](int i) {
      return OrderedJson{{"question", fmt::format("is {} even", i)}, {"passage", "Numbers -- Some are even."}, {"idx", i}, {"label", i % 2 ? "false" : "true"}};
    });
  }
  if (dataset == "rte") {
    return lines(7, [](int i) {
      return OrderedJson{
          {"premise", fmt::format("{} is even.", i)}, {"hypothesis", "It is odd."}, {"label", i % 2 ? "entailment" : "not_entailment"}, {"idx", i}};
    });
  }
  if (dataset == "winogrande") {
    return lines(7, [](int i) {
      return OrderedJson{
          {"sentence", fmt::format("Box {} is in the bag as _ is small.", i)}, {"option1", "box"}, {"option2", "bag"}, {"answer", i % 2 ? "1" : "2"}};
    });
  }
  if (dataset == "hellaswag") {
    return lines(7, [](int i) {
      return OrderedJson{
          {"ind", i}, {"query", fmt::format("Counting: A man says {}. he", i)}, {"choices", {"stops.", "goes on.", "sings.", "sits."}}, {"gold", i % 4}};
    });
  }
  if (dataset == "piqa" && path.ends_with(".lst")) return "0\n1\n1\n0\n0\n1\n0\n";
  if (dataset == "piqa") {
    return lines(7, [](int i) { return OrderedJson{{"goal", fmt::format("Count to {}.", i)}, {"sol1", "Begin at one."}, {"sol2", "Begin at the end."}}; });
  }
  throw std::runtime_error(fmt::format("data set '{}' has no sample: add one to sample_file in tests/support/dataset_sources.cpp", dataset));
}

std::unique_ptr<DatasetSource> sample_source() { return std::make_unique<Source>(sample_file); }

}  // namespace winnow::test
