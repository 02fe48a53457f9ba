#pragma once
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/error.h"
#include "harness/core/settings.h"
#include "harness/sweep/json_positions.h"
#include "harness/sweep/overrides.h"

namespace winnow {

// A JSON text with its overrides carried out, whose faults are told with file, line, column and path.
class CheckedJson {
 public:
  CheckedJson(std::string_view text, std::string source, const std::vector<std::string>& overrides);

  const Json& root() const { return root_; }

  enum class At { kKey, kValue };
  // The error to throw for what stands at `path`: "sweep.json:3:14: models[0].dtype: <sentence>".
  Error fault(const std::string& path, At at, const std::string& sentence, ErrorKind kind = ErrorKind::kInput) const;

  // Where that is, as fault() has it in front of its sentence: "sweep.json:3:14: models[0].dtype".
  std::string where(const std::string& path, At at) const;

  // Runs `check`; an Error it throws gets the place in front.
  void locate(const std::string& path, const std::function<void()>& check) const;

  // Settings of the object at `path`, each fault at its own key. `beside` are names it may have that are no settings.
  Params settings(const std::string& path, const Json& object, std::string_view owner, std::span<const Setting> known,
                  std::span<const std::string> beside) const;

 private:
  const AppliedOverride* override_of(const std::string& path) const;

  Json root_;
  std::string source_;
  JsonPositions positions_;
  std::vector<AppliedOverride> overrides_;
};

// "a number", "a list" …
std::string_view json_kind(const Json& value);

}  // namespace winnow
