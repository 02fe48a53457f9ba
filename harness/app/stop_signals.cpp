#include "harness/app/stop_signals.h"

#include <unistd.h>

#include <csignal>

#include "harness/core/error.h"

namespace winnow {
namespace {

volatile std::sig_atomic_t noted = 0;
constexpr int kSignals[] = {SIGINT, SIGTERM, SIGUSR1, SIGUSR2};

int code_of(int signal) { return signal == SIGINT ? kExitInterrupted : signal == SIGTERM ? kExitTerminated : kExitRequeue; }

void note(int signal) {
  if (noted != 0) _exit(code_of(signal));
  noted = signal;
}

void handle_all(void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  for (const int signal : kSignals) sigaction(signal, &action, nullptr);
}

}  // namespace

StopSignals::StopSignals() {
  noted = 0;
  handle_all(note);
}

StopSignals::~StopSignals() {
  if (noted == 0) handle_all(SIG_DFL);  // else a second one that comes late still ends with the code of a stop
}

bool StopSignals::arrived() { return noted != 0; }
int StopSignals::exit_code() { return code_of(noted); }

}  // namespace winnow
