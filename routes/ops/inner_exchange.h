// A request that Breakwater makes of one of its own routes, as a client would: to fetch beforehand what a
// client will ask for. What is kept of a body counts among the buffers; the bytes of blobs are counted and
// dropped, and cost no copy, since what matters is that they are in the store. Belongs to the loop's thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/http/exchange.h"
#include "routes/ops/progress.h"

namespace breakwater::routes {

class InnerExchange final : public proxy::Exchange {
 public:
  // GET of `target`. Of the body, at most `kept_bytes_max` bytes are kept. The others outlive it.
  InnerExchange(std::string target, proxy::Headers headers, size_t kept_bytes_max, proxy::Buffers& buffers,
                Progress& progress)
      : request_{"GET", std::move(target), 1, std::move(headers)},
        kept_bytes_max_(kept_bytes_max),
        buffers_(buffers),
        progress_(progress) {
    peer_.text = "fetch";
  }

  const proxy::Headers& reply_headers() const { return headers_; }
  const std::string& body() const { return body_; }
  // Whether the reply has all of its bytes.
  bool is_complete() const { return is_complete_ || (!is_aborted_ && length_ && bytes_sent_ == *length_); }

  std::string_view id() const override { return "fetch"; }
  const proxy::Request& request() const override { return request_; }
  const proxy::Peer& peer() const override { return peer_; }
  bool is_secure() const override { return false; }
  const std::shared_ptr<proxy::Client>& client() const override { return client_; }
  proxy::Buffers& buffers() override { return buffers_; }
  bool take_turn() override { return true; }
  proxy::Task<bool> wait_for_turn(proxy::Moment) override { co_return true; }
  void end_turn() override {}
  std::optional<uint64_t> body_length() const override { return 0; }
  proxy::Task<Result<proxy::Piece>> read() override { co_return proxy::Piece(); }

  void reply(int status, proxy::Headers headers, std::string_view body) override {
    start(status, std::move(headers), body.size());
    take(body);
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
    take(piece);
    co_return;
  }
  proxy::Task<> send_file(store::SharedFile, uint64_t, uint64_t length) override {
    count(length);
    co_return;
  }
  void finish() override { is_complete_ = true; }
  void abort() override { is_aborted_ = true; }
  void close_after() override {}
  void resumes_from(uint64_t) override {}
  void keeps_body() override {}

  bool started() const override { return status_ != 0; }
  int status() const override { return status_; }
  uint64_t bytes_sent() const override { return bytes_sent_; }
  void at(const char* step) override { step_ = step; }
  const char* step() const override { return step_; }

 private:
  void count(uint64_t bytes) {
    bytes_sent_ += bytes;
    progress_.bytes += bytes;
  }
  void take(std::string_view bytes) {
    if (body_.size() + bytes.size() <= kept_bytes_max_) {
      held_.push_back(buffers_.reserve_over_limit(bytes.size()));
      body_ += bytes;
    }
    count(bytes.size());
  }

  proxy::Request request_;
  proxy::Peer peer_;
  std::shared_ptr<proxy::Client> client_;
  size_t kept_bytes_max_;
  proxy::Buffers& buffers_;
  Progress& progress_;
  proxy::Headers headers_;
  std::optional<uint64_t> length_;
  std::string body_;
  std::vector<proxy::BufferReservation> held_;  // for it
  uint64_t bytes_sent_ = 0;
  int status_ = 0;
  bool is_complete_ = false;
  bool is_aborted_ = false;
  const char* step_ = "";
};

}  // namespace breakwater::routes
