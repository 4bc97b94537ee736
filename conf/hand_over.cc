#include "conf/hand_over.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include "conf/local_request.h"
#include "proxy/server/local_socket.h"

namespace breakwater::conf {
namespace {

using nlohmann::json;
using proxy::Descriptor;
using proxy::HandedConnection;

constexpr int kVersion = 1;
constexpr size_t kDescriptorsAtOnce = 200;  // the kernel takes 253
// What a process may take to let go, and its successor to serve.
constexpr int kLetGoMaxMs = 60'000;
constexpr int kServeMaxMs = 60'000;
constexpr char kDone = 'd';

tl::unexpected<Error> failed(const char* what) {
  return failure(Error::Kind::unavailable, std::string(what) + ": " + std::generic_category().message(errno));
}

// --- what is said of the sockets

json bytes_of(const std::string& text) {
  return json::binary(std::vector<uint8_t>(text.begin(), text.end()));
}

std::string text_of(const json& object, const char* key) {
  const auto& bytes = object.at(key).get_binary();
  return std::string(bytes.begin(), bytes.end());
}

json described(const HandedConnection& connection) {
  json one{{"output", bytes_of(connection.output)},
           {"input", bytes_of(connection.input)},
           {"between_chunks", connection.between_chunks},
           {"closes", connection.closes},
           {"ends", connection.ends}};
  if (connection.reply_left) one["reply_left"] = *connection.reply_left;
  if (!connection.peer.empty()) one["peer"] = connection.peer;
  return one;
}

HandedConnection connection_of(const json& one) {
  HandedConnection connection;
  connection.output = text_of(one, "output");
  connection.input = text_of(one, "input");
  connection.between_chunks = one.value("between_chunks", false);
  connection.closes = one.value("closes", false);
  connection.ends = one.value("ends", false);
  connection.peer = one.value("peer", std::string());
  if (one.contains("reply_left")) connection.reply_left = one["reply_left"].get<uint64_t>();
  return connection;
}

std::string description_of(const Inheritance& inheritance) {
  json all{{"version", kVersion}, {"listeners", json::array()}, {"connections", json::array()}};
  for (const auto& one : inheritance.listeners)
    all["listeners"].push_back({{"route", one.route}, {"address", one.address}});
  for (const auto& one : inheritance.connections) {
    json connection = described(one.connection);
    connection["route"] = one.route;
    all["connections"].push_back(std::move(connection));
  }
  all["systemd_addresses"] = inheritance.systemd_addresses;
  std::string text;
  json::to_msgpack(all, text);
  return text;
}

// Without the sockets.
Result<Inheritance> inheritance_of(const std::string& text) {
  const json all = json::from_msgpack(text, true, false);
  Inheritance inheritance;
  try {
    for (const auto& one : all.at("listeners"))
      inheritance.listeners.push_back({Descriptor(), one.at("route"), one.at("address")});
    for (const auto& one : all.at("connections"))
      inheritance.connections.push_back({one.at("route"), connection_of(one)});
    inheritance.systemd_addresses = all.value("systemd_addresses", std::vector<std::string>());
  } catch (const json::exception& error) {
    return failure(Error::Kind::invalid,
                   std::string("the process before says what nobody understands: ") + error.what());
  }
  return inheritance;
}

// All sockets in the order in which they are described.
template <class Each>
void for_each_socket(Inheritance& inheritance, Each each) {
  for (auto& one : inheritance.listeners) each(one.socket);
  for (auto& one : inheritance.connections) each(one.connection.socket);
}

std::vector<int> sockets_of(const Inheritance& inheritance) {
  std::vector<int> sockets;
  sockets.reserve(inheritance.listeners.size() + inheritance.connections.size());
  for (const auto& one : inheritance.listeners) sockets.push_back(one.socket.fd());
  for (const auto& one : inheritance.connections) sockets.push_back(one.connection.socket.fd());
  return sockets;
}

// --- descriptors over a local socket, with one byte for each message

Result<> send_descriptors(int socket, std::span<const int> descriptors) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kDescriptorsAtOnce * sizeof(int))> control{};
  char byte = 0;
  iovec vector{&byte, 1};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
  std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  while (sendmsg(socket, &message, MSG_NOSIGNAL) < 0) {
    if (errno != EINTR) return failed("give sockets away");
  }
  return {};
}

// Those of the next message.
Result<std::vector<Descriptor>> receive_descriptors(int socket) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kDescriptorsAtOnce * sizeof(int))> control{};
  char byte = 0;
  iovec vector{&byte, 1};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t received = 0;
  while ((received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC)) < 0) {
    if (errno != EINTR) return failed("take sockets over");
  }
  std::vector<Descriptor> descriptors;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    std::vector<int> found((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    std::memcpy(found.data(), CMSG_DATA(header), found.size() * sizeof(int));
    for (const int fd : found) descriptors.emplace_back(fd);
  }
  if (received == 0 || descriptors.empty() || (message.msg_flags & MSG_CTRUNC) != 0)
    return failure(Error::Kind::unavailable,
                   "take sockets over: the process before has ended, or not all came");
  return descriptors;
}

// A file that only lives in memory: what is long does not fit into a message.
Result<Descriptor> file_of(const std::string& text) {
  Descriptor file(memfd_create("breakwater-hand-over", MFD_CLOEXEC));
  if (file.fd() < 0) return failed("describe the sockets");
  for (size_t at = 0; at < text.size();) {
    const ssize_t written = write(file.fd(), text.data() + at, text.size() - at);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return failed("describe the sockets");
    at += static_cast<size_t>(written);
  }
  return file;
}

Result<std::string> text_in(const Descriptor& file) {
  struct stat found {};
  if (fstat(file.fd(), &found) != 0) return failed("read about the sockets");
  std::string text(static_cast<size_t>(found.st_size), '\0');
  for (size_t at = 0; at < text.size();) {
    const ssize_t got = pread(file.fd(), text.data() + at, text.size() - at, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return failed("read about the sockets");
    at += static_cast<size_t>(got);
  }
  return text;
}

Result<> wait_readable(int socket, int timeout_ms, const char* what) {
  pollfd one{socket, POLLIN, 0};
  const int ready = poll(&one, 1, timeout_ms);
  if (ready > 0) return {};
  return failure(Error::Kind::unavailable, what);
}

}  // namespace

Result<> send(int socket, const Inheritance& inheritance) {
  const auto description = file_of(description_of(inheritance));
  if (!description) return failure(description.error());
  const std::array<int, 1> first = {description->fd()};
  if (auto sent = send_descriptors(socket, first); !sent) return sent;
  const auto sockets = sockets_of(inheritance);
  for (std::span<const int> left(sockets); !left.empty();) {
    const auto now = left.first(std::min(left.size(), kDescriptorsAtOnce));
    if (auto sent = send_descriptors(socket, now); !sent) return sent;
    left = left.subspan(now.size());
  }
  return {};
}

Result<Inheritance> receive(int socket) {
  const auto description = receive_descriptors(socket);
  if (!description) return failure(description.error());
  const auto text = text_in(description->front());
  if (!text) return failure(text.error());
  auto inheritance = inheritance_of(*text);
  if (!inheritance) return inheritance;
  const size_t wanted = sockets_of(*inheritance).size();
  std::vector<Descriptor> sockets;
  while (sockets.size() < wanted) {
    auto more = receive_descriptors(socket);
    if (!more) return failure(more.error());
    std::move(more->begin(), more->end(), std::back_inserter(sockets));
  }
  auto next = sockets.begin();
  for_each_socket(*inheritance, [&next](Descriptor& one) { one = std::move(*next++); });
  return inheritance;
}

Result<Packed> packed(const Inheritance& inheritance) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0)
    return failed("pack the sockets");
  Packed both{Descriptor(ends[0]), Descriptor(ends[1])};
  if (auto sent = send(both.other.fd(), inheritance); !sent) return failure(sent.error());
  return both;
}

Result<std::unique_ptr<TakenOver>> TakenOver::ask(const std::filesystem::path& data) {
  std::error_code none;
  if (!std::filesystem::exists(data, none)) return std::unique_ptr<TakenOver>();
  const auto path = std::filesystem::absolute(data) / kTakeOverSocket;
  const auto bound = proxy::bind_local(path);
  if (!bound) return failure(bound.error());
  const Descriptor listener(*bound);
  // The process before must be able to connect, also if root has started this one.
  struct stat folder {};
  if (geteuid() == 0 && stat(data.c_str(), &folder) == 0)
    (void)!chown(path.c_str(), folder.st_uid, folder.st_gid);
  if (listen(listener.fd(), 1) != 0) return failed("wait for the process before");
  const auto asked = ask_server(data, {"POST", std::string(kTakeOverRequest)}, nullptr);
  if (!asked && asked.error().kind == Error::Kind::unavailable) {
    unlink(path.c_str());
    return std::unique_ptr<TakenOver>();
  }
  if (!asked) return failure(asked.error());
  if (asked->status != 200) return failure(Error::Kind::conflict, "nothing is taken over: " + asked->body);
  if (auto came = wait_readable(listener.fd(), kLetGoMaxMs, "the process before does not let go"); !came)
    return failure(came.error());
  Descriptor socket(accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC));
  if (socket.fd() < 0) return failed("take over");
  unlink(path.c_str());
  auto inheritance = receive(socket.fd());
  if (!inheritance) return failure(inheritance.error());
  auto taken = std::make_unique<TakenOver>(std::move(socket));
  taken->inheritance = *std::move(inheritance);
  return taken;
}

void TakenOver::done() { (void)!::send(socket_.fd(), &kDone, 1, MSG_NOSIGNAL); }

Result<pid_t> give(const std::filesystem::path& data, const Inheritance& inheritance) {
  const auto connected = proxy::connect_local(std::filesystem::absolute(data) / kTakeOverSocket);
  if (!connected) return failure(connected.error());
  const Descriptor socket(*connected);
  if (auto sent = send(socket.fd(), inheritance); !sent) return failure(sent.error());
  if (auto answered = wait_readable(socket.fd(), kServeMaxMs, "the successor does not serve in time");
      !answered)
    return failure(answered.error());
  char answer = 0;
  ucred successor{};
  socklen_t length = sizeof successor;
  if (getsockopt(socket.fd(), SOL_SOCKET, SO_PEERCRED, &successor, &length) != 0) return failed("hand over");
  if (recv(socket.fd(), &answer, 1, 0) == 1 && answer == kDone) return successor.pid;
  return failure(Error::Kind::unavailable, "the successor has ended before it served");
}

}  // namespace breakwater::conf
