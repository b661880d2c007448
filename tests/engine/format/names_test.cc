// SPDX-License-Identifier: Apache-2.0
// Goal: names are well-formed UTF-8 of 1 to so many bytes without control characters, nothing else. Method: a table of
// sequences after the Unicode standard's ranges; and every code point there is, encoded by hand.
#include "engine/format/names.h"

#include <gtest/gtest.h>
#include <string>

#include "tests/store/support.h"

namespace tidemark::engine {
namespace {

using namespace test;
using namespace std::string_literals;

TEST(Names, WellFormed) {
  for (const std::string& name :
       {"a"s, "loan-17"s, " "s, "~"s, "é"s, "日本"s, "\xF0\x9F\x98\x80"s, "\xC2\xA0"s, "\xDF\xBF"s, "\xE0\xA0\x80"s,
        "\xED\x9F\xBF"s, "\xEE\x80\x80"s, "\xEF\xBF\xBF"s, "\xF0\x90\x80\x80"s, "\xF4\x8F\xBF\xBF"s}) {
    EXPECT_TRUE(ok(check_name("a name", name, 255))) << name;
  }
}

TEST(Names, IllFormed) {
  for (const std::string& name : {"\x80"s,
                                  "\xBF"s,
                                  "\xC0\x80"s,
                                  "\xC0\xAF"s,
                                  "\xC1\xBF"s,  // alone, overlong in two
                                  "\xE0\x80\x80"s,
                                  "\xE0\x9F\xBF"s,
                                  "\xF0\x80\x80\x80"s,
                                  "\xF0\x8F\xBF\xBF"s,  // overlong in three and four
                                  "\xED\xA0\x80"s,
                                  "\xED\xBF\xBF"s,  // surrogates
                                  "\xF4\x90\x80\x80"s,
                                  "\xF5\x80\x80\x80"s,
                                  "\xF8\x88\x80\x80\x80"s,
                                  "\xFE"s,
                                  "\xFF"s,  // past the last
                                  "\xC3"s,
                                  "\xE3\x81"s,
                                  "\xF0\x9F\x98"s,
                                  "a\xC3"s,
                                  "\xC3z"s,
                                  "\xE3\x81z"s,
                                  "\xF0\x9F\x98z"s}) {  // cut short
    const auto checked = check_name("a name", name, 255);
    ASSERT_TRUE(fails_with(checked, ErrorCode::kInvalidArgument));
    EXPECT_NE(checked.error().message().find("UTF-8"), std::string::npos);
    EXPECT_TRUE(fails_with(check_name("a name", "ok" + name, 255), ErrorCode::kInvalidArgument));
  }
}

TEST(Names, ControlCharacters) {
  for (unsigned c = 0; c < 0xA0; ++c) {
    const std::string name =
        c < 0x80 ? std::string(1, static_cast<char>(c)) : std::string{static_cast<char>(0xC2), static_cast<char>(c)};
    const bool control = c < 0x20 || c >= 0x7F;
    EXPECT_EQ(check_name("a name", name, 255).has_value(), !control) << c;
    EXPECT_EQ(check_name("a name", "x" + name + "x", 255).has_value(), !control) << c;
  }
}

TEST(Names, EveryCodePoint) {
  for (std::uint32_t point = 0; point < 0x120000; ++point) {
    std::string name;
    const auto tail = [&](unsigned shift) { name += static_cast<char>(0x80 | (point >> shift & 0x3F)); };
    if (point < 0x80) {
      name += static_cast<char>(point);
    } else if (point < 0x800) {
      name += static_cast<char>(0xC0 | point >> 6U);
      tail(0);
    } else if (point < 0x10000) {
      name += static_cast<char>(0xE0 | point >> 12U);
      tail(6);
      tail(0);
    } else {
      name += static_cast<char>(0xF0 | point >> 18U);
      tail(12);
      tail(6);
      tail(0);
    }
    const bool control = point < 0x20 || (point >= 0x7F && point < 0xA0);
    const bool surrogate = point >= 0xD800 && point < 0xE000;
    ASSERT_EQ(check_name("a name", name, 255).has_value(), !control && !surrogate && point < 0x110000) << point;
  }
}

TEST(Names, Sizes) {
  EXPECT_TRUE(fails_with(check_name("a tag", "", 255), ErrorCode::kInvalidArgument));
  EXPECT_TRUE(ok(check_name("a tag", std::string(255, 'x'), 255)));
  const auto over = check_name("a tag", std::string(256, 'x'), 255);
  ASSERT_TRUE(fails_with(over, ErrorCode::kLimitExceeded));
  EXPECT_TRUE(over.error().message().starts_with("a tag"));
  EXPECT_NE(over.error().message().find("255"), std::string::npos);
  EXPECT_TRUE(ok(check_name("a tag", "é", 2)));
  EXPECT_TRUE(fails_with(check_name("a tag", "é", 1), ErrorCode::kLimitExceeded));  // bytes, not characters
}

}  // namespace
}  // namespace tidemark::engine
