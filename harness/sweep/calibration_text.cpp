#include "harness/sweep/calibration_text.h"

#include <algorithm>

#include "harness/core/digest.h"
#include "harness/core/files.h"

namespace winnow {
namespace {

std::vector<DatasetPart> parts_of(const CalibrationSpec& calibration) {
  const std::unique_ptr<Dataset> dataset = Registry<Dataset>::instance().make(calibration.dataset);
  const std::vector<std::string> splits = dataset->splits();
  std::string split = calibration.split;
  if (split.empty()) {
    for (const char* usual : {"train", "dev"}) {
      if (split.empty() && std::ranges::find(splits, usual) != splits.end()) split = usual;
    }
    if (split.empty()) split = splits.front();
  }
  if (std::ranges::find(splits, split) == splits.end())
    throw input_error("calibration: data set {} has no split '{}'; it has: {}", calibration.dataset, split, fmt::join(splits, ", "));
  std::vector<DatasetPart> parts;
  for (const std::string& subset : dataset->subsets()) parts.push_back({calibration.dataset, split, subset});
  if (parts.empty()) parts.push_back({calibration.dataset, split});
  return parts;
}

std::vector<std::string> fields_of(const std::string& dataset, const OrderedJson& row) {
  if (row.contains("text")) return {"text"};
  if (row.contains("problem")) return {"problem", "solution"};
  if (row.contains("question") && row.contains("answer") && row["answer"].is_string()) return {"question", "answer"};
  throw input_error("calibration: what the text of data set {} is cannot be told from its rows; name its \"fields\"", dataset);
}

std::string joined(const OrderedJson& row, const std::vector<std::string>& fields, const std::string& place) {
  std::string text;
  for (const std::string& field : fields) {
    if (!row.contains(field) || !row[field].is_string()) throw input_error("{}: the row has no text field \"{}\", which calibration asks for", place, field);
    text += (text.empty() ? "" : " ") + row[field].get<std::string>();
  }
  return text;
}

std::string multiple_choice(const OrderedJson& row) {
  std::string text = row.at("question").get<std::string>();
  for (std::size_t i = 0; i < row.at("choices").size(); ++i) text += fmt::format("\n{}. {}", static_cast<char>('A' + i), row["choices"][i].get<std::string>());
  return text + fmt::format("\nAnswer: {}", static_cast<char>('A' + row.at("answer").get<int>()));
}

std::vector<std::string> texts_of_file(const CalibrationSpec& calibration) {
  const std::string content = read_file(calibration.file);
  std::vector<std::string> texts;
  std::size_t line = 0;
  for (std::size_t begin = 0; begin < content.size();) {
    const std::size_t end = std::min(content.find('\n', begin), content.size());
    const std::string place = fmt::format("{}:{}", calibration.file, ++line);
    const std::string_view row(content.data() + begin, end - begin);
    if (row.find_first_not_of(" \t\r") != std::string_view::npos) texts.push_back(joined(parse_ordered_json(row, place), calibration.fields, place));
    begin = end + 1;
  }
  return texts;
}

}  // namespace

std::vector<std::string> calibration_texts(const CalibrationSpec& calibration, DatasetSource& datasets) {
  if (!calibration.file.empty()) return texts_of_file(calibration);
  std::vector<std::string> texts;
  for (const DatasetPart& part : parts_of(calibration)) {
    const DatasetRows& rows = datasets.read(part);
    for (std::size_t i = 0; i < rows.rows.size(); ++i) {
      const OrderedJson& row = rows.rows[i];
      const std::string place = fmt::format("{} {} row {}", part.dataset, part.split, i);
      if (calibration.fields.empty() && row.contains("choices") && row.contains("question")) {
        texts.push_back(multiple_choice(row));
      } else {
        texts.push_back(joined(row, calibration.fields.empty() ? fields_of(part.dataset, row) : calibration.fields, place));
      }
    }
  }
  return texts;
}

std::string calibration_sha256(const CalibrationSpec& calibration, DatasetSource& datasets) {
  if (!calibration.tokens.empty()) return sha256_hex(canonical_json({{"tokens", sha256_file(calibration.tokens)}}));
  Json identity = {{"fields", calibration.fields},
                   {"sequences", calibration.sequences},
                   {"length", calibration.length},
                   {"seed", calibration.seed},
                   {"loader", calibration.loader}};
  if (!calibration.file.empty()) {
    identity["file"] = sha256_file(calibration.file);
  } else {
    for (const DatasetPart& part : parts_of(calibration)) identity["data"].push_back({part.dataset, part.split, part.subset, datasets.read(part).sha256});
  }
  return sha256_hex(canonical_json(identity));
}

}  // namespace winnow
