#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace winnow::test {

struct ServerRequest {
  std::string method, target, body;
  std::map<std::string, std::string> headers;  // names in lower case
};

// What the server sends, and how it misbehaves.
struct ServerReply {
  int status = 200;
  std::string body = {};
  std::vector<std::string> headers = {};          // "Retry-After: 1"
  double wait_seconds = 0;                        // before the first byte
  double seconds_between_bytes = 0;               // 0: all at once
  std::optional<std::size_t> stated_length = {};  // Content-Length; default: the body's
  std::optional<std::size_t> closed_after = {};   // bytes of the body; 0: with the head; default: all are sent
  bool is_dropped = false;                        // closed without a byte
  bool is_endless = false;                        // the body again and again, without a Content-Length
};

// An HTTP/1.1 server on a loopback port of its own, a thread a connection. The handler is called from those threads.
class HttpServer {
 public:
  using Handler = std::function<ServerReply(const ServerRequest& request)>;
  explicit HttpServer(Handler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  int port() const { return port_; }
  std::string url(const std::string& path = "") const { return "http://127.0.0.1:" + std::to_string(port_) + path; }
  int requests() const { return requests_; }
  int most_at_once() const { return most_at_once_; }

 private:
  void accept_connections();
  void serve(int connection);
  bool send(int connection, const ServerReply& reply);

  Handler handler_;
  int port_ = 0, listener_ = -1;  // in this order: listening sets the port
  std::atomic<bool> is_closing_ = false;
  std::atomic<int> requests_ = 0, at_once_ = 0, most_at_once_ = 0;
  std::mutex mutex_;
  std::set<int> connections_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

// A loopback port on which nobody listens.
int free_port();

}  // namespace winnow::test
