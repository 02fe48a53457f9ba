#include "harness/core/files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <csignal>

#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

namespace fs = std::filesystem;
using test::read_text;
using test::TemporaryFolder;

std::size_t entries_in(const fs::path& folder) { return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator())); }

TEST(ReadFile, GivesTheBytesAsTheyAre) {
  const TemporaryFolder folder;
  const std::string bytes("a\0\r\n\xff", 5);
  EXPECT_EQ(read_file(folder.write("some", bytes)), bytes);
  EXPECT_EQ(read_file(folder.write("none", "")), "");
  EXPECT_EQ(read_file(folder.write("exactly", "12345"), 5), "12345");
  EXPECT_EQ(read_file("/proc/self/comm").size(), read_text("/proc/self/comm").size());  // a regular file that says it has 0 bytes
}

TEST(ReadFile, FollowsALinkToARegularFile) {
  const TemporaryFolder folder;
  folder.write("blob", "weights");
  fs::create_symlink("blob", folder / "link");
  EXPECT_EQ(read_file(folder / "link"), "weights");
}

TEST(ReadFile, RefusesWhatIsTooLarge) {
  const TemporaryFolder folder;
  EXPECT_ERROR(read_file(folder.write("six", "123456"), 5), kInput, (folder / "six").string() + ": has 6 bytes; at most 5 were expected");
  const auto sparse = folder.write("sparse", "");
  fs::resize_file(sparse, std::uintmax_t{1} << 40);
  EXPECT_ERROR_HAS(read_file(sparse), kInput, "sparse: has 1099511627776 bytes; at most 1073741824 were expected");
}

TEST(ReadFile, RefusesWhatIsNoRegularFileWithoutWaiting) {
  const TemporaryFolder folder;
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  fs::create_symlink("/dev/zero", folder / "zero");
  fs::create_symlink("absent", folder / "dangling");
  fs::create_symlink("circle", folder / "circle");
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  const std::string name = (folder / "socket").string();
  ASSERT_LT(name.size(), sizeof address.sun_path);
  name.copy(address.sun_path, name.size());
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  close(listener);

  const auto start = std::chrono::steady_clock::now();
  EXPECT_ERROR(read_file(folder / "pipe"), kInput, (folder / "pipe").string() + ": is a named pipe; a regular file was expected");
  EXPECT_ERROR_HAS(read_file(folder / "zero"), kInput, "zero: is a device; a regular file was expected");
  EXPECT_ERROR_HAS(read_file("/dev/null"), kInput, "/dev/null: is a device; a regular file was expected");
  EXPECT_ERROR_HAS(read_file(folder.path()), kInput, "is a folder; a regular file was expected");
  EXPECT_ERROR_HAS(read_file(folder / "dangling"), kInput, "dangling: cannot be read: no such file or directory");
  EXPECT_ERROR_HAS(read_file(folder / "circle"), kInput, "circle: cannot be read: too many levels of symbolic links");
  EXPECT_ERROR_HAS(read_file(folder / "socket"), kInput, "socket: cannot be read: ");
  EXPECT_ERROR_HAS(read_file(folder / "absent" / "file"), kInput, "cannot be read: no such file or directory");
  EXPECT_ERROR_HAS(read_file(""), kInput, "cannot be read: no such file or directory");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
}

TEST(ReadFile, ShowsHostileNamesWithoutTheirControlCharacters) {
  EXPECT_ERROR_HAS(read_file("/no\x1b]0;x\x07where"), kInput, "/no\\x1b]0;x\\x07where: cannot be read");
}

TEST(ReadPieces, GivesAllBytesInOrder) {
  const TemporaryFolder folder;
  std::string bytes;
  for (int i = 0; i < 200'000; ++i) bytes += fmt::format("{} ", i);
  std::string together;
  read_pieces(folder.write("large", bytes), [&](std::string_view piece) { together += piece; });
  EXPECT_TRUE(together == bytes);
  EXPECT_ERROR_HAS(read_pieces(folder.path(), [](std::string_view) {}), kInput, "is a folder");
}

TEST(WriteFile, LeavesTheFileAndNothingElse) {
  const TemporaryFolder folder;
  write_file(folder / "report.md", "one");
  write_file(folder / "report.md", "two");
  EXPECT_EQ(read_text(folder / "report.md"), "two");
  EXPECT_EQ(entries_in(folder.path()), 1u);
}

TEST(WriteFile, WritesBesideTheProgramWhenNoFolderIsNamed) {
  const TemporaryFolder folder;
  const fs::path before = fs::current_path();
  fs::current_path(folder.path());
  write_file("report.md", "text");
  fs::current_path(before);
  EXPECT_EQ(read_text(folder / "report.md"), "text");
}

TEST(WriteFile, TakesNamesAsLongAsTheFileSystemAllows) {
  const TemporaryFolder folder;
  write_file(folder / std::string(255, 'n'), "text");
  EXPECT_ERROR_HAS(write_file(folder / std::string(256, 'n'), "text"), kInput, "cannot be written: file name too long");
  EXPECT_EQ(entries_in(folder.path()), 1u);
}

TEST(WriteFile, ReplacesALinkAndLeavesItsTargetAlone) {
  const TemporaryFolder folder;
  folder.write("target", "old");
  fs::create_symlink("target", folder / "link");
  write_file(folder / "link", "new");
  EXPECT_EQ(read_text(folder / "target"), "old");
  EXPECT_EQ(read_text(folder / "link"), "new");
  EXPECT_FALSE(fs::is_symlink(folder / "link"));
}

TEST(WriteFile, RefusesToReplaceFoldersAndDevices) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "inner");
  fs::create_symlink("/dev/full", folder / "full");
  EXPECT_ERROR(write_file(folder / "inner", "x"), kInput, (folder / "inner").string() + ": is a folder; it is not overwritten, name a file");
  EXPECT_ERROR_HAS(write_file(folder / "full", "x"), kInput, "full: is a device; it is not overwritten, name a file");
  EXPECT_ERROR_HAS(write_file(folder.path().string() + "/", "x"), kInput, "a file name was expected");
  EXPECT_ERROR_HAS(write_file(folder / "absent" / "file", "x"), kInput, "cannot be written: no such file or directory");
  EXPECT_TRUE(fs::is_symlink(folder / "full"));
}

TEST(WriteFile, SaysWhenThereIsNoSpaceAndKeepsTheOldFile) {
  const TemporaryFolder folder;
  if (mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=64k") != 0) GTEST_SKIP() << "needs the right to mount a small file system";
  folder.write("report.md", "old");
  const std::string large(1 << 20, 'x');
  EXPECT_ERROR(write_file(folder / "report.md", large), kInput, (folder / "report.md").string() + ": cannot be written: no space left on device");
  EXPECT_EQ(read_text(folder / "report.md"), "old");
  EXPECT_EQ(entries_in(folder.path()), 1u);
  write_file(folder / "report.md", "new");
  EXPECT_EQ(read_text(folder / "report.md"), "new");
  umount2(folder.path().c_str(), MNT_DETACH);
}

// The same without root: a limit on the size of files.
TEST(WriteFile, KeepsTheOldFileWhenTheSystemStopsTheWrite) {
  const TemporaryFolder folder;
  folder.write("report.md", "old");
  rlimit before;
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{4096, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const std::string sentence = test::error_text(ErrorKind::kInput, [&] { write_file(folder / "report.md", std::string(10'000, 'x')); });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(sentence, (folder / "report.md").string() + ": cannot be written: file too large");
  EXPECT_EQ(read_text(folder / "report.md"), "old");
  EXPECT_EQ(entries_in(folder.path()), 1u);
}

TEST(AtomicFile, AppearsOnlyWhenCommitted) {
  const TemporaryFolder folder;
  {
    AtomicFile file(folder / "out");
    file.write("half");
    EXPECT_FALSE(fs::exists(folder / "out"));
  }
  EXPECT_EQ(entries_in(folder.path()), 0u);
  AtomicFile file(folder / "out");
  file.write("whole ");
  file.write("text");
  file.commit();
  EXPECT_EQ(read_text(folder / "out"), "whole text");
  EXPECT_THROW(file.write("more"), std::logic_error);
  EXPECT_THROW(file.commit(), std::logic_error);
}

TEST(AtomicFile, WritesPartsOutOfOrder) {
  const TemporaryFolder folder;
  AtomicFile file(folder / "out");
  file.write_at(4, "late");
  file.write_at(0, "soon");
  file.commit();
  EXPECT_EQ(read_text(folder / "out"), "soonlate");
}

TEST(AtomicFile, HasTheRightsOfAnOrdinaryFile) {
  const TemporaryFolder folder;
  const mode_t mask = umask(027);
  write_file(folder / "out", "x");
  umask(mask);
  EXPECT_EQ(fs::status(folder / "out").permissions(), fs::perms(0640));
}

}  // namespace
}  // namespace winnow
