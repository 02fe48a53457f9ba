#pragma once
#include <sqlite3.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/files.h"

namespace winnow::test {

// SQLite's default file system while this object lives: the system's, but that its power can be cut, or one operation of it fail. What was written and
// not waited for (fsync) may then be lost, in part, out of order and sector by sector; so may the end of a file and its removal. No real disk is waited for.
class PowerCutDisk {
 public:
  enum class Fault { kPowerCut, kOneError };  // from that operation on everything fails; or that one alone

  PowerCutDisk() : system_(sqlite3_vfs_find(nullptr)), vfs_(*system_) {
    vfs_.zName = "power cut";
    vfs_.szOsFile = static_cast<int>(sizeof(File)) + system_->szOsFile;
    vfs_.pAppData = this;
    vfs_.pNext = nullptr;
    vfs_.xOpen = open;
    vfs_.xDelete = remove;
    sqlite3_vfs_register(&vfs_, 1);
  }
  ~PowerCutDisk() {
    sqlite3_vfs_unregister(&vfs_);
    sqlite3_vfs_register(system_, 1);
  }
  PowerCutDisk(const PowerCutDisk&) = delete;
  PowerCutDisk& operator=(const PowerCutDisk&) = delete;

  // Counted from 1 and from now: writes, syncs, cuts of a file's end, removals.
  void fail_at(int operation, Fault fault) {
    operations_ = 0;
    failing_operation_ = operation;
    fault_ = fault;
  }
  void repair() { failing_operation_ = kNever; }
  int operations() const { return operations_; }

  // What the disk holds of the files in `from` when the power is back, laid into another folder.
  void write_what_is_left(const std::filesystem::path& from, const std::filesystem::path& to, std::mt19937& random) const {
    for (const auto& [name, kept] : files_) {
      const std::filesystem::path path = name;
      if (path.parent_path() != from || (kept.is_removed && random() % 2 == 0)) continue;
      std::ofstream(to / path.filename(), std::ios::binary) << left_of(kept, random);
    }
  }

 private:
  static constexpr int kNever = 1 << 30;
  static constexpr std::size_t kSector = 512;

  struct Change {
    std::size_t offset = 0;
    std::string bytes;
    bool is_cut = false;  // the file ends at `offset`
  };
  struct OnDisk {
    std::string synced;
    std::vector<Change> pending;
    bool is_removed = false;  // which the disk may not know yet
  };
  // What SQLite holds of an open file; the system's own follows it in memory.
  struct File : sqlite3_file {
    PowerCutDisk* disk = nullptr;
    OnDisk* kept = nullptr;    // nothing: a temporary file
    bool syncs_names = false;  // a journal or log: its first sync is one of the folder too
    sqlite3_file* system() { return reinterpret_cast<sqlite3_file*>(this + 1); }
    const sqlite3_io_methods& calls() { return *system()->pMethods; }
  };

  static File& own(sqlite3_file* file) { return *static_cast<File*>(file); }
  static PowerCutDisk& disk_of(sqlite3_vfs* vfs) { return *static_cast<PowerCutDisk*>(vfs->pAppData); }

  static std::string left_of(const OnDisk& kept, std::mt19937& random) {
    std::string bytes = kept.synced;
    for (const Change& change : kept.pending) {
      const unsigned fate = random() % 3;  // lost, there, torn
      if (fate == 0) continue;
      if (change.is_cut || fate == 1) {
        apply(change, bytes);
        continue;
      }
      for (std::size_t at = 0, count = 0; at < change.bytes.size(); at += count) {
        count = std::min(change.bytes.size() - at, kSector - (change.offset + at) % kSector);
        if (random() % 2 == 0) apply({change.offset + at, change.bytes.substr(at, count)}, bytes);
      }
    }
    return bytes;
  }

  static void apply(const Change& change, std::string& bytes) {
    if (change.is_cut) return bytes.resize(std::min(bytes.size(), change.offset));
    if (bytes.size() < change.offset + change.bytes.size()) bytes.resize(change.offset + change.bytes.size());
    bytes.replace(change.offset, change.bytes.size(), change.bytes);
  }

  bool refuses_this_one() {
    ++operations_;
    return fault_ == Fault::kPowerCut ? operations_ >= failing_operation_ : operations_ == failing_operation_;
  }

  static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    PowerCutDisk& disk = disk_of(vfs);
    File& opened = *new (file) File;
    const int result = disk.system_->xOpen(disk.system_, name, opened.system(), flags, out_flags);
    if (result != SQLITE_OK) return result;
    static const sqlite3_io_methods kCalls = calls_of_a_file();
    opened.pMethods = &kCalls;
    opened.disk = &disk;
    opened.syncs_names = (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL)) != 0;
    if (name == nullptr || (flags & SQLITE_OPEN_DELETEONCLOSE) != 0) return SQLITE_OK;
    const auto [place, is_new] = disk.files_.try_emplace(name);
    opened.kept = &place->second;
    if (is_new) opened.kept->synced = read_text(name);
    if (opened.kept->is_removed) *opened.kept = {};
    return SQLITE_OK;
  }

  static int remove(sqlite3_vfs* vfs, const char* name, int syncs_folder) {
    PowerCutDisk& disk = disk_of(vfs);
    if (disk.refuses_this_one()) return SQLITE_IOERR_DELETE;
    if (const auto kept = disk.files_.find(name); kept != disk.files_.end()) {
      kept->second.is_removed = true;
      if (syncs_folder != 0) disk.files_.erase(kept);
    }
    return disk.system_->xDelete(disk.system_, name, 0);
  }

  static int write(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 offset) {
    File& to = own(file);
    if (to.kept != nullptr) {
      if (to.disk->refuses_this_one()) return SQLITE_IOERR_WRITE;
      to.kept->pending.push_back({static_cast<std::size_t>(offset), std::string(static_cast<const char*>(bytes), static_cast<std::size_t>(count))});
    }
    return to.calls().xWrite(to.system(), bytes, count, offset);
  }

  static int truncate(sqlite3_file* file, sqlite3_int64 size) {
    File& cut = own(file);
    if (cut.kept != nullptr) {
      if (cut.disk->refuses_this_one()) return SQLITE_IOERR_TRUNCATE;
      cut.kept->pending.push_back({static_cast<std::size_t>(size), "", true});
    }
    return cut.calls().xTruncate(cut.system(), size);
  }

  static int sync(sqlite3_file* file, int) {
    File& synced = own(file);
    if (synced.kept == nullptr) return SQLITE_OK;
    if (synced.disk->refuses_this_one()) return SQLITE_IOERR_FSYNC;
    for (const Change& change : synced.kept->pending) apply(change, synced.kept->synced);
    synced.kept->pending.clear();
    if (std::exchange(synced.syncs_names, false)) std::erase_if(synced.disk->files_, [](const auto& entry) { return entry.second.is_removed; });
    return SQLITE_OK;
  }

  static sqlite3_io_methods calls_of_a_file() {
    sqlite3_io_methods calls{};
    calls.iVersion = 2;  // with shared memory, without maps
    calls.xClose = [](sqlite3_file* f) { return own(f).calls().xClose(own(f).system()); };
    calls.xRead = [](sqlite3_file* f, void* to, int count, sqlite3_int64 at) { return own(f).calls().xRead(own(f).system(), to, count, at); };
    calls.xWrite = write;
    calls.xTruncate = truncate;
    calls.xSync = sync;
    calls.xFileSize = [](sqlite3_file* f, sqlite3_int64* size) { return own(f).calls().xFileSize(own(f).system(), size); };
    calls.xLock = [](sqlite3_file* f, int lock) { return own(f).calls().xLock(own(f).system(), lock); };
    calls.xUnlock = [](sqlite3_file* f, int lock) { return own(f).calls().xUnlock(own(f).system(), lock); };
    calls.xCheckReservedLock = [](sqlite3_file* f, int* is_locked) { return own(f).calls().xCheckReservedLock(own(f).system(), is_locked); };
    calls.xFileControl = [](sqlite3_file* f, int what, void* with) {
      return what == SQLITE_FCNTL_SIZE_HINT ? SQLITE_NOTFOUND : own(f).calls().xFileControl(own(f).system(), what, with);
    };
    calls.xSectorSize = [](sqlite3_file* f) { return own(f).calls().xSectorSize(own(f).system()); };
    calls.xDeviceCharacteristics = [](sqlite3_file* f) { return own(f).calls().xDeviceCharacteristics(own(f).system()); };
    calls.xShmMap = [](sqlite3_file* f, int page, int size, int extend, void volatile** at) {
      return own(f).calls().xShmMap(own(f).system(), page, size, extend, at);
    };
    calls.xShmLock = [](sqlite3_file* f, int at, int count, int flags) { return own(f).calls().xShmLock(own(f).system(), at, count, flags); };
    calls.xShmBarrier = [](sqlite3_file* f) { own(f).calls().xShmBarrier(own(f).system()); };
    calls.xShmUnmap = [](sqlite3_file* f, int flag) { return own(f).calls().xShmUnmap(own(f).system(), flag); };
    return calls;
  }

  std::map<std::string, OnDisk> files_;
  int operations_ = 0, failing_operation_ = kNever;
  Fault fault_ = Fault::kPowerCut;
  sqlite3_vfs* system_;
  sqlite3_vfs vfs_;
};

}  // namespace winnow::test
