#include "tests/support/http_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string_view>

namespace winnow::test {
namespace {

int listen_on_loopback(int& port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (listener < 0 || bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener, 256) != 0 ||
      getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("cannot listen on the loopback");
  port = ntohs(address.sin_port);
  return listener;
}

bool send_all(int connection, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void sleep_for(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

// Reads on until `buffer` holds `count` bytes.
bool fill(int connection, std::string& buffer, std::size_t count) {
  char bytes[65536];
  while (buffer.size() < count) {
    const ssize_t got = recv(connection, bytes, sizeof bytes, 0);
    if (got <= 0) return false;
    buffer.append(bytes, static_cast<std::size_t>(got));
  }
  return true;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::optional<ServerRequest> read_request(int connection, std::string& buffer) {
  std::size_t head = 0;
  while ((head = buffer.find("\r\n\r\n")) == std::string::npos) {
    if (!fill(connection, buffer, buffer.size() + 1)) return std::nullopt;
  }
  ServerRequest request;
  const std::string text = buffer.substr(0, head + 2);
  const std::size_t line_end = text.find("\r\n"), space = text.find(' ');
  request.method = text.substr(0, space);
  request.target = text.substr(space + 1, text.find(' ', space + 1) - space - 1);
  for (std::size_t at = line_end + 2; at < text.size();) {
    const std::size_t end = text.find("\r\n", at), colon = text.find(':', at);
    const std::size_t value = std::min(text.find_first_not_of(' ', colon + 1), end);
    request.headers[lower(text.substr(at, colon - at))] = text.substr(value, end - value);
    at = end + 2;
  }
  const auto length = request.headers.find("content-length");
  const std::size_t body = length == request.headers.end() ? 0 : std::stoul(length->second);
  if (!fill(connection, buffer, head + 4 + body)) return std::nullopt;
  request.body = buffer.substr(head + 4, body);
  buffer.erase(0, head + 4 + body);
  return request;
}

}  // namespace

HttpServer::HttpServer(Handler handler) : handler_(std::move(handler)), listener_(listen_on_loopback(port_)), acceptor_([this] { accept_connections(); }) {}

HttpServer::~HttpServer() {
  is_closing_ = true;
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  close(listener_);
  {
    const std::lock_guard lock(mutex_);
    for (const int connection : connections_) shutdown(connection, SHUT_RDWR);
  }
  for (std::thread& thread : threads_) thread.join();
}

void HttpServer::accept_connections() {
  while (!is_closing_) {
    const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    const int on = 1;
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const std::lock_guard lock(mutex_);
    connections_.insert(connection);
    threads_.emplace_back([this, connection] { serve(connection); });
  }
}

void HttpServer::serve(int connection) {
  std::string buffer;
  while (!is_closing_) {
    const std::optional<ServerRequest> request = read_request(connection, buffer);
    if (!request) break;
    ++requests_;
    const int now = ++at_once_;
    for (int most = most_at_once_; now > most && !most_at_once_.compare_exchange_weak(most, now);) continue;
    const bool goes_on = send(connection, handler_(*request));
    --at_once_;
    if (!goes_on) break;
  }
  const std::lock_guard lock(mutex_);
  connections_.erase(connection);
  close(connection);
}

bool HttpServer::send(int connection, const ServerReply& reply) {
  for (double left = reply.wait_seconds; left > 0 && !is_closing_; left -= 0.02) sleep_for(std::min(left, 0.02));
  if (reply.is_dropped) return false;
  std::string head = fmt::format("HTTP/1.1 {} Reply\r\n", reply.status);
  for (const std::string& header : reply.headers) head += header + "\r\n";
  if (!reply.is_endless) head += fmt::format("Content-Length: {}\r\n", reply.stated_length.value_or(reply.body.size()));
  if (!send_all(connection, head + "\r\n")) return false;
  if (reply.is_endless) {
    while (!is_closing_ && send_all(connection, reply.body)) continue;
    return false;
  }
  const std::string_view body = std::string_view(reply.body).substr(0, reply.closed_after.value_or(reply.body.size()));
  if (reply.seconds_between_bytes > 0) {
    for (const char& byte : body) {
      if (is_closing_ || !send_all(connection, {&byte, 1})) return false;
      sleep_for(reply.seconds_between_bytes);
    }
  } else if (!send_all(connection, body)) {
    return false;
  }
  return !reply.closed_after && reply.stated_length.value_or(reply.body.size()) == reply.body.size();
}

int free_port() {
  int port = 0;
  close(listen_on_loopback(port));
  return port;
}

}  // namespace winnow::test
