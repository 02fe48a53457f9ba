#include "harness/app/slurm_script.h"

#include "harness/app/shell_words.h"
#include "harness/core/error.h"
#include "harness/core/terminal.h"

namespace winnow {
namespace {

constexpr std::size_t kMaxLine = 4000;

// Names in #SBATCH lines are not read by a shell.
std::string plain_name(const std::string& name) {
  std::string plain;
  for (const char c : name) plain += std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.' ? c : '_';
  return plain;
}

std::string directives(const SlurmSweep& sweep, const SlurmOptions& options) {
  std::string text;
  const auto add = [&](const std::string& option) { text += "#SBATCH " + one_line(option, kMaxLine) + "\n"; };
  add("--job-name=" + plain_name(sweep.name));
  add(fmt::format("--array=1-{}{}", sweep.tasks, options.at_once > 0 ? fmt::format("%{}", options.at_once) : ""));
  if (options.gpus > 0) add(fmt::format("--gpus={}", options.gpus));
  if (options.cpus > 0) add(fmt::format("--cpus-per-task={}", options.cpus));
  if (!options.memory.empty()) add("--mem=" + options.memory);
  if (!options.time.empty()) add("--time=" + options.time);
  if (!options.partition.empty()) add("--partition=" + options.partition);
  if (!options.account.empty()) add("--account=" + options.account);
  for (const std::string& option : options.more) add(option);
  add("--requeue");
  add("--signal=B:USR2@120    # two minutes before the time is up, to this script");
  add("--open-mode=append");
  add(fmt::format("--output={}.slurm-%A_%a.log", plain_name(sweep.name)));
  return text;
}

constexpr const char* kBody = R"(
max_restarts=20                                # of one task, after which it is left for a person to look at
parts=@PARTS@   # where each task leaves its store; must be seen by all nodes
scratch=${SLURM_TMPDIR:-${TMPDIR:-/tmp}}       # on a disk of the node: SQLite's write-ahead log does not work on network file systems

interrupted= winnow=
trap 'interrupted=1; [ -z "$winnow" ] || kill -USR2 $winnow 2>/dev/null' USR1 USR2
trap interrupted=1 TERM                        # Slurm sends it to every process of the task

cd @FOLDER@ || exit 3
mkdir -p "$parts" || exit 3
part="$parts/part-$SLURM_ARRAY_TASK_ID.sqlite"
store="$scratch/winnow-$SLURM_ARRAY_JOB_ID-$SLURM_ARRAY_TASK_ID.sqlite"
# A task that runs again goes on from its store: the one on this node if it was cut off here, else what it left in $parts.
if [ ! -e "$store" ] && [ -e "$part" ]; then cp "$part" "$store" || exit 3; fi

@RUN@ \
  --shard "$SLURM_ARRAY_TASK_ID/@TASKS@" --expect-grid @GRID@ --store "$store" &
winnow=$!
[ -z "$interrupted" ] || kill -USR2 $winnow
while :; do                                    # a signal ends wait, not winnow
  interrupted=
  wait $winnow
  status=$?
  [ $status -eq 127 ] || code=$status          # 127: its end was told before
  [ -n "$interrupted" ] || break
done
trap '' USR1 USR2 TERM

if [ -e "$store" ]; then
  @PROGRAM@ report "$store" > /dev/null 2>&1   # folds SQLite's log into the file
  if [ -s "$store-wal" ]; then echo "$store cannot be read whole; it stays where it is" >&2; exit 3; fi
  cp "$store" "$part.new" && mv "$part.new" "$part" && rm -f "$store" "$store-wal" "$store-shm" "$store-lock" || exit 3
fi
case $code in 138 | 140) code=75 ;; esac        # USR1, USR2 before winnow had begun
[ $code -eq 75 ] || rm -rf "${store%.sqlite}.cache"
if [ $code -eq 75 ] && [ "${SLURM_RESTART_COUNT:-0}" -lt "$max_restarts" ]; then
  scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
fi
exit $code
)";

std::string filled_in(std::string text, const std::string& mark, const std::string& value) {
  for (std::size_t at = 0; (at = text.find(mark, at)) != std::string::npos; at += value.size()) text.replace(at, mark.size(), value);
  return text;
}

}  // namespace

std::string slurm_script(const SlurmSweep& sweep, const SlurmOptions& options) {
  const std::string parts = std::filesystem::path(sweep.store).replace_extension(".parts").string();
  std::vector<std::string> run = {sweep.program.string(), "run"};
  run.insert(run.end(), sweep.run_words.begin(), sweep.run_words.end());
  std::string body = filled_in(kBody, "@PARTS@", shell_quoted(parts));
  body = filled_in(body, "@FOLDER@", shell_quoted(sweep.folder.string()));
  body = filled_in(body, "@TASKS@", std::to_string(sweep.tasks));
  body = filled_in(body, "@GRID@", sweep.grid_sha256);
  body = filled_in(body, "@PROGRAM@", shell_quoted(sweep.program.string()));
  body = filled_in(body, "@RUN@", shown_command(run));
  return fmt::format(
      "#!/bin/bash\n"
      "# {} cells of the sweep {} in an array of {} tasks, one store each. Edit it as your site needs; then: sbatch THIS-FILE\n"
      "# Afterwards the stores are joined (again is harmless):\n"
      "#   {} import --format store {}/part-*.sqlite --store {}\n"
      "{}{}",
      sweep.cells, plain_name(sweep.name), sweep.tasks, one_line(shell_quoted(sweep.program.string()), kMaxLine), one_line(shell_quoted(parts), kMaxLine),
      one_line(shell_quoted(sweep.store.string()), kMaxLine), directives(sweep, options), body);
}

}  // namespace winnow
