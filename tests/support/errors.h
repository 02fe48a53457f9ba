#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "harness/core/error.h"

namespace winnow::test {

// The sentence of the Error of that kind that `act` throws; otherwise "(…)" saying what happened instead.
std::string error_text(ErrorKind kind, const std::function<void()>& act);

}  // namespace winnow::test

// The whole sentence: EXPECT_ERROR(read(x), kInput, "x: not there").
#define EXPECT_ERROR(statement, kind, text) EXPECT_EQ(::winnow::test::error_text(::winnow::ErrorKind::kind, [&] { (void)(statement); }), text)
// A part of it, or any gmock matcher: EXPECT_ERROR_HAS(read(x), kInput, "not there"); EXPECT_ERROR_THAT(read(x), kInput, AllOf(…)).
#define EXPECT_ERROR_HAS(statement, kind, part) EXPECT_ERROR_THAT(statement, kind, ::testing::HasSubstr(part))
#define EXPECT_ERROR_THAT(statement, kind, matcher) EXPECT_THAT(::winnow::test::error_text(::winnow::ErrorKind::kind, [&] { (void)(statement); }), matcher)
