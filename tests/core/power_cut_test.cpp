// What a file is after a power cut at any step of writing it. fsync and rename are those of this program here, so that it sees what was waited for.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <map>
#include <set>

#include "harness/core/files.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

// Follows one name. Without fsync a file's bytes may be lost while its new name is kept, or the other way round.
class Disk {
 public:
  Disk(std::filesystem::path file, std::string old_bytes) : file_(std::move(file)), old_bytes_(std::move(old_bytes)) {
    name_on_disk_ = inode_now();
    if (name_on_disk_ != 0) bytes_on_disk_[name_on_disk_] = old_bytes_;
    watched = this;
  }
  ~Disk() { watched = nullptr; }

  static inline Disk* watched = nullptr;
  std::set<std::string> failing = {};  // of "fsync", "rename"
  std::set<std::string> left = {};     // what the name may hold when the power is back, over all moments

  void note_sync(int descriptor) {
    struct stat status {};
    ::fstat(descriptor, &status);
    if (S_ISDIR(status.st_mode)) {
      name_on_disk_ = inode_now();
    } else {
      bytes_on_disk_[status.st_ino] = test::read_text("/proc/self/fd/" + std::to_string(descriptor));
    }
    cut_the_power();
  }

  // A name that was just changed may be on the disk or not.
  void cut_the_power() {
    for (const ino_t inode : {name_on_disk_, inode_now()}) left.insert(inode == 0 ? "(no file)" : bytes_on_disk_[inode]);
  }

  std::string left_for_sure() { return name_on_disk_ == 0 ? "(no file)" : bytes_on_disk_[name_on_disk_]; }

 private:
  ino_t inode_now() const {
    struct stat status {};
    return ::stat(file_.c_str(), &status) == 0 ? status.st_ino : 0;
  }

  std::filesystem::path file_;
  std::string old_bytes_;
  ino_t name_on_disk_;
  std::map<ino_t, std::string> bytes_on_disk_;
};

template <class Function>
Function* the_systems(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

bool is_to_fail(const char* call) {
  const bool fails = Disk::watched != nullptr && Disk::watched->failing.contains(call);
  if (fails) errno = EIO;
  return fails;
}

}  // namespace
}  // namespace winnow

extern "C" int fsync(int descriptor) {
  if (winnow::is_to_fail("fsync")) return -1;
  const int result = winnow::the_systems<int(int)>("fsync")(descriptor);
  if (winnow::Disk::watched != nullptr) winnow::Disk::watched->note_sync(descriptor);
  return result;
}

extern "C" int rename(const char* from, const char* to) {
  if (winnow::is_to_fail("rename")) return -1;
  if (winnow::Disk::watched != nullptr) winnow::Disk::watched->cut_the_power();
  const int result = winnow::the_systems<int(const char*, const char*)>("rename")(from, to);
  if (winnow::Disk::watched != nullptr) winnow::Disk::watched->cut_the_power();
  return result;
}

namespace winnow {
namespace {

using testing::ElementsAre;

TEST(PowerCut, LeavesTheOldFileOrTheNewOneWholeAndTheNewOneOnceItIsSaidToBeWritten) {
  const test::TemporaryFolder folder;
  folder.write("report.md", "old");
  Disk disk(folder / "report.md", "old");
  write_file(folder / "report.md", "new and longer");
  EXPECT_THAT(disk.left, ElementsAre("new and longer", "old"));
  EXPECT_EQ(disk.left_for_sure(), "new and longer");
}

TEST(PowerCut, LeavesNoPartOfAFileThatWasNotThere) {
  const test::TemporaryFolder folder;
  Disk disk(folder / "plan.json", "");
  AtomicFile file(folder / "plan.json");
  file.write("first half, ");
  file.write_at(12, "second half");
  file.commit();
  EXPECT_THAT(disk.left, ElementsAre("(no file)", "first half, second half"));
  EXPECT_EQ(disk.left_for_sure(), "first half, second half");
}

TEST(PowerCut, AnErrorOfTheDiskLeavesTheOldFileAndNoOther) {
  for (const char* call : {"fsync", "rename"}) {
    const test::TemporaryFolder folder;
    folder.write("report.md", "old");
    Disk disk(folder / "report.md", "old");
    disk.failing = {call};
    EXPECT_ERROR(write_file(folder / "report.md", "new"), kInput, (folder / "report.md").string() + ": cannot be written: input/output error");
    EXPECT_EQ(test::read_text(folder / "report.md"), "old");
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
  }
}

}  // namespace
}  // namespace winnow
