// Recorded outputs, JSON Lines: a model that answers a request or says that there is no record.
#include <cstdint>

#include "harness/core/json.h"
#include "harness/text/recorded_language_model.h"
#include "tests/fuzz/fuzz.h"

namespace winnow {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::filesystem::path file = scratch_folder() / "records.jsonl";
  write_scratch(file, {reinterpret_cast<const char*>(bytes), size});
  take_or_refuse([&] {
    const auto model = open_recorded_outputs(file);
    const std::vector<Request> requests = {ScoreRequest{"a", "b"}, RollingRequest{"a"}, GenerateRequest{"a", {"b"}, 4}};
    for (const Request& request : requests) {
      take_or_refuse([&] {
        model->answer({&request, 1}, {}, [](std::size_t, const Response& response) {
          WINNOW_CHECK(response.log_likelihood <= 0 && response.text.find('b') == std::string::npos);
          return Continue::kYes;
        });
      });
    }
  });
  return 0;
}

}  // namespace winnow
