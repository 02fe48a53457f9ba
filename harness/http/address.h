#pragma once
#include <string>
#include <string_view>

namespace winnow {

// An http or https address, checked and in its canonical form: scheme and host in lower case, no default port, no '/' at the end.
// Throws Error(kInput) for anything else, for one with a user name or password (which is then not shown), a query or a fragment.
struct Address {
  std::string text;    // "http://127.0.0.1:8000/v1"
  std::string origin;  // "http://127.0.0.1:8000"
};
Address parse_address(std::string_view text);

}  // namespace winnow
