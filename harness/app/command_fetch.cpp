#include <fcntl.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>

#include "harness/app/commands.h"
#include "harness/app/manifest.h"
#include "harness/app/output.h"
#include "harness/app/stop_signals.h"
#include "harness/core/digest.h"
#include "harness/core/files.h"
#include "harness/core/settings.h"
#include "harness/core/terminal.h"

namespace winnow {
namespace {

using Clock = std::chrono::steady_clock;

struct FetchOptions {
  std::vector<std::string> names;
  std::string data, manifest;
  bool list = false;
};

std::string shown_file_size(std::uint64_t bytes) {
  return bytes < 1'000'000 ? fmt::format("{:.1f} kB", static_cast<double>(bytes) / 1e3) : fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

// One line on a terminal, written over; nothing elsewhere.
class FetchProgress {
 public:
  void show(const std::string& path, std::uint64_t bytes, std::uint64_t whole) {
    if (!on_terminal_ || Clock::now() - shown_at_ < std::chrono::milliseconds(100)) return;
    shown_at_ = Clock::now();
    write_line(fmt::format("\r{}: {} of {}\x1b[K", one_line(path, 60), shown_file_size(bytes), shown_file_size(whole)));
    is_shown_ = true;
  }
  void clear() {
    if (is_shown_) write_line("\r\x1b[K");
    is_shown_ = false;
  }

 private:
  static void write_line(const std::string& line) { [[maybe_unused]] const ssize_t ignored = write(STDERR_FILENO, line.data(), line.size()); }
  bool on_terminal_ = isatty(STDERR_FILENO) != 0, is_shown_ = false;
  Clock::time_point shown_at_{};
};

std::vector<ManifestEntry> chosen(const std::vector<ManifestEntry>& all, const std::vector<std::string>& names) {
  std::vector<std::string> known;
  for (const ManifestEntry& entry : all) known.push_back(entry.dataset);
  if (std::find(names.begin(), names.end(), "all") != names.end() || names.empty()) return all;
  std::vector<ManifestEntry> entries;
  for (const std::string& name : names) {
    const auto found = std::find(known.begin(), known.end(), name);
    if (found == known.end()) {
      throw usage_error("no data set '{}' can be fetched{}; there are: {} (demo sets come with the program)", name, did_you_mean(name, known),
                        fmt::join(known, ", "));
    }
    const ManifestEntry& entry = all[static_cast<std::size_t>(found - known.begin())];
    if (std::none_of(entries.begin(), entries.end(), [&](const ManifestEntry& other) { return other.dataset == name; })) entries.push_back(entry);
  }
  return entries;
}

bool is_there(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

std::string listing(const std::vector<ManifestEntry>& entries, const std::filesystem::path& folder) {
  std::string text;
  for (const ManifestEntry& entry : entries) {
    text += fmt::format("{}: {}; licence: {}\n", entry.dataset, entry.source, entry.licence);
    for (const ManifestFile& file : entry.files) {
      const bool has_it = !folder.empty() && is_there(folder / file.path);
      text += fmt::format("  {}{}  {}  sha256 {}\n    {}{}\n", has_it ? "there  " : "", file.path, shown_file_size(file.bytes), file.sha256, file.remote.url,
                          file.has_crlf ? "  (CRLF becomes LF)" : "");
    }
    for (const MissingFile& file : entry.missing) text += fmt::format("  {}  cannot be fetched: {}; {}\n", file.path, file.why, file.instead);
  }
  return text;
}

// Renames, so that the file is there whole or not at all.
void put_in_place(const std::filesystem::path& part, const ManifestFile& file, const std::filesystem::path& target) {
  if (file.has_crlf) {
    const std::string text = without_carriage_returns(read_file(part));
    if (const std::string sha256 = sha256_hex(text); sha256 != file.sha256) {
      throw input_error("{}: with LF line ends its sha256 is {}, expected {}; the manifest is at fault", target.string(), sha256, file.sha256);
    }
    write_file(target, text);
    std::filesystem::remove(part);
    return;
  }
  std::error_code fault;
  std::filesystem::rename(part, target, fault);
  if (fault && !is_there(target)) throw input_error("{}: cannot be put in place: {}", target.string(), fault.message());  // another process may have done it
  const int folder = open(target.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    fsync(folder);
    close(folder);
  }
}

class Fetching {
 public:
  explicit Fetching(const std::filesystem::path& folder)
      : folder_(folder),
        downloader_({.on_progress = [this](std::uint64_t bytes) { progress_.show(under_way_->path, bytes, under_way_->remote.bytes); },
                     .should_stop = StopSignals::arrived}) {}

  // Whether every file is there in the end. The first file that cannot be had ends it: the others come from the same place.
  bool run(const ManifestEntry& entry) {
    std::size_t fetched = 0, there = 0;
    std::uint64_t bytes = 0;
    bool is_whole = true;
    try {
      for (const ManifestFile& file : entry.files) {
        const std::filesystem::path target = folder_ / file.path;
        if (is_there(target)) {
          const bool is_same = is_the_file(entry, file, target);
          is_whole = is_whole && is_same;
          there += is_same ? 1 : 0;
        } else {
          if (!fetch(file, target)) return false;
          ++fetched;
          bytes += file.remote.bytes;
        }
      }
    } catch (const Error& error) {
      progress_.clear();
      say(fmt::format("winnow: {}: {}", entry.dataset, one_line(error.what(), 1000)));
      is_whole = false;
    }
    progress_.clear();
    for (const MissingFile& file : entry.missing)
      say(fmt::format("winnow: {}: {} cannot be fetched: {}; {}", entry.dataset, file.path, file.why, file.instead));
    say(fmt::format("winnow: {}: {} files fetched ({}), {} were there, of {}; licence: {}", entry.dataset, fetched, shown_file_size(bytes), there,
                    entry.files.size(), entry.licence));
    return is_whole;
  }

 private:
  static bool is_the_file(const ManifestEntry& entry, const ManifestFile& file, const std::filesystem::path& target) {
    const std::string sha256 = sha256_file(target);
    if (sha256 == file.sha256) return true;
    say(fmt::format("winnow: {}: {} is there with another sha256, {}, and is left alone; move it away to fetch the file whose sha256 is {}", entry.dataset,
                    target.string(), sha256, file.sha256));
    return false;
  }

  bool fetch(const ManifestFile& file, const std::filesystem::path& target) {
    std::error_code fault;
    std::filesystem::create_directories(target.parent_path(), fault);
    if (fault) throw input_error("{}: the folder cannot be made: {}", target.parent_path().string(), fault.message());
    const std::filesystem::path part = target.string() + ".part";
    under_way_ = &file;
    if (downloader_.fetch(file.remote, part) == Downloader::Outcome::kStopped) {
      progress_.clear();
      return false;
    }
    put_in_place(part, file, target);
    return true;
  }

  std::filesystem::path folder_;
  FetchProgress progress_;
  const ManifestFile* under_way_ = nullptr;
  Downloader downloader_;
};

int fetch(const FetchOptions& options) {
  const std::vector<ManifestEntry> entries =
      chosen(options.manifest.empty() ? own_manifest() : parse_manifest(read_file(options.manifest, std::size_t{16} << 20), options.manifest), options.names);
  const char* named = std::getenv("WINNOW_DATA");
  const std::filesystem::path folder = !options.data.empty() ? options.data : named != nullptr ? named : "";
  if (options.list) {
    write_text(listing(entries, folder));
    return kExitOk;
  }
  if (options.names.empty()) throw usage_error("which data sets? `winnow fetch all`, or some of those that `winnow fetch --list` shows");
  if (folder.empty()) throw usage_error("no folder to fetch to: give one with --data DIR or in WINNOW_DATA");
  bool all_there = true;
  {
    const StopSignals signals;
    Fetching fetching(folder);
    for (const ManifestEntry& entry : entries) {
      if (StopSignals::arrived()) break;
      all_there = fetching.run(entry) && all_there;
    }
    if (StopSignals::arrived()) {
      say("winnow: stopped; what came is kept, and the same command goes on with it");
      return StopSignals::exit_code();
    }
  }
  if (all_there) return kExitOk;
  say("winnow: not all files are there; the same command goes on. Off line, or behind a proxy that is not in https_proxy: run it on another machine and copy "
      "the folder, or take the addresses of "
      "`winnow fetch --list` and put each file where it says");
  return kExitInput;
}

}  // namespace

void add_fetch_command(CLI::App& program, Invocation& invocation) {
  const auto options = std::make_shared<FetchOptions>();
  CLI::App* command =
      program.add_subcommand("fetch",
                             "Fetches public data sets into the data folder: resumed, checked by size and sha256, whole or not at all.\n\nExamples:\n"
                             "  winnow fetch gsm8k mmlu wikitext2 --data datasets\n  winnow fetch --list\n");
  command->add_option("NAME", options->names, "data sets, or all");
  command->add_option("--data", options->data, "folder of the data sets; default: WINNOW_DATA")->type_name("DIR");
  command->add_option("--manifest", options->manifest, "a manifest of one's own (a mirror), like datasets/manifest.json")->type_name("FILE");
  command->add_flag("--list", options->list, "show files, sizes, digests, licences and addresses; fetch none");
  command->callback([options, &invocation] { invocation.action = [options] { return fetch(*options); }; });
}

}  // namespace winnow
