#include "datasets/shared/places.h"
#include "harness/api/dataset.h"
#include "harness/core/registry.h"
#include "harness/core/unicode.h"

namespace winnow {
namespace {

// wikitext-2-raw-v1: one row a line of the file. "text" is the row as Hugging Face has it (the line with its line break, or empty where the line is blank);
// "line" is what stands in the file, so that the whole file can be put together again.
class Wikitext2 : public Dataset {
 public:
  std::vector<std::string> splits() const override { return {"test", "valid", "train"}; }

  std::vector<DatasetFile> files(const std::string& split, const std::string& subset) const override {
    check_split("wikitext2", *this, split);
    check_subset("wikitext2", *this, subset);
    if (split == "test") return {{"wikitext2/wiki.test.raw", {{"173c87a53759e0201f33e0ccf978e510c2042d7f2cb78229d9a50d79b9e7dd08", "upstream"}}}};
    if (split == "valid") return {{"wikitext2/wiki.valid.raw", {{"4cd0f6876d07a413aa911261ff6d363c72d757d47f0fdd6015702014c89cb9c7", "upstream"}}}};
    return {{"wikitext2/wiki.train.first2119-nonblank-rows.txt",
             {{"38b897c7dbdffa3761182c0e615c28e4135bfeb1a857cd60adfedd6a74b7d693", "first-2119-nonblank-rows"}}}};
  }

  std::vector<OrderedJson> rows(const std::string& split, const std::string& subset, const std::vector<std::string>& contents) const override {
    const std::string path = files(split, subset).front().path;
    const std::string_view text = checked_text(path, contents.at(0));
    std::vector<OrderedJson> rows;
    bool has_text = false;
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      std::string line(text.substr(begin, end - begin));
      if (line.size() > kLongestLine) throw input_error("{}:{}: the line has {} bytes; at most {} are read", path, rows.size() + 1, line.size(), kLongestLine);
      if (line.find('\0') != std::string::npos) throw input_error("{}:{}: the line holds a NUL byte; expected plain text", path, rows.size() + 1);
      if (line.ends_with('\r')) line.pop_back();
      if (end < text.size()) line += '\n';
      begin = end + 1;
      const bool blank = strip(line).empty();
      has_text = has_text || !blank;
      OrderedJson row;
      row["text"] = blank ? "" : line;
      row["line"] = std::move(line);
      rows.push_back(std::move(row));
    }
    if (!has_text) throw input_error("{}: the file has no text", path);
    return rows;
  }
};

const Registration<Dataset> kRegistration{{.name = "wikitext2",
                                           .version = 1,
                                           .summary = "WikiText-2 raw: Wikipedia articles (test 4,358 lines, valid 3,760; train: the part that is at hand)",
                                           .settings = {},
                                           .make = [](const Params&) -> std::unique_ptr<Dataset> { return std::make_unique<Wikitext2>(); }}};

}  // namespace
}  // namespace winnow
