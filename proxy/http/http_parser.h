// Reads requests out of a connection's bytes: strictly, because what two parsers read differently can smuggle
// a request (RFC 9112, 11.2).
//
//   RequestParser parser(limits);
//   parse_head(input) until it is not `more`  ->  request(), body_length(), keep_alive(), expects_continue()
//   parse_body(input, piece, bytes_max) until `done`
//   next()                                    ->  ready for the next request of the connection
//
// After `failed`, malformed() says what to answer, and the connection can only be closed: nobody knows where
// the next request would begin. The bytes are those of an evbuffer; what was understood is drained from it,
// nothing else is.
//
// Stricter than the RFC demands: no line ending but CRLF, no folded lines, no repeated Host, no
// Transfer-Encoding but exactly "chunked".
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "proxy/http/http.h"

struct evbuffer;

namespace breakwater::proxy {

struct Malformed {
  int status = 400;
  const char* why = "";  // a literal, for the client
};

class RequestParser {
 public:
  struct Limits {
    uint32_t header_bytes_max = 16 * 1024;  // the whole head
    uint32_t target_bytes_max = 8 * 1024;
  };
  enum class Progress { more, done, failed };

  explicit RequestParser(const Limits& limits);
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  Progress parse_head(evbuffer* input);
  // Appends at most `bytes_max` bytes of the body to `into`. `done` at its end; `more` when `input` has no
  // more of it, or `into` is full.
  Progress parse_body(evbuffer* input, std::string& into, size_t bytes_max);
  void next();

  const Malformed& malformed() const;

  // Valid after the head, until next().
  const Request& request() const;
  std::optional<uint64_t> body_length() const;  // nothing: chunked. 0: there is none
  bool body_ended() const;
  bool keep_alive() const;
  bool expects_continue() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace breakwater::proxy
