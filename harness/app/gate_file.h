#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "results/gate.h"

namespace winnow {

// A rules file: JSON with comments, {"rules": ["retention(gsm8k) >= 0.95 vs dense", {"rule": "…", "name": "…"}], "confidence": 0.95, "of": ["random-6"],
// "baseline": "baseline.json"}; see results/README.md for the rules.
struct GateFile {
  std::vector<NamedRule> rules;
  GateSettings settings;
  std::string baseline;  // from the file's folder; empty: none
};

// Throws Error(kInput) "file:line:column: path: …" with the nearest known name.
GateFile read_gate_file(const std::filesystem::path& file);
GateFile parse_gate_file(std::string_view text, const std::string& source, const std::filesystem::path& folder);

}  // namespace winnow
