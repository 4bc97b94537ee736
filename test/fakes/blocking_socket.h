// A client's connection that blocks, for tests whose server runs on a thread of its own. Whoever sends or
// receives waits for as long as it takes; a connection that cannot be made or written to fails the test.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "proxy/server/descriptor.h"
#include "test/catch.h"

namespace breakwater::test {

class BlockingSocket {
 public:
  // To the port of "127.0.0.1:5000", on loopback whatever its host.
  explicit BlockingSocket(const std::string& address)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    REQUIRE(::connect(socket_.fd(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
  }

  void send(const std::string& text) {
    REQUIRE(::send(socket_.fd(), text.data(), text.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(text.size()));
  }

  // What has come, so much at most, once there is any; "" if the connection is over.
  std::string receive(size_t bytes_max) {
    std::string bytes(bytes_max, '\0');
    const auto count = ::recv(socket_.fd(), bytes.data(), bytes.size(), 0);
    bytes.resize(count > 0 ? static_cast<size_t>(count) : 0);
    return bytes;
  }

 private:
  proxy::Descriptor socket_;
};

}  // namespace breakwater::test
