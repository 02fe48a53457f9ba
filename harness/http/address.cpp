#include "harness/http/address.h"

#include <curl/curl.h>

#include <algorithm>
#include <memory>

#include "harness/core/error.h"
#include "harness/core/terminal.h"

namespace winnow {
namespace {

using Url = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

std::string part(CURLU* url, CURLUPart which) {
  char* text = nullptr;
  if (curl_url_get(url, which, &text, 0) != CURLUE_OK || text == nullptr) return "";
  std::string copy = text;
  curl_free(text);
  return copy;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : static_cast<char>(c); });
  return text;
}

bool is_default(const std::string& scheme, const std::string& port) { return port.empty() || port == (scheme == "https" ? "443" : "80"); }

}  // namespace

Address parse_address(std::string_view text) {
  const Url url(curl_url(), curl_url_cleanup);
  const std::string copy(text);
  // libcurl would take the first part of a path for a missing host.
  const bool is_plain =
      std::none_of(copy.begin(), copy.end(), [](unsigned char c) { return c <= 0x20 || c == 0x7f; }) && copy.find(":///") == std::string::npos;
  const bool is_url = is_plain && url && curl_url_set(url.get(), CURLUPART_URL, copy.c_str(), 0) == CURLUE_OK;
  if (is_url && !(part(url.get(), CURLUPART_USER) + part(url.get(), CURLUPART_PASSWORD)).empty()) {
    throw input_error("an address holds a user name or password; leave them out, and name the environment variable that holds the key instead (api_key_env)");
  }
  // What may hide a password that curl did not recognise is not repeated.
  const std::string shown = copy.find('@') == std::string::npos ? fmt::format("'{}'", one_line(copy, 200)) : "(one with an '@')";
  const std::string scheme = is_url ? lower(part(url.get(), CURLUPART_SCHEME)) : "";
  if (!is_url || (scheme != "http" && scheme != "https") || part(url.get(), CURLUPART_HOST).empty()) {
    throw input_error("{} is no address; expected http://HOST:PORT/PATH or https://HOST/PATH", shown);
  }
  if (!(part(url.get(), CURLUPART_QUERY) + part(url.get(), CURLUPART_FRAGMENT)).empty()) {
    throw input_error("the address {} has a query or fragment; expected http://HOST:PORT/PATH and nothing after the path",
                      shown.substr(0, shown.find_first_of("?#")));
  }
  const std::string host = lower(part(url.get(), CURLUPART_HOST)), port = part(url.get(), CURLUPART_PORT);
  std::string path = part(url.get(), CURLUPART_PATH);
  while (path.ends_with('/')) path.pop_back();
  Address address;
  address.origin = fmt::format("{}://{}{}", scheme, host, is_default(scheme, port) ? "" : ":" + port);
  address.text = address.origin + path;
  return address;
}

}  // namespace winnow
