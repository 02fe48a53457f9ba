// The script of --print-slurm on a real Slurm of one node: slurmctld and slurmd of Debian's slurm-wlm, without munge, systemd or a database.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "tests/disturbed/disturbed_sweep.h"

namespace winnow {
namespace {

using test::ProgramResult;
using test::SampleSweep;
using testing::HasSubstr;

// A port that was free a moment ago.
int free_port() {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ::close(listener);
  return ntohs(address.sin_port);
}

class OneNode {
 public:
  OneNode() {
    char host[256] = {};
    ::gethostname(host, sizeof host - 1);
    const std::string folder = folder_.path().string();
    for (const char* sub : {"state", "spool"}) std::filesystem::create_directory(folder_ / sub);
    conf_ = folder_.write(
        "slurm.conf",
        fmt::format("ClusterName=winnow\nSlurmctldHost={0}(127.0.0.1)\nAuthType=auth/none\nCredType=cred/none\nSlurmUser=root\nSlurmdUser=root\n"
                    "SlurmctldPort={2}\nSlurmdPort={3}\nStateSaveLocation={1}/state\nSlurmdSpoolDir={1}/spool\nSlurmctldPidFile={1}/slurmctld.pid\n"
                    "SlurmdPidFile={1}/slurmd.pid\nSlurmctldLogFile={1}/slurmctld.log\nSlurmdLogFile={1}/slurmd.log\nProctrackType=proctrack/linuxproc\n"
                    "TaskPlugin=task/none\nSelectType=select/cons_tres\nSelectTypeParameters=CR_CPU\nAccountingStorageType=accounting_storage/none\n"
                    "JobCompType=jobcomp/none\nMpiDefault=none\nSwitchType=switch/none\nReturnToService=2\nSchedulerParameters=sched_interval=2,bf_interval=2\n"
                    "NodeName={0} NodeAddr=127.0.0.1 CPUs={4} State=UNKNOWN\nPartitionName=main Nodes={0} Default=YES MaxTime=INFINITE State=UP\n",
                    host, folder, free_port(), free_port(), std::max(1u, std::thread::hardware_concurrency())));
    for (const char* daemon : {"/usr/sbin/slurmctld", "/usr/sbin/slurmd"}) daemons_.push_back(start(daemon));
  }
  ~OneNode() {
    for (const int signal : {SIGTERM, SIGKILL}) {
      for (const pid_t daemon : daemons_) ::kill(daemon, signal);
      std::this_thread::sleep_for(std::chrono::milliseconds(500));
    }
    for (const pid_t daemon : daemons_) ::waitpid(daemon, nullptr, 0);
  }

  // One of Slurm's own programs.
  ProgramResult run(std::vector<std::string> command, const std::filesystem::path& folder = "/", std::map<std::string, std::string> environment = {}) const {
    environment["SLURM_CONF"] = conf_.string();
    return test::run_program(command, {.seconds = 60, .environment = environment, .folder = folder});
  }

  bool is_up() const {
    for (int i = 0; i < 60; ++i) {
      if (run({"sinfo", "--noheader", "--format=%t"}).output == "idle\n") return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(500));
    }
    return false;
  }

 private:
  pid_t start(const char* daemon) const {
    const pid_t child = ::fork();
    if (child != 0) return child;
    ::setenv("SLURM_CONF", conf_.c_str(), 1);
    const int nowhere = ::open("/dev/null", O_RDWR);
    for (int end = 0; end < 3; ++end) ::dup2(nowhere, end);
    ::execl(daemon, daemon, "-D", nullptr);
    ::_exit(127);
  }

  test::TemporaryFolder folder_;
  std::filesystem::path conf_;
  std::vector<pid_t> daemons_;
};

TEST(Slurm, AnArrayOfEightShardsWithTasksRequeuedMakesTheSameTables) {
  if (!std::filesystem::exists("/usr/sbin/slurmctld") || !std::filesystem::exists("/usr/sbin/slurmd"))
    GTEST_SKIP() << "slurm-wlm is not installed (ci/install_dependencies --slurm)";
  if (::geteuid() != 0) GTEST_SKIP() << "slurmd has to be started by root";
  const OneNode slurm;
  ASSERT_TRUE(slurm.is_up());
  const SampleSweep whole, sweep;
  ASSERT_EQ(whole.run().exit_code, 0);
  const ProgramResult printed = sweep.run({}, {"--print-slurm", "--tasks", "8", "--time", "10", "--sbatch=--mem=0"});
  ASSERT_EQ(printed.exit_code, 0) << printed.errors;
  const std::filesystem::path script = sweep.folder().write("sweep.sbatch", printed.output);
  std::filesystem::create_directory(sweep.folder() / "scratch");

  std::map<std::string, std::string> environment = sweep.environment();
  environment["TMPDIR"] = (sweep.folder() / "scratch").string();
  const ProgramResult submitted = slurm.run({"sbatch", "--parsable", script.string()}, sweep.folder().path(), environment);
  ASSERT_EQ(submitted.exit_code, 0) << submitted.errors;
  const std::string array = submitted.output.substr(0, submitted.output.find_first_of(";\n"));

  // The third task is requeued by hand while it runs, the fifth hears that its time is nearly up: both go on later.
  bool is_requeued = false, is_warned = false;
  std::string queue = "?";
  for (int i = 0; i < 600 && !queue.empty(); ++i) {
    queue = slurm.run({"squeue", "--noheader", "--array", "--format=%K %T"}).output;
    if (!is_requeued && queue.find("3 RUNNING") != std::string::npos) is_requeued = slurm.run({"scontrol", "requeue", array + "_3"}).exit_code == 0;
    const bool is_at_work =
        queue.find("5 RUNNING") != std::string::npos && std::filesystem::exists(sweep.folder() / fmt::format("scratch/winnow-{}-5.sqlite", array));
    if (!is_warned && is_at_work) {
      is_warned = true;
      slurm.run({"scancel", "--batch", "--signal=USR2", array + "_5"});
    }
    for (const char* task : {"_3", "_5"}) slurm.run({"scontrol", "update", "JobId=" + array + task, "StartTime=now"});  // in place of two minutes
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  EXPECT_TRUE(is_requeued);
  EXPECT_TRUE(is_warned);
  EXPECT_EQ(queue, "");

  std::vector<std::string> import = {"import", "--format", "store", "--store", sweep.store().string()};
  for (int task = 1; task <= 8; ++task) import.push_back((sweep.folder() / fmt::format("sample.parts/part-{}.sqlite", task)).string());
  const ProgramResult joined = test::run_winnow(import);
  std::string logs;
  for (const auto& entry : std::filesystem::directory_iterator(sweep.folder().path())) {
    if (entry.path().extension() == ".log") logs += entry.path().filename().string() + ":\n" + test::read_text(entry.path());
  }
  ASSERT_EQ(joined.exit_code, 0) << joined.errors << logs;
  EXPECT_THAT(logs, HasSubstr("DUE TO JOB REQUEUE"));
  EXPECT_EQ(test::everything_in(sweep.store()), test::everything_in(whole.store())) << logs;
  test::expect_sound(sweep.store());
  EXPECT_TRUE(std::filesystem::is_empty(sweep.folder() / "scratch"));
}

}  // namespace
}  // namespace winnow
