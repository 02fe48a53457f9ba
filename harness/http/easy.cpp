#include "harness/http/easy.h"

#include <cstdlib>
#include <mutex>

#include "harness/core/error.h"

namespace winnow {
namespace {

bool is_loopback(const std::string& url) {
  const std::size_t host = url.find("://");
  if (host == std::string::npos) return false;
  const std::string_view rest = std::string_view(url).substr(host + 3);
  return rest.starts_with("127.") || rest.starts_with("[::1]") || rest.starts_with("localhost:") || rest.starts_with("localhost/") || rest == "localhost";
}

}  // namespace

void start_curl() {
  static std::once_flag once;
  std::call_once(once, [] { WINNOW_CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK); });
}

Easy make_easy(const std::string& url) {
  start_curl();
  Easy easy(curl_easy_init());
  if (!easy) throw std::bad_alloc();
  set_common_options(easy.get(), url);
  return easy;
}

void set_common_options(CURL* handle, const std::string& url) {
  curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(handle, CURLOPT_USERAGENT, "winnow");
  if (const char* bundle = std::getenv("SSL_CERT_FILE"); bundle != nullptr && *bundle != '\0') curl_easy_setopt(handle, CURLOPT_CAINFO, bundle);
  if (is_loopback(url)) curl_easy_setopt(handle, CURLOPT_PROXY, "");
}

std::string reason_of(CURLcode code, const char* details) {
  switch (code) {
    case CURLE_GOT_NOTHING: return "the connection was closed without a reply";
    case CURLE_PARTIAL_FILE: return "the connection was closed in the middle of the reply";
    case CURLE_OPERATION_TIMEDOUT: return "no reply in time";
    default: return details != nullptr && *details != '\0' ? details : curl_easy_strerror(code);
  }
}

}  // namespace winnow
