#include "harness/app/slurm_script.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/files.h"
#include "tests/support/program.h"

namespace winnow {
namespace {

using testing::HasSubstr;
using testing::Not;

SlurmSweep sample() {
  return {.name = "first look",
          .program = "/opt/winnow",
          .folder = "/home/a b",
          .run_words = {"sweep.json", "--data", "my data", "--set", "tasks[0].limit=2"},
          .store = "out/first.sqlite",
          .grid_sha256 = "abc123",
          .cells = 12,
          .tasks = 4};
}

TEST(SlurmScript, SaysWhatItIsForAndWhatToDo) {
  const std::string script = slurm_script(
      sample(), {.time = "4:00:00", .partition = "gpu", .account = "moe", .memory = "64G", .gpus = 1, .cpus = 8, .at_once = 2, .more = {"--constraint=h100"}});
  EXPECT_THAT(script, testing::StartsWith("#!/bin/bash\n# 12 cells of the sweep first_look in an array of 4 tasks, one store each."));
  EXPECT_THAT(script, HasSubstr("#   /opt/winnow import --format store out/first.parts/part-*.sqlite --store out/first.sqlite\n"));
  for (const char* option : {"--job-name=first_look", "--array=1-4%2", "--gpus=1", "--cpus-per-task=8", "--mem=64G", "--time=4:00:00", "--partition=gpu",
                             "--account=moe", "--constraint=h100", "--requeue", "--open-mode=append", "--output=first_look.slurm-%A_%a.log"})
    EXPECT_THAT(script, HasSubstr("\n#SBATCH " + std::string(option) + "\n"));
  EXPECT_THAT(script, HasSubstr("\n#SBATCH --signal=B:USR2@120 "));
  EXPECT_THAT(script, HasSubstr("cd '/home/a b' || exit 3\n"));
  EXPECT_THAT(script, HasSubstr("/opt/winnow run sweep.json --data 'my data' --set 'tasks[0].limit=2' \\\n  --shard \"$SLURM_ARRAY_TASK_ID/4\" --expect-grid "
                                "abc123 --store \"$store\" &\n"));
  EXPECT_THAT(script, HasSubstr("scontrol requeue \"${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID\""));
}

TEST(SlurmScript, LeavesToTheSiteWhatIsNotAskedFor) {
  const std::string script = slurm_script(sample(), {});
  EXPECT_THAT(script, HasSubstr("#SBATCH --array=1-4\n"));
  for (const char* option : {"--gpus", "--cpus-per-task", "--mem", "--time", "--partition", "--account"})
    EXPECT_THAT(script, Not(HasSubstr("#SBATCH " + std::string(option))));
}

TEST(SlurmScript, IsShellWhateverTheNames) {
  SlurmSweep hostile = sample();
  hostile.name = "a;rm -rf $HOME\n#SBATCH --uid=0";
  hostile.folder = "/x'$(touch gone)'";
  hostile.run_words = {"`touch gone`.json", "--set", "a=\"$(touch gone)\""};
  hostile.store = "it's\"\n$(touch gone).sqlite";
  const test::TemporaryFolder folder;
  const std::filesystem::path file = folder.write("script", slurm_script(hostile, {}));
  const test::ProgramResult checked = test::run_program({"bash", "-n", file.string()});
  EXPECT_EQ(checked.exit_code, 0) << checked.errors;
  EXPECT_THAT(test::read_text(file), Not(HasSubstr("\n#SBATCH --uid")));
  const test::ProgramResult run = test::run_program({"bash", file.string()}, {.folder = folder.path()});
  EXPECT_EQ(run.exit_code, 3);  // there is no such folder
  EXPECT_FALSE(std::filesystem::exists(folder / "gone"));
}

}  // namespace
}  // namespace winnow
