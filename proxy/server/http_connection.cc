#include "proxy/server/http_connection.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <string>
#include <utility>

namespace breakwater::proxy {
namespace {

using Progress = RequestParser::Progress;
using State = ConnectionShare::Place::State;

// For who is refused because there are too many: an idle connection may end soon.
constexpr std::string_view kRetryAfter = "Retry-After: 1\r\n";
constexpr const char* kContradicted =
    "X-Forwarded-For and Forwarded of the trusted proxy that sent this on do not name the same client: have "
    "the proxy remove the one that it does not write itself";
constexpr const char* kPlainOnTls =
    "this port speaks TLS, but the client speaks plain HTTP: write https:// instead of http://";

class Counted {
 public:
  explicit Counted(uint64_t& count) : count_(count) { ++count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --count_; }

 private:
  uint64_t& count_;
};

// Without the query, which may hold a secret.
std::string_view path_of(const Request& request) {
  return std::string_view(request.target).substr(0, request.target.find('?'));
}

RequestParser::Limits limits_of(const ServerSettings& settings) {
  RequestParser::Limits limits;
  limits.header_bytes_max = settings.header_bytes_max;
  limits.target_bytes_max = settings.target_bytes_max;
  return limits;
}

}  // namespace

Connection::Connection(ServerContext& context, int fd, std::unique_ptr<ByteStream> stream, ConnectionPeer of,
                       ConnectionShare::Place::Kind place, std::function<void(Connection&)> on_gone)
    : context_(context),
      of_(std::move(of)),
      kind_(place),
      on_gone_(std::move(on_gone)),
      place_(
          context.own, place, [this] { socket_.cut(Socket::Closing::orderly); }, of_.share()),
      socket_(context.loop, fd, std::move(stream), context.settings.header_bytes_max, [this] { gone(); }),
      deadline_(context.loop, [this] { socket_.changed().ring(); }),
      parser_(limits_of(context.settings)),
      exchange_(context, socket_, parser_, deadline_, of_,
                [this](bool is_awaited) { set_state(is_awaited ? State::awaited : State::busy); }) {
  const auto give_way = [this] { socket_.cut(Socket::Closing::orderly); };
  if (context_.shares.common != nullptr)
    common_place_.emplace(*context_.shares.common, place, give_way, of_.share());
  if (of_.share() != nullptr) client_place_.emplace(*of_.share(), place, give_way);
  head_sender_ = send_waiting_heads();
  head_sender_.start();
}

void Connection::serve() {
  task_ = serve_requests();
  task_.start();
}

void Connection::resume(HandedConnection handed) {
  if (!handed.output.empty()) socket_.send({handed.output});
  socket_.put_back(handed.input);
  has_answered_ = true;
  const bool ends = handed.ends;
  handed.input = handed.output = std::string();
  resumed_ = std::move(handed);
  task_ = ends ? end_after_output() : serve_requests();
  task_.start();
}

std::optional<HandedConnection> Connection::hand_over() {
  HandedConnection handed;
  if (socket_.failed() || !socket_.stream().is_bare()) return std::nullopt;
  if (phase_ == Phase::request && !exchange_.hand_over(handed)) return std::nullopt;
  if (phase_ == Phase::ending) handed.ends = true;
  handed.input += socket_.take_input();
  handed.output = socket_.take_unsent();
  if (of_.is_told) handed.peer = of_.peer.text;
  handed.socket = Descriptor(socket_.release());
  return handed;
}

void Connection::refuse(Refusal refusal) {
  phase_ = Phase::ending;
  task_ = refuse_and_leave(refusal);
  task_.start();
}

int64_t Connection::ms_until(Moment end) const {
  return std::max<int64_t>(0, std::chrono::ceil<Millis>(end - context_.loop.now()).count());
}

void Connection::drain() { socket_.changed().ring(); }

void Connection::set_state(ConnectionShare::Place::State state) {
  place_.set(state);
  if (common_place_) common_place_->set(state);
  if (client_place_) client_place_->set(state);
}

void Connection::gone() {
  if (std::exchange(is_gone_, true)) return;
  place_.leave();
  if (common_place_) common_place_->leave();
  if (client_place_) client_place_->leave();
  on_gone_(*this);
}

// Whether it ends as soon as it can, because it cannot be handed over.
bool Connection::is_leaving() const { return context_.releasing && !socket_.stream().is_bare(); }

Task<> Connection::serve_requests() {
  bool has_unread_body = false;
  if (socket_.is_opening()) co_await until_open();
  if (!has_opened()) answer_unopened();
  if (has_opened() && is_too_many_) answer_too_many_of_client();
  if (phase_ == Phase::ending) {
    co_await close_lingering();
    co_return;
  }
  {
    const auto held = exchange_.buffers().reserve_over_limit(socket_.unsent());  // what was handed over
    if (socket_.unsent() > 0 || socket_.failed()) co_await exchange_.until_sent();
  }
  for (;;) {
    phase_ = Phase::between;
    while (context_.releasing && !is_leaving()) co_await socket_.changed().wait();
    if (is_leaving()) break;
    auto head = parser_.parse_head(socket_.input());
    if (head == Progress::done) begin_request();
    // One client's requests, however many it has sent together, are not one turn of the loop.
    if (head == Progress::done && has_answered_) {
      context_.loop.set_place(Place::in_turn);
      co_await context_.loop.sleep(Millis(0));
    }
    if (head == Progress::more) {
      context_.loop.set_place(context_.settings.place);
      head = co_await next_head();
      if (head == Progress::done) begin_request();
    }
    if (head == Progress::failed) answer_malformed(parser_.malformed());
    if (head != Progress::done) break;
    if (exchange_.is_contradicted()) {
      answer_contradicted();
      break;
    }
    {
      Counted running(context_.stats.requests_running);
      if (context_.settling) co_await exchange_.until_may_change();
      context_.loop.set_work(exchange_.request().method, path_of(exchange_.request()));
      try {
        Task<> route = context_.route(exchange_);
        co_await std::move(route);
        exchange_.fail("the route ended before its reply");
      } catch (const std::exception& error) {
        exchange_.fail(error.what());
      } catch (...) {
        exchange_.fail("the route failed with something that is no std::exception");
      }
      if (socket_.unsent() > 0 || socket_.failed()) co_await exchange_.until_sent();
    }
    has_unread_body = !parser_.body_ended();
    if (exchange_.closes()) break;
    if (has_unread_body) {
      bool skipped = co_await exchange_.skip_body();
      if (!skipped) break;
      has_unread_body = false;
    }
    exchange_.end();
    parser_.next();
    has_answered_ = true;
    socket_.consumed();
  }
  phase_ = Phase::ending;
  exchange_.end();
  if (has_unread_body) {
    set_state(State::idle);  // whoever needs a place may have this one
    co_await exchange_.drop_body();
  }
  co_await close_lingering();
}

void Connection::begin_request() {
  phase_ = Phase::request;
  exchange_.begin();
  if (resumed_) exchange_.resume(*resumed_);
  resumed_.reset();
}

// A PROXY header that comes whole while the server lets go can still go along; nothing of TLS can.
bool Connection::is_to_stop_opening() const {
  const bool may_go_along = awaits_header() && of_.proxied->opens_at_once();
  return socket_.ended() || context_.draining || (context_.releasing && !may_go_along);
}

// The PROXY header and the handshake of TLS. They have the time of a head, and give way meanwhile like a head
// that does not come.
Task<> Connection::until_open() {
  context_.loop.set_work("a PROXY header or a TLS handshake");
  const auto& settings = context_.settings;
  const auto end = context_.loop.now() + Millis(settings.header_timeout_ms);
  set_state(State::awaited);
  deadline_.set(std::min(settings.head_grace_ms, settings.header_timeout_ms));
  bool is_unknown = awaits_header();
  while (socket_.is_opening() && !is_to_stop_opening() && context_.loop.now() < end) {
    if (deadline_.passed()) {
      set_state(State::idle);
      deadline_.set(ms_until(end));
    }
    co_await socket_.changed().wait();
    socket_.open();
    if (is_unknown && !awaits_header()) {
      is_unknown = false;
      come_to_know();
      deadline_.set(std::min(settings.head_grace_ms, ms_until(end)));
    }
  }
  deadline_.clear();
  set_state(State::busy);
  if (has_opened()) of_.peer.subject = socket_.stream().subject();
}

// The PROXY header has said whose the connection is. From now on it counts for him, or is one too many; then
// it is still his when somebody has to give way.
void Connection::come_to_know() {
  const auto& client = of_.proxied->header().client;
  of_.is_told = true;
  if (!client || socket_.failed()) return;  // the proxy's own
  of_.peer = peer_at(*client);
  of_.is_proxy = context_.settings.trusted_proxies.contains(*client);
  if (context_.shares.clients != nullptr) of_.client = context_.shares.clients->of(of_.peer);
  ConnectionShare* const share = of_.share();
  if (share == nullptr) return;
  place_.count_for(*share);
  if (common_place_) common_place_->count_for(*share);
  is_too_many_ = kind_ == ConnectionShare::Place::Kind::served && !share->make_place();
  if (is_too_many_) {
    ++context_.stats.refused_total;
    return of_.client->refused(context_.settings.name, "client_connections");
  }
  client_place_.emplace(*share, kind_, [this] { socket_.cut(Socket::Closing::orderly); });
  set_state(State::awaited);
}

// Somebody who has sent nothing looks only whether the port is open.
void Connection::refuse_unknown() {
  const bool has_failed = of_.proxied->header().progress == ProxyHeader::Progress::failed;
  const bool is_late = !socket_.ended() && !context_.draining && !context_.releasing;
  if (has_failed) {
    context_.refuse_proxied(of_.peer, of_.proxied->header().why);
  } else if (is_late || of_.proxied->has_begun()) {
    context_.refuse_proxied(of_.peer, "its PROXY header did not come in time, or not to its end");
  }
  socket_.cut(Socket::Closing::orderly);
}

// To a client that speaks no TLS, or another one. Whoever was refused has TLS's own answer already; whoever
// has left, or is too slow, is told nothing.
void Connection::answer_unopened() {
  using Opening = ByteStream::Opening;
  phase_ = Phase::ending;
  if (awaits_header()) return refuse_unknown();
  const auto& stream = socket_.stream();
  if (stream.opening() == Opening::under_way) return socket_.cut(Socket::Closing::orderly);
  if (stream.opening() == Opening::plain) {
    ++context_.stats.malformed_total;
    return answer(400, kPlainOnTls);
  }
  ++context_.stats.tls_refused_total;
  context_.log.info("tls_refused",
                    {{"route", context_.settings.name}, {"client", of_.peer.text}, {"reason", stream.why()}});
}

Task<> Connection::end_after_output() {
  phase_ = Phase::ending;
  co_await close_lingering();
}

// A client that has just come, or has begun a head, is not idle: the rest is on its way. If it does not come
// soon, the connection gives way like an idle one, or a few that send nothing would keep all others out.
Task<Progress> Connection::next_head() {
  auto head = Progress::more;
  bool begun = socket_.received() > 0;
  const auto& settings = context_.settings;
  auto end = context_.loop.now() + Millis(begun ? settings.header_timeout_ms : settings.idle_timeout_ms);
  const bool is_soon = begun || !has_answered_;
  set_state(is_soon ? State::awaited : State::idle);
  deadline_.set(is_soon ? std::min(settings.head_grace_ms, ms_until(end)) : ms_until(end));
  while (head == Progress::more) {
    if (!begun && socket_.received() > 0) {
      begun = true;
      set_state(State::awaited);
      end = context_.loop.now() + Millis(settings.header_timeout_ms);
      deadline_.set(std::min(settings.head_grace_ms, ms_until(end)));
    }
    const bool is_late = deadline_.passed() && context_.loop.now() >= end;
    if (is_late && begun) {
      answer(408, "the head of the request took too long; send it again");
      ++context_.stats.malformed_total;
    }
    if (is_late || socket_.ended() || ((context_.draining || is_leaving()) && !begun)) break;
    if (deadline_.passed()) {
      set_state(State::idle);
      deadline_.set(ms_until(end));
    }
    co_await socket_.changed().wait();
    head = parser_.parse_head(socket_.input());
    socket_.consumed();
  }
  deadline_.clear();
  set_state(State::busy);
  co_return head;
}

Task<> Connection::refuse_and_leave(Refusal refusal) {
  if (socket_.is_opening()) co_await until_open();
  if (!has_opened()) {
    answer_unopened();
  } else if (refusal == Refusal::too_many) {
    answer(503, "there are too many connections; try again in a second", kRetryAfter);
  } else {
    answer_too_many_of_client();
  }
  co_await close_lingering();
}

void Connection::answer_too_many_of_client() {
  phase_ = Phase::ending;
  answer(429, "there are too many connections of " + of_.client->address() + "; close some of them",
         kRetryAfter);
}

void Connection::answer_contradicted() {
  ++context_.stats.malformed_total;
  if (exchange_.goes_on()) return socket_.cut(Socket::Closing::orderly);
  answer(400, kContradicted);
}

Task<> Connection::close_lingering() {
  const auto timeout_ms = context_.settings.lingering_timeout_ms;
  if (socket_.unsent() > 0 || socket_.failed()) co_await exchange_.until_sent();
  socket_.end_sending();
  socket_.discard_input();
  const auto end = context_.loop.now() + Millis(context_.settings.lingering_time_ms);
  size_t untaken = SIZE_MAX;
  deadline_.set(timeout_ms);
  while (!socket_.ended() && context_.loop.now() < end) {
    co_await socket_.changed().wait();
    if (deadline_.passed()) {
      const size_t before = std::exchange(untaken, socket_.untaken());
      if (untaken == 0 || untaken >= before) break;
    }
    deadline_.set(timeout_ms);
  }
  socket_.cut(Socket::Closing::orderly);  // with it the connection is gone
}

Task<> Connection::send_waiting_heads() {
  for (;;) {
    co_await exchange_.head_waits().wait();
    exchange_.send_head();
  }
}

void Connection::answer_malformed(const Malformed& malformed) {
  // In the middle of a reply nothing else can be answered.
  if (resumed_ && resumed_->reply_left) return socket_.cut(Socket::Closing::orderly);
  ++(malformed.is_tls ? context_.stats.tls_total : context_.stats.malformed_total);
  const auto level = malformed.is_tls ? store::Log::Level::debug : store::Log::Level::info;
  answer(malformed.status, malformed.why, {}, level);
}

// Writes the answer without an Exchange, because there is no request that an Exchange could answer.
void Connection::answer(int status, std::string_view why, std::string_view headers, store::Log::Level level) {
  std::string id;
  context_.request_ids.renew(id);
  const std::array<store::Log::Field, 5> fields = {{{"route", context_.settings.name},
                                                    {"client", of_.peer.text},
                                                    {"status", int64_t{status}},
                                                    {"trace", id},
                                                    {"reason", why}}};
  context_.log.write(level, "request", fields);
  const std::string said = std::string(why) + " (trace " + id + ")\n";
  std::string text;
  append_status_line(text, status, std::string_view(said).substr(0, said.size() - 1));
  text += "\r\nContent-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\nX-Request-Id: ";
  text += id;
  text += "\r\nDate: ";
  text += context_.date();
  text += "\r\nContent-Length: " + std::to_string(said.size()) + "\r\nConnection: close\r\n";
  text += headers;
  text += "\r\n";
  text += said;
  socket_.send({text});
}

}  // namespace breakwater::proxy
