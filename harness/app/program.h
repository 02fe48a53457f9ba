#pragma once

namespace winnow {

// Parses the command line, runs the verb and turns whatever it throws into one sentence on stderr and an exit code (core/error.h).
int run_program(int argc, char** argv);

}  // namespace winnow
