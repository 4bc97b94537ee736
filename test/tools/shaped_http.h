// Reads along as HTTP/1.1 passes by: the requests of one connection and the replies to them, one after the
// other, without changing a byte. Pipelined requests are not understood; the upstream side of a mirror sends
// none.
//
// Whoever moves the bytes asks the RequestReader for each head, and the ReplyReader how far the reply has
// come.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace breakwater::test {

struct RequestHead {
  std::string method;
  std::string target;
  std::string range;  // the value of `Range`, or ""
  bool authorized = false;
};

// Takes the bytes that a client sent and gives back whole heads. Requests have no bodies here.
class RequestReader {
 public:
  void append(std::string_view bytes) { waiting_.append(bytes); }
  // The next head with all its bytes, or nothing yet.
  std::optional<std::string> next();
  static RequestHead parse(std::string_view head);

 private:
  std::string waiting_;
};

// Follows one reply: head, then a body by Content-Length, by chunks, or up to the end of the connection.
class ReplyReader {
 public:
  explicit ReplyReader(bool to_head_request) : to_head_request_(to_head_request) {}

  // How many of `bytes` belong to this reply, if no more than `body_bytes_max` bytes of body may pass in all.
  // Counts them. Less than bytes.size() only at the end of the reply or at that limit.
  size_t take(std::string_view bytes, uint64_t body_bytes_max);

  bool complete() const { return phase_ == Phase::complete; }
  int status() const { return status_; }
  uint64_t body_bytes() const { return body_bytes_; }

 private:
  enum class Phase { head, body, body_to_end, chunk_size, chunk, chunk_end, trailer, complete };
  size_t take_head(std::string_view bytes);
  size_t take_body(std::string_view bytes, uint64_t body_bytes_max);
  size_t take_line(std::string_view bytes);
  void read_head();
  void read_chunk_size();

  bool to_head_request_;
  Phase phase_ = Phase::head;
  std::string text_;  // of the head, or of one line between chunks
  int status_ = 0;
  uint64_t left_ = 0;
  uint64_t body_bytes_ = 0;
};

// The value of a field in a head, without case; "" if it is not there.
std::string field_of(std::string_view head, std::string_view name);

}  // namespace breakwater::test
