// Many clients that push an image each, at once, in one thread and from memory: what is measured is the
// registry, not the client.
//
//   pusher --to HOST:PORT [options]
//
//   --clients N         connections, all opened at once, one image each (default 1)
//   --bytes B           of the layer of each image (default 64 MiB); no two layers are alike
//   --dialogue NAME     put    as BuildKit and containerd: POST, then PUT with the whole body
//                       patch  as dockerd and skopeo: POST, then PATCH in chunked encoding without a length,
//                       then an empty PUT (default put)
//   --repository NAME   client n pushes NAME/n:latest (default storm)
//   --seed S            makes the layers differ from those of another run (default 1)
//   --timeout S         gives up after S seconds (default 300)
//
// Each client asks for the layer (HEAD), pushes it, does the same with a config, puts the manifest under its
// tag and asks for that, all on one connection. It ends at the first answer that its dialogue does not
// expect. Prints one JSON object; times are seconds since all were started.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace breakwater::test {
namespace {

using Json = nlohmann::json;
using SteadyClock = std::chrono::steady_clock;

constexpr size_t kTailBytes = 64;          // what makes a layer differ from the others
constexpr size_t kPieceBytes = 32 * 1024;  // of chunked encoding, as Go's io.Copy makes them
constexpr size_t kSegmentsMax = 64;        // of one send
constexpr size_t kSendBytesMax = 1 << 20;  // of one send, so that all clients get their turn
constexpr size_t kHeadBytesMax = 64 * 1024;

struct Options {
  sockaddr_in to{};
  std::string host;
  size_t clients = 1;
  size_t bytes = 64 << 20;
  bool patch = false;
  std::string repository = "storm";
  uint64_t seed = 1;
  double timeout_s = 300;
};

struct HashEnd {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Hash = std::unique_ptr<EVP_MD_CTX, HashEnd>;

std::string hex(size_t number) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%zx", number);
  return text.data();
}

std::string end_hash(EVP_MD_CTX* hash) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned int size = 0;
  EVP_DigestFinal_ex(hash, bytes.data(), &size);
  std::string digest = "sha256:";
  for (unsigned int i = 0; i < size; ++i) {
    constexpr char digits[] = "0123456789abcdef";
    digest.push_back(digits[bytes[i] >> 4]);
    digest.push_back(digits[bytes[i] & 15]);
  }
  return digest;
}

std::string digest_of(std::string_view content) {
  Hash hash(EVP_MD_CTX_new());
  EVP_DigestInit_ex(hash.get(), EVP_sha256(), nullptr);
  EVP_DigestUpdate(hash.get(), content.data(), content.size());
  return end_hash(hash.get());
}

// The bytes that all layers begin with. A layer's digest then costs the hash of its tail alone.
class Common {
 public:
  Common(size_t bytes, uint64_t seed) : bytes_(bytes, '\0'), hash_(EVP_MD_CTX_new()) {
    uint64_t state = seed * 0x9E3779B97F4A7C15U + 1;
    for (size_t at = 0; at < bytes_.size(); at += sizeof state) {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      std::memcpy(bytes_.data() + at, &state, std::min(sizeof state, bytes_.size() - at));
    }
    EVP_DigestInit_ex(hash_.get(), EVP_sha256(), nullptr);
    EVP_DigestUpdate(hash_.get(), bytes_.data(), bytes_.size());
  }

  std::string_view bytes() const { return bytes_; }
  std::string digest_with(std::string_view tail) const {
    Hash hash(EVP_MD_CTX_new());
    EVP_MD_CTX_copy_ex(hash.get(), hash_.get());
    EVP_DigestUpdate(hash.get(), tail.data(), tail.size());
    return end_hash(hash.get());
  }

 private:
  std::string bytes_;
  Hash hash_;
};

// What is being sent: pieces of memory that outlive it. The head is its own.
class Outgoing {
 public:
  void begin(std::string head, std::vector<std::string_view> body) {
    head_ = std::move(head);
    segments_.assign(1, head_);
    segments_.insert(segments_.end(), body.begin(), body.end());
    next_ = 0;
  }
  bool done() const { return next_ == segments_.size(); }

  // False when the socket takes no more; `errno` says whether for now or for ever.
  bool send_to(int socket) {
    std::array<iovec, kSegmentsMax> vectors{};
    size_t count = 0;
    size_t bytes = 0;
    while (count < vectors.size() && next_ + count < segments_.size() && bytes < kSendBytesMax) {
      const std::string_view segment = segments_[next_ + count].substr(0, kSendBytesMax - bytes);
      vectors[count++] = {const_cast<char*>(segment.data()), segment.size()};
      bytes += segment.size();
    }
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = count;
    const ssize_t sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) return false;
    advance(static_cast<size_t>(sent));
    return true;
  }

 private:
  void advance(size_t bytes) {
    while (next_ < segments_.size() && bytes >= segments_[next_].size()) bytes -= segments_[next_++].size();
    if (next_ < segments_.size()) segments_[next_].remove_prefix(bytes);
  }

  std::string head_;
  std::vector<std::string_view> segments_;
  size_t next_ = 0;
};

// One request of a dialogue, and the status that lets it go on.
struct Step {
  enum class Body { none, text, layer, layer_in_chunks };

  std::string method;
  std::string path;    // empty: where the answer before said
  std::string digest;  // added to that
  std::string media_type;
  Body body = Body::none;
  std::string text;
  std::vector<int> expected;
};

struct Client {
  size_t number = 0;
  int socket = -1;
  std::string tail;
  std::string layer;  // digests
  std::string manifest;
  std::deque<Step> steps;
  Outgoing outgoing;
  std::string reply;
  size_t body_left = 0;  // of the reply
  bool in_body = false;
  std::string location;
  std::vector<int> statuses;
  std::string end = "running";
  double end_s = -1;
};

class Pusher {
 public:
  explicit Pusher(Options options);
  Json run();

 private:
  void prepare(Client& client) const;
  void push_blob(Client& client, const std::string& repository, const std::string& digest, Step::Body body,
                 std::string text) const;
  void start(Client& client);
  void ask(Client& client);
  std::vector<std::string_view> body_of(const Client& client, const Step& step) const;
  void write(Client& client);
  void read(Client& client);
  bool head_complete(Client& client, size_t head_bytes);
  void reply_complete(Client& client);
  void listen_for(Client& client, uint32_t events);
  void finish(Client& client, std::string end);
  double now_s() const { return std::chrono::duration<double>(SteadyClock::now() - begin_).count(); }
  Json report() const;

  Options options_;
  Common common_;
  std::string piece_head_ = hex(kPieceBytes) + "\r\n";
  std::string last_piece_head_;
  int epoll_ = epoll_create1(0);
  SteadyClock::time_point begin_ = SteadyClock::now();
  std::vector<Client> clients_;
  size_t running_ = 0;
  std::vector<char> buffer_ = std::vector<char>(kHeadBytesMax);
};

Pusher::Pusher(Options options)
    : options_(std::move(options)),
      common_(options_.bytes - kTailBytes, options_.seed),
      last_piece_head_(hex(common_.bytes().size() % kPieceBytes + kTailBytes) + "\r\n"),
      clients_(options_.clients) {
  for (size_t i = 0; i < clients_.size(); ++i) {
    clients_[i].number = i;
    prepare(clients_[i]);
  }
}

void Pusher::prepare(Client& client) const {
  const std::string repository = options_.repository + "/" + std::to_string(client.number);
  client.tail = std::to_string(options_.seed) + " " + std::to_string(client.number) + " ";
  client.tail.resize(kTailBytes, '.');
  client.layer = common_.digest_with(client.tail);
  push_blob(client, repository, client.layer,
            options_.patch ? Step::Body::layer_in_chunks : Step::Body::layer, {});

  const std::string config = Json{{"architecture", "amd64"},
                                  {"os", "linux"},
                                  {"author", client.tail},
                                  {"rootfs", {{"type", "layers"}, {"diff_ids", {client.layer}}}}}
                                 .dump();
  push_blob(client, repository, digest_of(config), Step::Body::text, config);

  const char* type = "application/vnd.oci.image.manifest.v1+json";
  const Json manifest = {{"schemaVersion", 2},
                         {"mediaType", type},
                         {"config",
                          {{"mediaType", "application/vnd.oci.image.config.v1+json"},
                           {"digest", digest_of(config)},
                           {"size", config.size()}}},
                         {"layers", Json::array({{{"mediaType", "application/vnd.oci.image.layer.v1.tar"},
                                                  {"digest", client.layer},
                                                  {"size", options_.bytes}}})}};
  client.manifest = digest_of(manifest.dump());
  const std::string path = "/v2/" + repository + "/manifests/latest";
  client.steps.push_back({"PUT", path, "", type, Step::Body::text, manifest.dump(), {201}});
  client.steps.push_back({"HEAD", path, "", "", Step::Body::none, "", {200}});
}

void Pusher::push_blob(Client& client, const std::string& repository, const std::string& digest,
                       Step::Body body, std::string text) const {
  const std::string path = "/v2/" + repository + "/blobs/";
  const char* type = "application/octet-stream";
  client.steps.push_back({"HEAD", path + digest, "", "", Step::Body::none, "", {404}});
  client.steps.push_back({"POST", path + "uploads/", "", "", Step::Body::none, "", {202}});
  if (options_.patch) {
    client.steps.push_back({"PATCH", "", "", type, body, std::move(text), {202, 204}});
    client.steps.push_back({"PUT", "", digest, "", Step::Body::none, "", {201}});
    client.steps.push_back({"HEAD", path + digest, "", "", Step::Body::none, "", {200}});
  } else {
    client.steps.push_back({"PUT", "", digest, type, body, std::move(text), {201}});
  }
}

void Pusher::start(Client& client) {
  client.socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int on = 1;
  setsockopt(client.socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ++running_;
  epoll_event event{};
  event.events = EPOLLOUT;
  event.data.ptr = &client;
  if (connect(client.socket, reinterpret_cast<sockaddr*>(&options_.to), sizeof options_.to) != 0 &&
      errno != EINPROGRESS)
    return finish(client, "refused");
  epoll_ctl(epoll_, EPOLL_CTL_ADD, client.socket, &event);
  ask(client);
}

void Pusher::ask(Client& client) {
  const Step& step = client.steps.front();
  std::string target = step.path.empty() ? client.location : step.path;
  if (!step.digest.empty())
    target += (target.find('?') == std::string::npos ? "?digest=sha256%3A" : "&digest=sha256%3A") +
              step.digest.substr(7);
  std::string head = step.method + " " + target + " HTTP/1.1\r\nHost: " + options_.host + "\r\n";
  if (!step.media_type.empty()) head += "Content-Type: " + step.media_type + "\r\n";
  if (step.path.ends_with("/manifests/latest"))
    head += "Accept: application/vnd.oci.image.manifest.v1+json\r\n";
  if (step.body == Step::Body::layer_in_chunks)
    head += "Transfer-Encoding: chunked\r\n";
  else if (step.method != "HEAD")
    head += "Content-Length: " +
            std::to_string(step.body == Step::Body::layer ? options_.bytes : step.text.size()) + "\r\n";
  client.outgoing.begin(head + "\r\n", body_of(client, step));
}

std::vector<std::string_view> Pusher::body_of(const Client& client, const Step& step) const {
  if (step.body == Step::Body::text) return {step.text};
  if (step.body == Step::Body::layer) return {common_.bytes(), client.tail};
  std::vector<std::string_view> segments;
  if (step.body == Step::Body::none) return segments;
  // Whole pieces, then what is left over with the tail.
  std::string_view rest = common_.bytes();
  for (; rest.size() >= kPieceBytes; rest.remove_prefix(kPieceBytes)) {
    segments.insert(segments.end(), {piece_head_, rest.substr(0, kPieceBytes), "\r\n"});
  }
  segments.insert(segments.end(), {last_piece_head_, rest, client.tail, "\r\n0\r\n\r\n"});
  return segments;
}

void Pusher::write(Client& client) {
  if (!client.outgoing.send_to(client.socket)) {
    // A registry that closes may have said why: what it said is read first.
    if (errno != EAGAIN && errno != EINTR) read(client);
    return;
  }
  if (client.outgoing.done()) listen_for(client, EPOLLIN);
}

void Pusher::read(Client& client) {
  const ssize_t count = recv(client.socket, buffer_.data(), buffer_.size(), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) return finish(client, "cut");
  client.reply.append(buffer_.data(), static_cast<size_t>(count));
  if (!client.in_body) {
    const size_t end = client.reply.find("\r\n\r\n");
    if (end == std::string::npos)
      return client.reply.size() > kHeadBytesMax ? finish(client, "malformed") : void();
    if (!head_complete(client, end + 4)) return;
    client.reply.erase(0, end + 4);
    client.in_body = true;
  }
  const size_t taken = std::min(client.body_left, client.reply.size());
  client.body_left -= taken;
  client.reply.erase(0, taken);
  if (client.body_left == 0) reply_complete(client);
}

// Whether the dialogue goes on.
bool Pusher::head_complete(Client& client, size_t head_bytes) {
  const Step& step = client.steps.front();
  const std::string_view head(client.reply.data(), head_bytes);
  const int status = head.size() > 12 ? std::atoi(client.reply.c_str() + 9) : 0;
  client.statuses.push_back(status);
  client.body_left = 0;
  for (size_t at = head.find("\r\n"); at + 2 < head.size(); at = head.find("\r\n", at + 2)) {
    const std::string_view line = head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
    if (strncasecmp(line.data(), "content-length:", 15) == 0 && step.method != "HEAD")
      client.body_left = std::strtoull(line.data() + 15, nullptr, 10);
    if (strncasecmp(line.data(), "location: ", 10) == 0) {
      client.location = line.substr(10);
      const size_t host = client.location.find("://");
      if (host != std::string::npos) client.location.erase(0, client.location.find('/', host + 3));
    }
  }
  const bool is_expected =
      std::find(step.expected.begin(), step.expected.end(), status) != step.expected.end();
  if (!is_expected || !client.outgoing.done()) {
    finish(client, step.method + " was answered with " + std::to_string(status) +
                       (client.outgoing.done() ? "" : " before it was sent"));
    return false;
  }
  return true;
}

void Pusher::reply_complete(Client& client) {
  client.in_body = false;
  client.steps.pop_front();
  if (client.steps.empty()) return finish(client, "complete");
  ask(client);
  listen_for(client, EPOLLIN | EPOLLOUT);
}

void Pusher::listen_for(Client& client, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &client;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, client.socket, &event);
}

void Pusher::finish(Client& client, std::string end) {
  if (client.end != "running") return;
  client.end = std::move(end);
  client.end_s = now_s();
  close(client.socket);
  --running_;
}

Json Pusher::run() {
  begin_ = SteadyClock::now();
  for (Client& client : clients_) start(client);
  std::array<epoll_event, 256> events{};
  while (running_ > 0 && now_s() < options_.timeout_s) {
    const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 1000);
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<size_t>(i)];
      Client& client = *static_cast<Client*>(event.data.ptr);
      if (client.end == "running" && (event.events & EPOLLOUT)) write(client);
      if (client.end == "running" && (event.events & ~static_cast<uint32_t>(EPOLLOUT))) read(client);
    }
  }
  return report();
}

Json Pusher::report() const {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  Json clients = Json::array();
  for (const Client& client : clients_) {
    clients.push_back({{"end", client.end},
                       {"statuses", client.statuses},
                       {"end_s", client.end_s},
                       {"layer", client.layer},
                       {"manifest", client.manifest}});
  }
  return {{"seconds", now_s()},
          {"cpu_s", static_cast<double>(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
                        static_cast<double>(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6},
          {"clients", clients}};
}

sockaddr_in parse_address(const std::string& text) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  const size_t colon = text.rfind(':');
  inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr);
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(text.c_str() + colon + 1)));
  return address;
}

bool set_option(Options& options, const std::string& name, const std::string& value) {
  if (name == "--to") {
    options.to = parse_address(value);
    options.host = value;
  } else if (name == "--clients")
    options.clients = std::strtoull(value.c_str(), nullptr, 10);
  else if (name == "--bytes")
    options.bytes = std::max<size_t>(kTailBytes, std::strtoull(value.c_str(), nullptr, 10));
  else if (name == "--dialogue" && (value == "put" || value == "patch"))
    options.patch = value == "patch";
  else if (name == "--repository")
    options.repository = value;
  else if (name == "--seed")
    options.seed = std::strtoull(value.c_str(), nullptr, 10);
  else if (name == "--timeout")
    options.timeout_s = std::strtod(value.c_str(), nullptr);
  else
    return false;
  return true;
}

}  // namespace
}  // namespace breakwater::test

int main(int count, char** arguments) {
  using namespace breakwater::test;
  Options options;
  for (int i = 1; i < count; i += 2) {
    if (i + 1 == count || !set_option(options, arguments[i], arguments[i + 1])) {
      std::fprintf(stderr, "pusher: unknown option %s\n", arguments[i]);
      return 2;
    }
  }
  if (options.to.sin_port == 0) {
    std::fprintf(stderr, "usage: pusher --to HOST:PORT [options]; see the top of pusher.cc\n");
    return 2;
  }
  Pusher pusher(std::move(options));
  std::printf("%s\n", pusher.run().dump().c_str());
  return 0;
}
