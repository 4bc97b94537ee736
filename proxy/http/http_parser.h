// Parses the requests of a connection. The parser is strict, because a message that two parsers understand
// differently can smuggle a request past one of them (RFC 9112, 11.2).
//
//   RequestParser parser(limits);
//   parse_head(input) until it is not `more`  ->  request(), body_length(), keep_alive(), expects_continue()
//   parse_body(input, piece, bytes_max) until `done`
//   next()                                    ->  ready for the next request of the connection
//
// After `failed`, malformed() says what to answer. The connection must then be closed, because nobody knows
// where the next request would begin. The bytes are those of an evbuffer; the parser drains from it what it
// has understood, and nothing else.
//
// The parser is stricter than the RFC demands: lines end in CRLF, no line is folded, there is one Host at
// most, and the only Transfer-Encoding is exactly "chunked". A target in absolute form becomes its path, and
// its host replaces what the Host says (RFC 9112, 3.2.2).
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
  const char* why = "";  // a literal that the client is shown
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
  // Appends pieces of the body to `into`, until that holds `bytes_max` bytes. `done` at the end of the body;
  // `more` when `input` holds no more of the body for now, or `into` is full.
  Progress parse_body(evbuffer* input, std::string& into, size_t bytes_max);
  void next();

  const Malformed& malformed() const;

  // Valid after the head, until next().
  const Request& request() const;
  std::optional<uint64_t> body_length() const;  // 0 if there is no body; nothing if the body is chunked
  bool body_ended() const;
  bool keep_alive() const;
  bool expects_continue() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace breakwater::proxy
