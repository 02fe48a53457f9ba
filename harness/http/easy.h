#pragma once
#include <curl/curl.h>

#include <memory>
#include <string>

namespace winnow {

// What every transfer of this program has in common, over libcurl.

void start_curl();  // before any other call, from any thread, as often as one likes

struct EasyCleanup {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
using Easy = std::unique_ptr<CURL, EasyCleanup>;

struct ListCleanup {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, ListCleanup>;

// http and https only, certificates verified, no signals, no redirects, no proxy for loopback addresses; the environment's proxies otherwise.
Easy make_easy(const std::string& url);
void set_common_options(CURL* easy, const std::string& url);  // the same for a handle that is used again

// "connection refused", in words that a sentence can hold.
std::string reason_of(CURLcode code, const char* details);

}  // namespace winnow
