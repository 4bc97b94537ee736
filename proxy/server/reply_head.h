// The head of a reply as text, and how the body after it is framed. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/http/http.h"

namespace breakwater::proxy {

// none: there is no body. until_close: the end of the connection ends the body (HTTP/1.0).
enum class Framing { none, length, chunked, until_close };
Framing framing_of(const Request& request, int status, std::optional<uint64_t> length);

struct ReplyHead {
  int status = 0;
  std::optional<uint64_t> length;  // of the body; for HEAD the length that GET would have
  bool closes = false;             // the connection closes after this reply
  std::string_view date;
  std::string_view request_id;
  std::string_view hop_name = {};  // for the Via header; "" for none
};

// Makes `text` the head, up to its empty line, with the kReasonField (proxy/http/status_line.h) of `headers`
// in its first line. Fields of `headers` about framing, Connection, X-Request-Id and Date are left out,
// because the server sets them itself. Line breaks in names and values become spaces.
void compose_head(std::string& text, const Request& request, const ReplyHead& reply, const Headers& headers);

// The first line without its end. `reason`, if it is not empty, stands behind the words of the status.
void append_status_line(std::string& text, int status, std::string_view reason);

// The line before a chunk of `bytes` bytes.
void append_chunk_head(std::string& text, uint64_t bytes);

}  // namespace breakwater::proxy
