#include "harness/http/client.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <random>
#include <vector>

#include "harness/core/error.h"
#include "harness/core/terminal.h"
#include "harness/http/easy.h"

namespace winnow {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kMaxHeaderBytes = std::size_t{256} << 10;
constexpr int kPollMilliseconds = 100;  // between two questions whether to stop

Clock::duration seconds(double count) { return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(count)); }

// The secret as it is, and as JSON may write it ("\/").
std::string without(std::string text, const std::string& secret) {
  constexpr std::string_view kHidden = "***";
  std::string escaped;
  for (const char c : secret) {
    if (c == '"' || c == '\\' || c == '/') escaped += '\\';
    escaped += c;
  }
  for (const std::string& shown : {secret, escaped}) {
    for (std::size_t at = 0; !shown.empty() && (at = text.find(shown, at)) != std::string::npos; at += kHidden.size()) text.replace(at, shown.size(), kHidden);
  }
  return text;
}

// An attempt under way. libcurl holds pointers into it.
struct Flight {
  std::size_t index = 0;
  int attempt = 1;
  std::size_t taken_before = 0;  // replies that had come when it was last refused
  std::string url, body;
  HttpReply reply;
  std::size_t header_bytes = 0, max_reply_bytes = 0;
  bool is_too_large = false;
  char details[CURL_ERROR_SIZE] = {};
  HeaderList headers;
  Easy easy;
};

std::size_t take_body(char* bytes, std::size_t, std::size_t count, void* flight_pointer) {
  auto& flight = *static_cast<Flight*>(flight_pointer);
  flight.is_too_large = flight.reply.body.size() + count > flight.max_reply_bytes;
  if (flight.is_too_large) return 0;
  flight.reply.body.append(bytes, count);
  return count;
}

std::size_t take_header(char* bytes, std::size_t, std::size_t count, void* flight_pointer) {
  auto& flight = *static_cast<Flight*>(flight_pointer);
  flight.header_bytes += count;
  flight.is_too_large = flight.header_bytes > kMaxHeaderBytes;
  if (flight.is_too_large) return 0;
  const std::string_view line(bytes, count);
  if (line.starts_with("HTTP/")) flight.reply.headers.clear();  // after a "100 Continue"
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return count;
  std::string name(line.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : static_cast<char>(c); });
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == '\r' || value.back() == '\n' || value.back() == ' ')) value.remove_suffix(1);
  flight.reply.headers[std::move(name)] = std::string(value);
  return count;
}

bool is_tried_again(long status) { return status == 408 || status == 425 || status == 429 || (status >= 500 && status != 501 && status != 505); }

bool is_final(CURLcode code) {
  return code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
         code == CURLE_OUT_OF_MEMORY || code == CURLE_SSL_CERTPROBLEM;
}

bool nobody_answers(CURLcode code) { return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY; }

}  // namespace

// The multi handle keeps connections open between runs.
struct HttpClient::Handles {
  Handles() {
    start_curl();
    multi = curl_multi_init();
    if (multi == nullptr) throw std::bad_alloc();
  }
  ~Handles() { curl_multi_cleanup(multi); }
  Handles(const Handles&) = delete;
  Handles& operator=(const Handles&) = delete;

  CURLM* multi;
  std::mt19937_64 chance{std::random_device{}()};
  Clock::time_point next_start{};  // of the rate limit, and of a Retry-After
};

class HttpClient::Run {
 public:
  Run(const HttpSettings& settings, Handles& handles, const Exchange& exchange) : settings_(settings), handles_(handles), exchange_(exchange) {}
  ~Run() {
    for (const auto& flight : flights_) curl_multi_remove_handle(handles_.multi, flight->easy.get());
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  bool go() {
    while (!is_enough_ && (next_ < exchange_.count || !waiting_.empty() || !flights_.empty())) {
      if (settings_.should_stop && settings_.should_stop()) return false;
      start_what_may();
      int running = 0;
      curl_multi_perform(handles_.multi, &running);
      take_finished();
      if (!is_enough_) wait();
    }
    return true;
  }

 private:
  struct Waiting {
    std::size_t index;
    int attempt;
    std::size_t taken;  // replies that had come by then
    Clock::time_point not_before;
  };

  void start_what_may() {
    while (flights_.size() < static_cast<std::size_t>(settings_.concurrency)) {
      const Clock::time_point now = Clock::now();
      if (now < handles_.next_start) return;
      const auto due = std::min_element(waiting_.begin(), waiting_.end(), [](const Waiting& a, const Waiting& b) { return a.not_before < b.not_before; });
      if (due != waiting_.end() && due->not_before <= now) {
        const Waiting again = *due;
        waiting_.erase(due);
        start(again.index, again.attempt, again.taken);
      } else if (next_ < exchange_.count) {
        start(next_++, 1, taken_);
      } else {
        return;
      }
      if (settings_.requests_per_second > 0) handles_.next_start = std::max(handles_.next_start, now) + seconds(1 / settings_.requests_per_second);
    }
  }

  void start(std::size_t index, int attempt, std::size_t taken_before) {
    auto flight = std::make_unique<Flight>();
    HttpRequest request = exchange_.request(index);
    flight->index = index;
    flight->attempt = attempt;
    flight->taken_before = taken_before;
    flight->url = std::move(request.url);
    flight->body = std::move(request.json);
    flight->max_reply_bytes = settings_.max_reply_bytes;
    flight->easy = make_easy(flight->url);
    CURL* easy = flight->easy.get();
    curl_easy_setopt(easy, CURLOPT_PRIVATE, flight.get());
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, flight->details);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, flight.get());
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, flight.get());
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(std::ceil(settings_.connect_seconds * 1000)));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(std::ceil(settings_.reply_seconds * 1000)));
    std::vector<std::string> headers = {"Accept: application/json"};
    if (!settings_.bearer.empty()) headers.push_back("Authorization: Bearer " + settings_.bearer);
    if (!flight->body.empty()) {
      headers.insert(headers.end(), {"Content-Type: application/json", "Expect:"});
      curl_easy_setopt(easy, CURLOPT_POSTFIELDS, flight->body.data());
      curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(flight->body.size()));
    }
    for (const std::string& header : headers) {
      curl_slist* longer = curl_slist_append(flight->headers.get(), header.c_str());
      if (longer == nullptr) throw std::bad_alloc();
      (void)flight->headers.release();
      flight->headers.reset(longer);
    }
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, flight->headers.get());
    WINNOW_CHECK(curl_multi_add_handle(handles_.multi, easy) == CURLM_OK);
    flights_.push_back(std::move(flight));
  }

  void take_finished() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(handles_.multi, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode code = message->data.result;
      CURL* easy = message->easy_handle;
      const auto place = std::find_if(flights_.begin(), flights_.end(), [&](const auto& flight) { return flight->easy.get() == easy; });
      WINNOW_CHECK(place != flights_.end());
      const std::unique_ptr<Flight> flight = std::move(*place);
      flights_.erase(place);
      curl_multi_remove_handle(handles_.multi, easy);
      land(*flight, code);
      if (is_enough_) return;
    }
  }

  void land(Flight& flight, CURLcode code) {
    const std::string where = flight.url;
    if (flight.is_too_large) throw input_error("{}: the reply is larger than {} bytes, which no answer needs", where, settings_.max_reply_bytes);
    if (code != CURLE_OK) {
      const std::string reason = reason_of(code, flight.details);
      if (is_final(code)) throw input_error("{}: {}", where, one_line(without(reason, settings_.bearer), 300));
      return again(flight, reason, 0, nobody_answers(code) ? settings_.connect_attempts : settings_.attempts);
    }
    curl_easy_getinfo(flight.easy.get(), CURLINFO_RESPONSE_CODE, &flight.reply.status);
    if (is_tried_again(flight.reply.status)) {
      curl_off_t retry_after = 0;
      curl_easy_getinfo(flight.easy.get(), CURLINFO_RETRY_AFTER, &retry_after);
      return again(flight, fmt::format("the server answers {}: {}", flight.reply.status, one_line(without(flight.reply.body, settings_.bearer), 300)),
                   static_cast<double>(retry_after), settings_.attempts);
    }
    const ReplyVerdict verdict = exchange_.take(flight.index, flight.reply);
    if (verdict.kind == ReplyVerdict::Kind::kFaulty) {
      again(flight, verdict.fault, 0, settings_.attempts);
    } else {
      ++taken_;
    }
    is_enough_ = verdict.kind == ReplyVerdict::Kind::kEnough;
  }

  void again(const Flight& flight, const std::string& fault, double retry_after, int attempts) {
    const std::string sentence = one_line(without(fault, settings_.bearer), 500);
    const bool is_busy = flight.reply.status == 429 || flight.reply.status == 503;
    const int attempt = is_busy && taken_ > flight.taken_before ? 1 : flight.attempt;  // others got through meanwhile: it was not its turn
    if (attempt >= attempts) throw input_error("{}: {} (after {} attempts)", flight.url, sentence, attempt);
    if (retry_after > settings_.longest_retry_after_seconds) {
      throw input_error("{}: {}; it asks to wait for {:.0f} s, which is longer than this program waits: start it again later", flight.url, sentence,
                        retry_after);
    }
    const double doubled = settings_.first_wait_seconds * std::exp2(std::min(attempt - 1, 30));
    const double wait = std::min(doubled, settings_.longest_wait_seconds) * std::uniform_real_distribution<double>(0.5, 1)(handles_.chance);
    const Clock::time_point now = Clock::now();
    const Clock::time_point not_before = now + seconds(std::max(wait, retry_after));
    if (is_busy || retry_after > 0) handles_.next_start = std::max(handles_.next_start, not_before);  // it is for all of us
    waiting_.push_back({flight.index, attempt + 1, taken_, not_before});
  }

  void wait() {
    Clock::time_point until = Clock::now() + std::chrono::milliseconds(kPollMilliseconds);
    if (flights_.size() < static_cast<std::size_t>(settings_.concurrency)) {
      Clock::time_point next = until;
      for (const Waiting& waiting : waiting_) next = std::min(next, waiting.not_before);
      if (next_ < exchange_.count) next = handles_.next_start;
      until = std::min(until, std::max(next, handles_.next_start));
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    if (left > 0) curl_multi_poll(handles_.multi, nullptr, 0, static_cast<int>(left), nullptr);
  }

  const HttpSettings& settings_;
  Handles& handles_;
  const Exchange& exchange_;
  std::size_t next_ = 0, taken_ = 0;
  std::deque<Waiting> waiting_;
  std::vector<std::unique_ptr<Flight>> flights_;
  bool is_enough_ = false;
};

HttpClient::HttpClient(HttpSettings settings) : settings_(std::move(settings)), handles_(std::make_unique<Handles>()) {}
HttpClient::~HttpClient() = default;

bool HttpClient::run(const Exchange& exchange) { return Run(settings_, *handles_, exchange).go(); }

std::string HttpClient::redacted(std::string text) const { return without(std::move(text), settings_.bearer); }

}  // namespace winnow
