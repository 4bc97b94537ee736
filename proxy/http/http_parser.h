// Parses the requests of a connection. The parser is strict, because a message that two parsers understand
// differently can smuggle a request past one of them (RFC 9112, 11.2).
//
//   RequestParser parser(limits);
//   parse_head(input) until it is not `more`  ->  request(), body_length(), keep_alive(), expects_continue()
//   parse_body(received, bytes_max) until `done`
//   next()                                    ->  ready for the next request of the connection
//
// After `failed`, malformed() says what to answer. The connection must then be closed, because nobody knows
// where the next request would begin. The head comes in an evbuffer, and the parser drains it and nothing
// else from there. A body comes in memory of the caller, because it is long and should be copied nowhere.
//
// The parser is stricter than the RFC demands: lines end in CRLF, no line is folded, there is one Host at
// most, and the only Transfer-Encoding is exactly "chunked". A target in absolute form becomes its path, and
// its host replaces what the Host says (RFC 9112, 3.2.2).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "proxy/http/http.h"

struct evbuffer;

namespace breakwater::proxy {

struct Malformed {
  int status = 400;
  const char* why = "";  // a literal that the client is shown
  bool is_tls = false;   // a TLS ClientHello: no fault, for most clients try that first
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

  struct BodyPart {
    Progress progress = Progress::more;  // `done` at the end of the body
    size_t body = 0;                     // bytes of the body, now at the front of what was given
    size_t taken = 0;                    // bytes that were understood
  };
  // Parses what was received, up to `bytes_max` bytes of the body. Chunked encoding is undone where it
  // stands, so `received` changes. What is behind `taken` does not: it is beyond the limit, or the next
  // request's, or too little to be understood. What belongs to the body must be given once more, with what
  // follows it.
  BodyPart parse_body(std::span<char> received, size_t bytes_max);
  // Of a body with a Content-Length: how many bytes are still to come. Nothing if the body is chunked.
  std::optional<uint64_t> body_left() const;
  // Of a chunked body: how many bytes of the current chunk are still to come, and whether what comes next is
  // the end of a chunk of which all bytes have come.
  uint64_t chunk_left() const;
  bool between_chunks() const;
  // After the head: the body begins with the end of a chunk that another parser has read.
  void begin_between_chunks();
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
