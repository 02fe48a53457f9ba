// Data files with one fault each: refused with a sentence that names file, line and fault.
#include "datasets/shared/csv.h"
#include "datasets/shared/jsonl.h"
#include "harness/api/dataset.h"
#include "harness/core/registry.h"
#include "tests/support/errors.h"

namespace winnow::test {
namespace {

struct Fault {
  std::string name, dataset, split, subset, bytes, sentence;
};

std::vector<OrderedJson> rows_of(const std::string& dataset, const std::string& split, const std::string& subset, const std::string& bytes) {
  return Registry<Dataset>::instance().make(dataset)->rows(split, subset, {bytes});
}

std::string gsm8k_line(const std::string& question, const std::string& answer) { return OrderedJson{{"question", question}, {"answer", answer}}.dump() + "\n"; }

const std::string kGood = gsm8k_line("How many?", "One.\n#### 1");

Fault jsonl(std::string name, std::string bytes, std::string sentence) {
  return {std::move(name), "gsm8k", "test", "", std::move(bytes), "gsm8k/test.jsonl" + sentence};
}
Fault csv(std::string name, std::string bytes, std::string sentence) {
  return {std::move(name), "mmlu", "test", "anatomy", std::move(bytes), "mmlu/test/anatomy_test.csv" + sentence};
}

std::vector<Fault> faults_of_json() {
  return {
      jsonl("NoJson", kGood + "hello\n", ":2"),
      jsonl("CutOff", kGood + kGood.substr(0, 20), ":2"),
      jsonl("TwoObjectsOnALine", kGood.substr(0, kGood.size() - 1) + kGood, ":1"),
      jsonl("ObjectOverTwoLines", "{\"question\": \"q\",\n\"answer\": \"#### 1\"}\n", ":1"),
      jsonl("TrailingComma", "{\"question\": \"q\", \"answer\": \"#### 1\",}\n", ":1"),
      jsonl("SingleQuotes", "{'question': 'q', 'answer': '#### 1'}\n", ":1"),
      jsonl("Comment", "// test\n" + kGood, ":1"),
      jsonl("DuplicateKey", "{\"question\": \"q\", \"question\": \"r\", \"answer\": \"#### 1\"}\n", ":1"),
      jsonl("NotANumber", "{\"question\": \"q\", \"answer\": \"#### 1\", \"x\": NaN}\n", ":1"),
      jsonl("HugeInteger", "{\"question\": \"q\", \"answer\": \"#### 1\", \"x\": 99999999999999999999999}\n", ":1"),
      jsonl("DeepNesting", "{\"question\": \"q\", \"answer\": \"#### 1\", \"x\": " + std::string(100, '[') + std::string(100, ']') + "}\n", ":1"),
      jsonl("ControlCharacter", "{\"question\": \"a\tb\", \"answer\": \"#### 1\"}\n", ":1"),
      jsonl("LoneSurrogate", "{\"question\": \"\\ud800\", \"answer\": \"#### 1\"}\n", ":1"),
      jsonl("NulByte", std::string("{\"question\": \"a\0b\"}", 19), ":1"),
      jsonl("GitLfsPointer", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", ":1"),
      jsonl("Html", "<!DOCTYPE html>\n<html></html>\n", ":1"),
      jsonl("Latin1", kGood + "{\"question\": \"caf\xE9\", \"answer\": \"#### 1\"}\n", ":2: the line is not UTF-8"),
      jsonl("CutUtf8", "{\"question\": \"\xE2\x82\", \"answer\": \"#### 1\"}\n", ":1: the line is not UTF-8"),
      jsonl("OverlongUtf8", "{\"question\": \"\xC0\xAF\", \"answer\": \"#### 1\"}\n", ":1: the line is not UTF-8"),
      jsonl("Utf16", std::string("\xFF\xFE{\0\"\0", 6), ":1: the file is UTF-16; expected UTF-8"),
      jsonl("Binary", std::string("PAR1\x15\x04\x15\x80", 8), ":1: the line is not UTF-8"),
  };
}

std::vector<Fault> faults_of_rows() {
  return {
      jsonl("Empty", "", ": the file has no rows"),
      jsonl("BlankLinesOnly", "\n  \n\r\n", ": the file has no rows"),
      jsonl("ByteOrderMarkOnly", "\xEF\xBB\xBF", ": the file has no rows"),
      jsonl("List", kGood + "[1, 2]\n", ":2: the line is a list of 2 values; expected one JSON object a line"),
      jsonl("String", "\"question\"\n", ":1: the line is the string \"question\"; expected one JSON object a line"),
      jsonl("Null", kGood + kGood + "null\n", ":3: the line is null; expected one JSON object a line"),
      jsonl("Number", "17\n", ":1: the line is 17; expected one JSON object a line"),
      jsonl("EmptyObject", "{}\n", ":1: no key \"question\"; the line has: none"),
      jsonl("NoAnswer", kGood + "{\"question\": \"q\", \"reply\": \"1\"}\n", ":2: no key \"answer\"; the line has: question, reply"),
      jsonl("OtherSet", "{\"text\": \"a document\"}\n", ":1: no key \"question\"; the line has: text"),
      jsonl("CapitalKey", "{\"Question\": \"q\", \"answer\": \"#### 1\"}\n", ":1: no key \"question\"; the line has: Question, answer"),
      jsonl("NumberAsQuestion", "{\"question\": 5, \"answer\": \"#### 1\"}\n", ":1: \"question\" is 5; expected a string"),
      jsonl("NullQuestion", "{\"question\": null, \"answer\": \"#### 1\"}\n", ":1: \"question\" is null; expected a string"),
      jsonl("ListAsAnswer", "{\"question\": \"q\", \"answer\": [\"#### 1\"]}\n", ":1: \"answer\" is a list of 1 values; expected a string"),
      jsonl("ObjectAsAnswer", "{\"question\": \"q\", \"answer\": {\"n\": 1}}\n", ":1: \"answer\" is an object; expected a string"),
      jsonl("TrueAsAnswer", "{\"question\": \"q\", \"answer\": true}\n", ":1: \"answer\" is true; expected a string"),
      jsonl("EmptyQuestion", gsm8k_line("", "#### 1"), ":1: \"question\" is empty; expected text"),
      jsonl("BlankQuestion", kGood + gsm8k_line(" \n ", "#### 1"), ":2: \"question\" is empty; expected text"),
      jsonl("NoGold", gsm8k_line("q", "It is 18."), ":1: \"answer\" ends with 'It is 18.'; expected its last line to be '#### ' and the number"),
      jsonl("GoldWithoutSpace", gsm8k_line("q", "It is\n####18"), ":1: \"answer\" ends with '####18'"),
      jsonl("GoldWithoutNumber", kGood + "\n" + gsm8k_line("q", "It is\n#### "), ":3: \"answer\" ends with '#### '"),
      {"MathWithoutSolution", "math", "train", "", "{\"problem\": \"p\", \"level\": \"Level 1\", \"type\": \"Algebra\", \"answer\": \"1\"}\n",
       "math/train.jsonl:1: no key \"solution\""},
      {"MathLevelAsList", "math", "test", "", "{\"problem\": \"p\", \"level\": [], \"subject\": \"Algebra\", \"solution\": \"s\", \"answer\": \"1\"}\n",
       "math/math500_test.jsonl:1: \"level\" is neither a string nor an integer"},
      {"C4WithoutText", "c4", "train", "", "{\"text\": \"one\"}\n{\"url\": \"two\"}\n", "c4/c4_en_train_first1000.jsonl:2: no key \"text\"; the line has: url"},
      {"C4TextAsNumber", "c4", "demo", "", "{\"text\": 1.5}\n", "c4/c4_en_demo300.jsonl:1: \"text\" is 1.5; expected a string"},
      {"WikitextEmpty", "wikitext2", "test", "", "", "wikitext2/wiki.test.raw: the file has no text"},
      {"WikitextBlank", "wikitext2", "valid", "", " \n \n\n", "wikitext2/wiki.valid.raw: the file has no text"},
      {"WikitextNotUtf8", "wikitext2", "test", "", " = A = \n caf\xE9 \n", "wikitext2/wiki.test.raw:2: the line is not UTF-8"},
      {"WikitextNul", "wikitext2", "test", "", std::string(" = A = \n a\0b \n", 14), "wikitext2/wiki.test.raw:2: the line holds a NUL byte"},
  };
}

std::vector<Fault> faults_of_zero_shot_sets() {
  const auto arc = [](const std::string& question, const std::string& key) {
    return "{\"id\": \"x\", \"question\": " + question + ", \"answerKey\": \"" + key + "\"}\n";
  };
  const std::string two = "[{\"text\": \"a\", \"label\": \"A\"}, {\"text\": \"b\", \"label\": \"B\"}]";
  const std::string path = "zeroshot/arc/ARC-Easy-Test.jsonl:1: ";
  return {
      {"ArcQuestionAsText", "arc_easy", "test", "", arc("\"stem\"", "A"), path + "\"question\" is no object"},
      {"ArcOneChoice", "arc_easy", "test", "", arc("{\"stem\": \"s\", \"choices\": [{\"text\": \"a\", \"label\": \"A\"}]}", "A"),
       path + "\"choices\" is no list of two or more choices"},
      {"ArcChoiceAsText", "arc_easy", "test", "", arc("{\"stem\": \"s\", \"choices\": [\"a\", \"b\"]}", "A"),
       path + "\"choices\" holds a value that is no object"},
      {"ArcKeyBeyondLabels", "arc_easy", "test", "", arc("{\"stem\": \"s\", \"choices\": " + two + "}", "C"),
       path + "\"answerKey\" is 'C'; expected one of the labels [\"A\",\"B\"]"},
      {"ArcLabelTwice", "arc_challenge", "dev", "",
       arc("{\"stem\": \"s\", \"choices\": [{\"text\": \"a\", \"label\": \"1\"}, {\"text\": \"b\", \"label\": \"1\"}]}", "1"),
       "zeroshot/arc/ARC-Challenge-Dev.jsonl:1: two choices are labelled '1'"},
      {"OpenBookWithoutStem", "openbookqa", "test", "", arc("{\"choices\": " + two + "}", "A"),
       "zeroshot/openbookqa/test.jsonl:1: no key \"stem\"; the line has: choices"},
      {"BoolQLabel", "boolq", "val", "", "{\"question\": \"q\", \"passage\": \"p\", \"idx\": 0, \"label\": \"yes\"}\n",
       "zeroshot/boolq/val.jsonl:1: \"label\" is 'yes'; expected \"true\" or \"false\""},
      {"BoolQNumberLabel", "boolq", "val", "", "{\"question\": \"q\", \"passage\": \"p\", \"idx\": 0, \"label\": 1}\n",
       "zeroshot/boolq/val.jsonl:1: \"label\" is 1; expected a string"},
      {"BoolQIndex", "boolq", "val", "", "{\"question\": \"q\", \"passage\": \"p\", \"idx\": -1, \"label\": \"true\"}\n",
       "zeroshot/boolq/val.jsonl:1: \"idx\" is -1; expected an integer from 0"},
      {"RteLabel", "rte", "val", "", "{\"premise\": \"p\", \"hypothesis\": \"h\", \"idx\": 0, \"label\": \"neutral\"}\n",
       "zeroshot/rte/val.jsonl:1: \"label\" is 'neutral'"},
      {"WinograndeGap", "winogrande", "dev", "", "{\"sentence\": \"s\", \"option1\": \"a\", \"option2\": \"b\", \"answer\": \"1\"}\n",
       "winogrande_xl_dev.jsonl:1: \"sentence\" has no gap '_'"},
      {"WinograndeAnswer", "winogrande", "dev", "", "{\"sentence\": \"_ s\", \"option1\": \"a\", \"option2\": \"b\", \"answer\": \"\"}\n",
       "winogrande_xl_dev.jsonl:1: \"answer\" is ''; expected"},
      {"HellaswagQuery", "hellaswag", "val", "", "{\"ind\": 0, \"query\": \"no colon\", \"choices\": [\"a\", \"b\", \"c\", \"d\"], \"gold\": 0}\n",
       "hellaswag_val.jsonl:1: \"query\" has no ': '"},
      {"HellaswagEndings", "hellaswag", "val", "", "{\"ind\": 0, \"query\": \"a: b\", \"choices\": [\"a\", \"b\", \"c\"], \"gold\": 0}\n",
       "hellaswag_val.jsonl:1: \"choices\" has 3 endings; expected 4"},
      {"HellaswagOriginalEndings", "hellaswag", "val", "",
       "{\"ind\": 0, \"activity_label\": \"a\", \"ctx_a\": \"b\", \"ctx_b\": \"c\", \"ctx\": \"b c\", \"endings\": [\"a\"], \"label\": 0}\n",
       "hellaswag_val.jsonl:1: \"endings\" has 1 endings; expected 4"},
      {"HellaswagGold", "hellaswag", "val", "", "{\"ind\": 0, \"query\": \"a: b\", \"choices\": [\"a\", \"b\", \"c\", \"d\"], \"gold\": 4}\n",
       "hellaswag_val.jsonl:1: \"gold\" is 4; expected an integer from 0 to 3"},
  };
}

std::vector<Fault> faults_of_csv() {
  const std::string good = "q,1,2,3,4,A\n";
  return {
      csv("Empty", "", ": the file has no rows"),
      csv("BlankLinesOnly", "\n\r\n\n", ": the file has no rows"),
      csv("FiveFields", good + "q,1,2,3,A\n", ":2: 5 fields; expected 6"),
      csv("SevenFields", "q,1,2,3,4,5,A\n", ":1: 7 fields; expected 6"),
      csv("OneField", good + good + "just text\n", ":3: 1 field; expected 6"),
      csv("Semicolons", "q;1;2;3;4;A\n", ":1: 1 field; expected 6"),
      csv("Tabs", "q\t1\t2\t3\t4\tA\n", ":1: 1 field; expected 6"),
      csv("BareComma", good + "Yes, or no,1,2,3,4,A\n", ":2: 7 fields; expected 6"),
      csv("CommaAtTheEnd", "q,1,2,3,4,A,\n", ":1: 7 fields; expected 6"),
      csv("Header", "question,A,B,C,D,answer\n" + good, ":1: the answer is 'answer'; expected A, B, C or D in the last field"),
      csv("AnswerE", good + "q,1,2,3,4,E\n", ":2: the answer is 'E'; expected A, B, C or D in the last field"),
      csv("AnswerInLowerCase", "q,1,2,3,4,a\n", ":1: the answer is 'a'"),
      csv("AnswerAsNumber", "q,1,2,3,4,0\n", ":1: the answer is '0'"),
      csv("AnswerWithSpace", "q,1,2,3,4, A\n", ":1: the answer is ' A'"),
      csv("NoAnswer", "q,1,2,3,4,\n", ":1: the answer is ''"),
      csv("TwoAnswers", "q,1,2,3,4,AB\n", ":1: the answer is 'AB'"),
      csv("AnswerWithLineBreak", "q,1,2,3,4,\"A\n\"\n", ":1: the answer is"),
      csv("FullWidthAnswer", "q,1,2,3,4,\xEF\xBC\xA1\n", ":1: the answer is"),
      csv("CarriageReturnOnly", "q,1,2,3,4,A\rq,1,2,3,4,B\r", ":1: 11 fields; expected 6"),
      csv("QuoteNeverClosed", good + good + "\"q,1,2,3,4,A\n" + good, ":3: a quote opened on line 3 is never closed"),
      csv("QuoteNeverClosedInALaterField", good + "\"q\n\",1,\"2,3,4,A\n" + good, ":2: a quote opened on line 3 is never closed"),
      csv("LoneQuoteAtTheEnd", good + "\"", ":2: a quote opened on line 2 is never closed"),
      csv("TextAfterQuote", good + "\"q\" and more,1,2,3,4,A\n", ":2: ' and more,1,2,3,4,A"),
      csv("BackslashQuote", "\"a \\\"word\\\" here\",1,2,3,4,A\n", ":1: 'word"),
      csv("EmptyQuestion", good + ",1,2,3,4,A\n", ":2: the question is empty"),
      csv("BlankQuestion", "\" \n \",1,2,3,4,A\n", ":1: the question is empty"),
      csv("Latin1", good + "caf\xE9,1,2,3,4,A\n", ":2: the line is not UTF-8"),
      csv("Utf16", std::string("\xFE\xFF\0q", 4), ":1: the file is UTF-16; expected UTF-8"),
      csv("FaultAfterLineBreaksInQuotes", "\"a\nb\r\nc\",1,2,3,4,A\nq,1,2,3\n", ":4: 4 fields; expected 6"),
  };
}

TEST(MalformedFiles, AreRefusedNamingFileAndLine) {
  std::size_t count = 0;
  for (const std::vector<Fault>& faults : {faults_of_json(), faults_of_rows(), faults_of_zero_shot_sets(), faults_of_csv()}) {
    for (const Fault& fault : faults) {
      SCOPED_TRACE(fault.name);
      EXPECT_ERROR_HAS(rows_of(fault.dataset, fault.split, fault.subset, fault.bytes), kInput, fault.sentence);
    }
    count += faults.size();
  }
  EXPECT_GE(count, 45u);
}

TEST(MalformedFiles, OfPiqaMustHaveALabelForEachLine) {
  const std::string line = "{\"goal\": \"g\", \"sol1\": \"a\", \"sol2\": \"b\"}\n";
  const auto read = [](const std::string& lines, const std::string& labels) {
    return Registry<Dataset>::instance().make("piqa")->rows("valid", "", {lines, labels});
  };
  EXPECT_EQ(read(line + line, "0\n1").size(), 2u);
  EXPECT_ERROR_HAS(read(line + line, "0\n"), kInput, "zeroshot/piqa/valid.jsonl:2: zeroshot/piqa/valid-labels.lst has only 1 labels");
  EXPECT_ERROR_HAS(read(line, "0\n1\n"), kInput, "zeroshot/piqa/valid-labels.lst:2: a label without a line in zeroshot/piqa/valid.jsonl");
  EXPECT_ERROR_HAS(read(line, "2\n"), kInput, "zeroshot/piqa/valid-labels.lst:1: the label is '2'; expected 0 or 1");
  EXPECT_ERROR_HAS(read(line + line, "0\n\n1\n"), kInput, "zeroshot/piqa/valid-labels.lst:2: the label is ''");
}

TEST(MalformedFiles, WithEndlessLinesAreRefused) {
  const std::string endless(kLongestLine + 1, 'a');
  EXPECT_ERROR_HAS(rows_of("gsm8k", "test", "", kGood + "{\"question\": \"" + endless + "\"}\n"), kInput,
                   "gsm8k/test.jsonl:2: the line has 16777233 bytes; at most 16777216 are read");
  EXPECT_ERROR_HAS(rows_of("mmlu", "test", "anatomy", "\"" + endless + "\",1,2,3,4,A\n"), kInput,
                   "anatomy_test.csv:1: the record has more than 16777216 bytes; is a quote missing?");
  EXPECT_ERROR_HAS(rows_of("wikitext2", "test", "", endless), kInput, "wikitext2/wiki.test.raw:1: the line has 16777217 bytes; at most 16777216 are read");
}

TEST(MalformedFiles, AreNamedWithoutControlCharacters) {
  EXPECT_ERROR_HAS(rows_of("mmlu", "test", "anatomy", "q,1,2,3,4,\x1b[31mE\x1b[0m\n"), kInput, "the answer is '\\x1b[31mE\\x1b[0m'");
  EXPECT_ERROR_HAS(rows_of("gsm8k", "test", "", "{\"\\u001b]0;x\\u0007\": 1}\n"), kInput, "the line has: \\x1b]0;x\\x07");
}

}  // namespace
}  // namespace winnow::test
