#pragma once
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace winnow {

struct HttpSettings {
  int concurrency = 8;
  double requests_per_second = 0;  // 0: as many as the replies allow
  double connect_seconds = 10;
  double reply_seconds = 300;  // of one attempt, from its start to the reply's last byte
  int attempts = 8;
  int connect_attempts = 8;                                    // while nobody answers at all
  double first_wait_seconds = 0.5, longest_wait_seconds = 60;  // between attempts: doubled each time, less up to half by chance
  double longest_retry_after_seconds = 600;                    // a server may ask for that much; more ends it
  std::size_t max_reply_bytes = std::size_t{64} << 20;
  std::string bearer = {};                 // sent as "Authorization: Bearer …", shown nowhere
  std::function<bool()> should_stop = {};  // asked several times a second while waiting
};

struct HttpRequest {
  std::string url;
  std::string json;  // POST where there is some, else GET
};

struct HttpReply {
  long status = 0;
  std::string body;
  std::map<std::string, std::string> headers;  // names in lower case
};

// What its taker says of a reply. kFaulty: cut or malformed, to be asked for again like a dropped connection.
struct ReplyVerdict {
  enum class Kind { kTaken, kFaulty, kEnough };
  Kind kind = Kind::kTaken;
  std::string fault = {};
};

// HTTP with patience. Timeouts, dropped connections, 408, 425, 429 and 5xx are tried again, as often and as long as the settings say,
// Retry-After honoured; what a busy server refuses (429, 503) holds all back, and is tried for as long as others get through. Redirects are not
// followed. TLS certificates are verified. Proxies are those of the environment, for loopback none. Every text of an Error is free of the bearer.
class HttpClient {
 public:
  explicit HttpClient(HttpSettings settings);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Requests 0 … count − 1, at most `concurrency` at a time. `take` gets each one's reply once, in the order they finish, unless it says
  // kFaulty: then once more after another attempt. It sees every status but those tried again. Returns early when `take` said kEnough (what
  // is under way is dropped), and false when it should stop. Throws Error(kInput) where the attempts are used up.
  struct Exchange {
    std::size_t count = 0;
    std::function<HttpRequest(std::size_t index)> request;
    std::function<ReplyVerdict(std::size_t index, const HttpReply& reply)> take;
  };
  bool run(const Exchange& exchange);

  // For what a server says of itself: the bearer taken out, should it be in there.
  std::string redacted(std::string text) const;

 private:
  class Run;
  HttpSettings settings_;
  struct Handles;
  std::unique_ptr<Handles> handles_;
};

}  // namespace winnow
