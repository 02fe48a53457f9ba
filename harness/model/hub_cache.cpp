#include "harness/model/hub_cache.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "harness/core/error.h"
#include "harness/core/files.h"
#include "harness/core/terminal.h"
#include "harness/model/checkpoint.h"

namespace winnow {
namespace {

namespace fs = std::filesystem;

std::optional<fs::path> from_environment(const char* name) {
  const char* value = std::getenv(name);
  if (!value || !*value) return std::nullopt;
  return fs::path(value);
}

fs::path home_cache() {
  if (const auto cache = from_environment("XDG_CACHE_HOME")) return *cache;
  return from_environment("HOME").value_or(".") / ".cache";
}

bool is_commit(std::string_view text) {
  return text.size() == 40 && std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_hub_word(std::string_view text) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  return !text.empty() && text.find_first_not_of(kLetters) == std::string_view::npos && text.find("..") == std::string_view::npos && text != ".";
}

struct HubName {
  std::string organization, model, revision = "main";
  std::string repository() const { return organization + "/" + model; }
};

// "org/name" or "org/name@revision"; a revision may itself hold slashes (refs/pr/3).
std::optional<HubName> parse_hub_name(const std::string& text) {
  HubName name;
  std::string path = text;
  if (const std::size_t at = text.find('@'); at != std::string::npos) {
    path = text.substr(0, at);
    name.revision = text.substr(at + 1);
  }
  const std::size_t slash = path.find('/');
  if (slash == std::string::npos) return std::nullopt;
  name.organization = path.substr(0, slash);
  name.model = path.substr(slash + 1);
  if (!is_hub_word(name.organization) || !is_hub_word(name.model)) return std::nullopt;
  for (const fs::path& part : fs::path(name.revision)) {
    if (!is_hub_word(part.string())) return std::nullopt;
  }
  if (name.revision.empty() || name.revision[0] == '/') return std::nullopt;
  return name;
}

fs::path find_snapshot(const HubName& name) {
  const fs::path cache = hub_cache_folder();
  const fs::path repository = cache / ("models--" + name.organization + "--" + name.model);
  const std::string revision_option = name.revision == "main" ? "" : " --revision " + name.revision;
  const std::string advice = fmt::format("run `hf download {}{}`", name.repository(), revision_option);
  std::error_code ignored;
  std::string commit;
  if (fs::is_regular_file(repository / "refs" / name.revision, ignored)) {
    commit = read_file(repository / "refs" / name.revision, 1024);
    commit.erase(commit.find_last_not_of(" \r\n\t") + 1);
    if (!is_commit(commit)) throw input_error("{}: holds no commit hash; {}", printable((repository / "refs" / name.revision).string()), advice);
  } else if (is_commit(name.revision)) {
    commit = name.revision;
  } else if (fs::is_directory(repository, ignored)) {
    throw input_error("{}: the Hugging Face cache has the model but not its revision '{}'; {}", name.repository(), name.revision, advice);
  } else {
    throw input_error("{}: is no folder, and the Hugging Face cache ({}) does not have it; {}", name.repository(), printable(cache.string()), advice);
  }
  const fs::path snapshot = repository / "snapshots" / commit;
  if (!fs::is_directory(snapshot, ignored)) throw input_error("{}: the Hugging Face cache has no snapshot {}; {}", name.repository(), commit, advice);
  return snapshot;
}

}  // namespace

fs::path hub_cache_folder() {
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}) {
    if (const auto folder = from_environment(name)) return *folder;
  }
  if (const auto home = from_environment("HF_HOME")) return *home / "hub";
  return home_cache() / "huggingface" / "hub";
}

std::string hub_commit_of(const fs::path& folder) {
  const fs::path plain = fs::absolute(folder).lexically_normal();
  const fs::path snapshot = plain.has_filename() ? plain : plain.parent_path();
  const std::string commit = snapshot.filename().string();
  return snapshot.parent_path().filename() == "snapshots" && is_commit(commit) ? commit : "";
}

fs::path find_model_folder(const std::string& path_or_hub_name) {
  std::error_code ignored;
  if (fs::is_directory(path_or_hub_name, ignored)) return path_or_hub_name;
  if (fs::exists(path_or_hub_name, ignored)) {
    throw input_error("{}: is a file; a model is named by its folder or by its hub name org/name[@revision]", printable(path_or_hub_name));
  }
  if (const std::optional<HubName> name = parse_hub_name(path_or_hub_name)) return find_snapshot(*name);
  throw input_error("{}: there is no such folder, and it is no hub name of the form org/name[@revision]", printable(path_or_hub_name));
}

fs::path cache_folder() {
  if (const auto folder = from_environment("WINNOW_CACHE")) return *folder;
  return home_cache() / "winnow";
}

}  // namespace winnow
