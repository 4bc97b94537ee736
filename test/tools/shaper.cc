// A TCP proxy in front of a registry that is as slow and as bad as a scenario wants it, and that knows what
// passed.
//
//   shaper --to HOST:PORT [--listen HOST:PORT] [--rate BYTES_PER_SECOND]
//
// Prints `listening HOST:PORT`, then takes commands from stdin, one a line, and answers each with one line of
// JSON on stdout:
//
//   rate N                 all connections together get N bytes/s from upstream from now on; 0 = unlimited
//   refuse | accept        close new and open connections at once (upstream is down) | be up again
//   blackhole | accept     take connections and never answer | answer again
//   rule ACTION key=value  what to do with requests to come; the first rule that matches and is not used
//                          up is taken
//        cut, reset, stall   after at=N bytes of body: close; close with RST; send nothing more
//        status              answer status=N, maybe with header=NAME:VALUE and body=TEXT, by itself
//        redirect            answer 307 with Location: to=URL plus the request's path, plus query=TEXT
//      keys: match=TEXT     in the target; default all
//            method=GET
//            times=N        default 1; 0 = always
//            after=N        skip the first N matches
//      values are percent-decoded, so that they can hold spaces
//   clear                  forget the rules
//   reset                  forget what was counted
//   stats                  what was counted: connections, and each request with status and bytes sent on
//
// One thread, one loop. It ends when stdin does.
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <event2/util.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <list>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "test/tools/shaped_http.h"

namespace breakwater::test {
namespace {

using Json = nlohmann::json;

constexpr size_t kPieceBytesMax = 256 * 1024;
constexpr uint64_t kTicksPerSecond = 50;

struct Address {
  std::string host;
  uint16_t port = 0;

  static Address parse(const std::string& text) {
    size_t colon = text.rfind(':');
    if (colon == std::string::npos) return {text, 0};
    return {text.substr(0, colon), static_cast<uint16_t>(std::atoi(text.c_str() + colon + 1))};
  }
  sockaddr_in socket_address() const {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    inet_pton(AF_INET, host.c_str(), &address.sin_addr);
    return address;
  }
};

struct Rule {
  std::string action;
  std::map<std::string, std::string> values;
  uint64_t times_left = 1;
  bool always = false;
  uint64_t skip = 0;

  std::string value(const std::string& key) const {
    auto found = values.find(key);
    return found == values.end() ? "" : found->second;
  }
  uint64_t number(const std::string& key) const { return std::strtoull(value(key).c_str(), nullptr, 10); }
};

struct Passed {
  RequestHead request;
  uint64_t connection = 0;
  int status = 0;
  uint64_t body_bytes = 0;
  bool complete = false;
  double at_s = 0;
};

std::string percent_decoded(const std::string& text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      decoded.push_back(static_cast<char>(std::strtol(text.substr(i + 1, 2).c_str(), nullptr, 16)));
      i += 2;
    } else {
      decoded.push_back(text[i]);
    }
  }
  return decoded;
}

class Shaper;

// One client connection and the connection to upstream that belongs to it.
class Pipe {
 public:
  Pipe(Shaper& shaper, uint64_t number, evutil_socket_t socket);
  ~Pipe();
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  std::list<Pipe>::iterator self;

 private:
  static void client_readable(bufferevent*, void* pipe) { static_cast<Pipe*>(pipe)->read_requests(); }
  static void upstream_readable(bufferevent*, void* pipe) { static_cast<Pipe*>(pipe)->pass_reply(); }
  static void client_drained(bufferevent*, void* pipe);
  static void client_event(bufferevent*, short what, void* pipe);
  static void upstream_event(bufferevent*, short what, void* pipe);

  void read_requests();
  void answer(const std::string& head);
  void answer_ourselves(const Rule& rule, const RequestHead& request);
  void connect();
  void pass_reply();
  bool pass_piece();
  void end_of_reply();
  void misbehave();
  void close_when_sent();

  Shaper& shaper_;
  uint64_t number_;
  bufferevent* client_;
  bufferevent* upstream_ = nullptr;
  RequestReader requests_;
  std::unique_ptr<ReplyReader> reply_;
  std::shared_ptr<Passed> passed_;
  std::string action_;
  uint64_t action_at_ = UINT64_MAX;
  bool closing_ = false;
  bool stalled_ = false;
};

class Shaper {
 public:
  Shaper(Address to, Address listen, uint64_t rate);
  ~Shaper();
  int run();

  event_base* base() { return base_; }
  const Address& to() const { return to_; }
  bufferevent_rate_limit_group* group() { return group_; }
  bool blackhole() const { return blackhole_; }
  void end(Pipe& pipe) { pipes_.erase(pipe.self); }
  std::shared_ptr<Passed> passed(const RequestHead& request, uint64_t connection);
  Rule* rule_for(const RequestHead& request);

 private:
  static void accepted(evconnlistener*, evutil_socket_t socket, sockaddr*, int, void* shaper);
  static void command_readable(bufferevent*, void* shaper);
  static void commands_ended(bufferevent*, short, void* shaper) {
    event_base_loopbreak(static_cast<Shaper*>(shaper)->base_);
  }
  Json obey(const std::string& line);
  Json add_rule(std::istringstream& words);
  void set_rate(uint64_t bytes_per_second);
  Json stats() const;
  double now_s() const;

  event_base* base_ = event_base_new();
  Address to_;
  evconnlistener* listener_ = nullptr;
  bufferevent_rate_limit_group* group_ = nullptr;
  std::list<Pipe> pipes_;
  std::list<Rule> rules_;
  std::vector<std::shared_ptr<Passed>> passed_;
  uint64_t connections_ = 0;
  bool refuse_ = false;
  bool blackhole_ = false;
};

Pipe::Pipe(Shaper& shaper, uint64_t number, evutil_socket_t socket)
    : shaper_(shaper),
      number_(number),
      client_(bufferevent_socket_new(shaper.base(), socket, BEV_OPT_CLOSE_ON_FREE)) {
  int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  bufferevent_set_max_single_write(client_, kPieceBytesMax);
  bufferevent_setcb(client_, client_readable, client_drained, client_event, this);
  bufferevent_enable(client_, EV_READ | EV_WRITE);
}

Pipe::~Pipe() {
  if (upstream_) bufferevent_free(upstream_);
  bufferevent_free(client_);
}

void Pipe::client_drained(bufferevent*, void* pipe) {
  Pipe& self = *static_cast<Pipe*>(pipe);
  if (self.closing_) {
    self.shaper_.end(self);
  } else if (self.upstream_ && !self.stalled_) {
    bufferevent_enable(self.upstream_, EV_READ);
    self.pass_reply();
  }
}

void Pipe::client_event(bufferevent*, short what, void* pipe) {
  Pipe& self = *static_cast<Pipe*>(pipe);
  if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) self.shaper_.end(self);
}

void Pipe::upstream_event(bufferevent*, short what, void* pipe) {
  if (!(what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))) return;
  Pipe& self = *static_cast<Pipe*>(pipe);
  while (self.pass_piece()) {
  }
  self.close_when_sent();
}

void Pipe::close_when_sent() {
  closing_ = true;
  if (evbuffer_get_length(bufferevent_get_output(client_)) == 0) shaper_.end(*this);
}

void Pipe::read_requests() {
  evbuffer* input = bufferevent_get_input(client_);
  size_t length = evbuffer_get_length(input);
  const char* bytes = reinterpret_cast<const char*>(evbuffer_pullup(input, -1));
  requests_.append({bytes, length});
  evbuffer_drain(input, length);
  if (shaper_.blackhole() || reply_) return;
  if (auto head = requests_.next()) answer(*head);
}

void Pipe::answer(const std::string& head) {
  RequestHead request = RequestReader::parse(head);
  passed_ = shaper_.passed(request, number_);
  action_.clear();
  action_at_ = UINT64_MAX;
  if (Rule* rule = shaper_.rule_for(request)) {
    if (rule->action == "status" || rule->action == "redirect") return answer_ourselves(*rule, request);
    action_ = rule->action;
    action_at_ = rule->number("at");
  }
  reply_ = std::make_unique<ReplyReader>(request.method == "HEAD");
  if (!upstream_) connect();
  bufferevent_write(upstream_, head.data(), head.size());
}

void Pipe::answer_ourselves(const Rule& rule, const RequestHead& request) {
  std::string body = rule.value("body");
  int status = rule.action == "redirect" ? 307 : static_cast<int>(rule.number("status"));
  std::string head = "HTTP/1.1 " + std::to_string(status) +
                     " Shaped\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  if (rule.action == "redirect") {
    std::string query = rule.value("query");
    head += "Location: " + rule.value("to") + request.target + (query.empty() ? "" : "?" + query) + "\r\n";
  }
  if (!rule.value("header").empty()) head += rule.value("header") + "\r\n";
  head += "\r\n";
  if (request.method == "HEAD") body.clear();
  bufferevent_write(client_, head.data(), head.size());
  bufferevent_write(client_, body.data(), body.size());
  passed_->status = status;
  passed_->body_bytes = body.size();
  passed_->complete = true;
  if (auto next = requests_.next()) answer(*next);
}

void Pipe::connect() {
  upstream_ = bufferevent_socket_new(shaper_.base(), -1, BEV_OPT_CLOSE_ON_FREE);
  bufferevent_set_max_single_read(upstream_, kPieceBytesMax);
  bufferevent_setwatermark(upstream_, EV_READ, 0, 4 * kPieceBytesMax);
  if (shaper_.group()) bufferevent_add_to_rate_limit_group(upstream_, shaper_.group());
  bufferevent_setcb(upstream_, upstream_readable, nullptr, upstream_event, this);
  bufferevent_enable(upstream_, EV_READ | EV_WRITE);
  sockaddr_in address = shaper_.to().socket_address();
  bufferevent_socket_connect(upstream_, reinterpret_cast<sockaddr*>(&address), sizeof address);
}

void Pipe::pass_reply() {
  while (pass_piece()) {
  }
}

// One contiguous piece from upstream to the client. False when there is nothing (more) to pass for now.
bool Pipe::pass_piece() {
  if (!upstream_ || !reply_ || closing_ || stalled_) return false;
  evbuffer* output = bufferevent_get_output(client_);
  // The client is slower: wait for client_drained().
  if (evbuffer_get_length(output) > 8 * kPieceBytesMax) {
    bufferevent_disable(upstream_, EV_READ);
    return false;
  }
  evbuffer* input = bufferevent_get_input(upstream_);
  evbuffer_iovec piece{};
  if (evbuffer_peek(input, -1, nullptr, &piece, 1) < 1 || piece.iov_len == 0) return false;
  size_t taken = reply_->take({static_cast<const char*>(piece.iov_base), piece.iov_len}, action_at_);
  evbuffer_remove_buffer(input, output, taken);
  passed_->status = reply_->status();
  passed_->body_bytes = reply_->body_bytes();
  if (reply_->complete()) {
    end_of_reply();
    return false;
  }
  if (reply_->body_bytes() >= action_at_) {
    misbehave();
    return false;
  }
  return true;
}

void Pipe::end_of_reply() {
  passed_->complete = true;
  passed_.reset();
  reply_.reset();
  if (auto next = requests_.next()) answer(*next);
}

void Pipe::misbehave() {
  if (action_ == "stall") {
    stalled_ = true;
    bufferevent_disable(upstream_, EV_READ);
    return;
  }
  if (action_ == "reset") {
    linger hard{1, 0};
    setsockopt(bufferevent_getfd(client_), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  }
  bufferevent_disable(upstream_, EV_READ);
  // client_drained() ends it; there is always something to drain, for a piece was just moved or a head sent.
  closing_ = true;
  bufferevent_trigger(client_, EV_WRITE, BEV_TRIG_DEFER_CALLBACKS);
}

Shaper::Shaper(Address to, Address listen, uint64_t rate) : to_(std::move(to)) {
  set_rate(rate);
  sockaddr_in address = listen.socket_address();
  listener_ = evconnlistener_new_bind(base_, accepted, this, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, 1024,
                                      reinterpret_cast<sockaddr*>(&address), sizeof address);
  if (!listener_) {
    std::perror("shaper: listen");
    std::exit(1);
  }
  socklen_t length = sizeof address;
  getsockname(evconnlistener_get_fd(listener_), reinterpret_cast<sockaddr*>(&address), &length);
  std::printf("listening %s:%d\n", listen.host.c_str(), ntohs(address.sin_port));
  std::fflush(stdout);
}

Shaper::~Shaper() {
  pipes_.clear();
  if (group_) bufferevent_rate_limit_group_free(group_);
  evconnlistener_free(listener_);
  event_base_free(base_);
}

int Shaper::run() {
  evutil_make_socket_nonblocking(STDIN_FILENO);
  bufferevent* commands = bufferevent_socket_new(base_, STDIN_FILENO, 0);
  bufferevent_setcb(commands, command_readable, nullptr, commands_ended, this);
  bufferevent_enable(commands, EV_READ);
  event_base_dispatch(base_);
  bufferevent_free(commands);
  return 0;
}

void Shaper::accepted(evconnlistener*, evutil_socket_t socket, sockaddr*, int, void* shaper) {
  Shaper& self = *static_cast<Shaper*>(shaper);
  if (self.refuse_) {
    evutil_closesocket(socket);
    return;
  }
  self.pipes_.emplace_back(self, ++self.connections_, socket);
  self.pipes_.back().self = std::prev(self.pipes_.end());
}

void Shaper::set_rate(uint64_t bytes_per_second) {
  uint64_t per_tick = bytes_per_second == 0 ? EV_RATE_LIMIT_MAX : bytes_per_second / kTicksPerSecond;
  timeval tick{0, 1000000 / static_cast<long>(kTicksPerSecond)};
  ev_token_bucket_cfg* limit =
      ev_token_bucket_cfg_new(per_tick, per_tick, EV_RATE_LIMIT_MAX, EV_RATE_LIMIT_MAX, &tick);
  if (group_) {
    bufferevent_rate_limit_group_set_cfg(group_, limit);
  } else {
    group_ = bufferevent_rate_limit_group_new(base_, limit);
    bufferevent_rate_limit_group_set_min_share(group_, 4096);
  }
  ev_token_bucket_cfg_free(limit);  // a group keeps a copy
}

std::shared_ptr<Passed> Shaper::passed(const RequestHead& request, uint64_t connection) {
  auto passed = std::make_shared<Passed>();
  passed->request = request;
  passed->connection = connection;
  passed->at_s = now_s();
  passed_.push_back(passed);
  return passed;
}

double Shaper::now_s() const {
  timeval now{};
  evutil_gettimeofday(&now, nullptr);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_usec) / 1e6;
}

Rule* Shaper::rule_for(const RequestHead& request) {
  for (Rule& rule : rules_) {
    if (!rule.always && rule.times_left == 0) continue;
    if (request.target.find(rule.value("match")) == std::string::npos) continue;
    if (!rule.value("method").empty() && rule.value("method") != request.method) continue;
    if (rule.skip > 0) {
      --rule.skip;
      continue;
    }
    if (!rule.always) --rule.times_left;
    return &rule;
  }
  return nullptr;
}

void Shaper::command_readable(bufferevent* commands, void* shaper) {
  Shaper& self = *static_cast<Shaper*>(shaper);
  evbuffer* input = bufferevent_get_input(commands);
  while (char* line = evbuffer_readln(input, nullptr, EVBUFFER_EOL_LF)) {
    std::printf("%s\n", self.obey(line).dump().c_str());
    std::fflush(stdout);
    std::free(line);
  }
}

Json Shaper::obey(const std::string& line) {
  std::istringstream words(line);
  std::string command;
  words >> command;
  if (command == "rate") {
    uint64_t rate = 0;
    words >> rate;
    set_rate(rate);
  } else if (command == "refuse") {
    refuse_ = true;
    pipes_.clear();
  } else if (command == "blackhole") {
    blackhole_ = true;
  } else if (command == "accept") {
    refuse_ = blackhole_ = false;
  } else if (command == "rule") {
    return add_rule(words);
  } else if (command == "clear") {
    rules_.clear();
  } else if (command == "reset") {
    connections_ = 0;
    passed_.clear();
  } else if (command == "stats") {
    return stats();
  } else {
    return {{"error", "unknown command " + command}};
  }
  return {{"ok", true}};
}

Json Shaper::add_rule(std::istringstream& words) {
  Rule rule;
  words >> rule.action;
  std::string word;
  while (words >> word) {
    size_t equals = word.find('=');
    if (equals == std::string::npos) return {{"error", "not key=value: " + word}};
    rule.values[word.substr(0, equals)] = percent_decoded(word.substr(equals + 1));
  }
  if (rule.values.count("times")) rule.times_left = rule.number("times");
  rule.always = rule.times_left == 0;
  rule.skip = rule.number("after");
  rules_.push_back(rule);
  return {{"ok", true}};
}

Json Shaper::stats() const {
  Json requests = Json::array();
  uint64_t body_bytes = 0;
  for (const auto& passed : passed_) {
    const Passed& one = *passed;
    body_bytes += one.body_bytes;
    requests.push_back({{"method", one.request.method},
                        {"target", one.request.target},
                        {"range", one.request.range},
                        {"authorized", one.request.authorized},
                        {"connection", one.connection},
                        {"status", one.status},
                        {"body_bytes", one.body_bytes},
                        {"complete", one.complete},
                        {"at_s", one.at_s}});
  }
  return {{"connections", connections_},
          {"open", pipes_.size()},
          {"body_bytes", body_bytes},
          {"requests", requests}};
}

int run_shaper(int count, char** arguments) {
  Address to;
  Address listen{"127.0.0.1", 0};
  uint64_t rate = 0;
  for (int i = 1; i + 1 < count; i += 2) {
    std::string option = arguments[i];
    if (option == "--to")
      to = Address::parse(arguments[i + 1]);
    else if (option == "--listen")
      listen = Address::parse(arguments[i + 1]);
    else if (option == "--rate")
      rate = std::strtoull(arguments[i + 1], nullptr, 10);
  }
  if (to.port == 0) {
    std::fprintf(stderr, "usage: shaper --to HOST:PORT [--listen HOST:PORT] [--rate BYTES_PER_SECOND]\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  Shaper shaper(to, listen, rate);
  return shaper.run();
}

}  // namespace
}  // namespace breakwater::test

int main(int count, char** arguments) { return breakwater::test::run_shaper(count, arguments); }
