// An Exchange without a connection: the request is the test's, and the reply is remembered. Writes end at
// once.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "proxy/http/exchange.h"
#include "proxy/http/request_id.h"

namespace breakwater::test {

class RecordedExchange : public proxy::Exchange {
 public:
  RecordedExchange(std::string method, std::string target, proxy::Headers headers = {}) {
    request_.method = std::move(method);
    request_.target = std::move(target);
    request_.headers = std::move(headers);
    id_ = proxy::given_request_id(request_.headers);
    if (id_.empty()) proxy::RequestIds().renew(id_);
    set_peer(127, 0, 0, 1);
  }

  // Whether a trusted proxy has told the peer; and whether he has asked by https.
  void set_told(bool is_told) { peer_.is_told = is_told; }
  void set_secure(bool is_secure) { is_secure_ = is_secure; }

  void set_peer(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
    peer_.address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d};
    peer_.text =
        std::to_string(a) + '.' + std::to_string(b) + '.' + std::to_string(c) + '.' + std::to_string(d);
  }

  // A process of this machine.
  void set_no_peer() { peer_ = {{}, "uid 0"}; }

  // Whose it is, and whether it may have one more request at work.
  void set_client(std::shared_ptr<proxy::Client> client, bool has_turn) {
    client_ = std::move(client);
    has_turn_ = has_turn;
  }

  const proxy::Request& request() const override { return request_; }
  std::string_view id() const override { return id_; }
  const proxy::Peer& peer() const override { return peer_; }
  bool is_secure() const override { return is_secure_; }
  const std::shared_ptr<proxy::Client>& client() const override { return client_; }
  proxy::Buffers& buffers() override { return buffers_; }
  bool take_turn() override { return has_turn_; }
  proxy::Task<bool> wait_for_turn(proxy::Moment) override { co_return has_turn_; }
  void end_turn() override {}
  std::optional<uint64_t> body_length() const override { return 0; }
  proxy::Task<Result<proxy::Piece>> read() override { co_return proxy::Piece(); }
  void resumes_from(uint64_t) override {}
  void keeps_body() override {}

  void reply(int status, proxy::Headers headers, std::string_view body) override {
    start(status, std::move(headers), body.size());
    body_ = body;
  }
  void reply(int status, proxy::Headers headers, std::shared_ptr<const std::string> body) override {
    reply(status, std::move(headers), std::string_view(*body));
  }
  void start(int status, proxy::Headers headers, std::optional<uint64_t> length) override {
    status_ = status;
    headers_ = std::move(headers);
    length_ = length;
  }
  proxy::Task<> write(std::string piece) override {
    body_ += piece;
    co_return;
  }
  proxy::Task<> send_file(store::SharedFile, uint64_t, uint64_t) override { co_return; }
  void finish() override {}
  void abort() override { aborted_ = true; }
  void close_after() override {}

  bool started() const override { return status_ != 0; }
  int status() const override { return status_; }
  uint64_t bytes_sent() const override { return body_.size(); }
  void at(const char* step) override { step_ = step; }
  const char* step() const override { return step_; }

  const proxy::Headers& reply_headers() const { return headers_; }
  const std::string& body() const { return body_; }
  bool aborted() const { return aborted_; }

 private:
  proxy::Request request_;
  std::string id_;
  proxy::Peer peer_;
  std::shared_ptr<proxy::Client> client_;
  bool has_turn_ = true;
  bool is_secure_ = false;
  proxy::Loop loop_;
  proxy::Buffers buffers_{loop_, UINT64_MAX};
  proxy::Headers headers_;
  std::optional<uint64_t> length_;
  std::string body_;
  int status_ = 0;
  bool aborted_ = false;
  const char* step_ = "";
};

}  // namespace breakwater::test
