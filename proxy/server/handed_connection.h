// A client's connection on its way from one HttpServer to another, which goes on where the first one was: in
// the same process after a reload, or in the next one after a restart. Its client notices nothing.
//
// A connection can be handed over when it is at rest, that is when nothing is lost if its Task is destroyed:
//
//   between two requests, or in the middle of a head   what has come goes along
//   a GET or HEAD whose reply has not begun            is asked again
//   a reply whose rest can be had by a Range           is asked for again, from there on
//     (Exchange::resumes_from)
//   a reply that waits only for its client to take it  what is left of it goes along
//   a request whose body is kept as it comes           is sent again with the rest of its body
//     (Exchange::keeps_body), and waits for more
//   a connection that is about to close                only that goes along
//
// One of TLS never can: the other server does not have what it is ciphered with.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "proxy/server/descriptor.h"

namespace breakwater::proxy {

struct HandedConnection {
  Descriptor socket;
  std::string output = {};  // what the client is to be sent before anything else
  // What the client has sent and nobody has understood. It begins with the request to go on with, if there is
  // one.
  std::string input = {};
  // The head of that request's reply is sent already, and so many bytes of its body are missing.
  std::optional<uint64_t> reply_left = {};
  bool between_chunks = false;  // the rest of that request's body begins with the end of a chunk
  bool closes = false;          // after that request, as its client was told
  bool ends = false;            // after `output`: no request is answered any more
  // Who the client is, if the PROXY protocol has said so: nothing tells it once more. "" if the socket does.
  std::string peer = {};
};

}  // namespace breakwater::proxy
