#pragma once

namespace winnow {

// Written at every build by harness/cmake/commit.cmake.
extern const char* const kBuildCommit;  // "unknown" outside a git checkout
extern const bool kBuildIsDirty;        // tracked files had changes

}  // namespace winnow
