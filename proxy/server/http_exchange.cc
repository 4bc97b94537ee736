#include "proxy/server/http_exchange.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "proxy/http/forwarded.h"
#include "proxy/http/hops.h"
#include "proxy/http/status_line.h"
#include "proxy/loop/workers.h"
#include "proxy/server/request_rest.h"

namespace breakwater::proxy {
namespace {

// Of a body read at a time. Larger pieces cost less CPU, and more memory if there are many clients.
constexpr size_t kPieceBytes = size_t{512} << 10;
// Received with a piece of a chunked body, for the heads of its chunks.
constexpr size_t kChunkHeadsBytes = size_t{4} << 10;
constexpr size_t kResidentBytes = size_t{256} << 10;  // of a file checked for being in memory at a time
// A file of at most this size is read and sent together with the head: one call instead of two.
constexpr size_t kSmallFileBytes = size_t{16} << 10;
constexpr size_t kSendFileBytes = size_t{1} << 20;   // given to the kernel at a time
constexpr size_t kReadAheadBytes = size_t{1} << 20;  // read at a time of a file that is not in memory
// To a fast client this much is sent without a pause; then other connections have a turn.
constexpr size_t kTurnBytes = size_t{4} << 20;
constexpr Millis kMemoryWaitMax(60'000);  // for the memory of a piece of a body
constexpr int64_t kNoMemoryRetryAfterS = 5;
// So long may a client neither send nor take anything before it gives way, if it must: connection_share.h.
constexpr Millis kStalled(2'000);
constexpr std::string_view kCrlf = "\r\n";

bool is_repeatable(const Request& request) { return request.method == "GET" || request.method == "HEAD"; }

// What has to stand between the head and what follows of a chunked body.
std::string chunk_begun(const RequestParser& parser) {
  if (parser.body_length() || parser.chunk_left() == 0) return {};
  std::string head;
  append_chunk_head(head, parser.chunk_left());
  return head;
}

}  // namespace

ServerContext::ServerContext(Loop& l, Workers& w, Buffers& b, store::Disk& d, store::Log& g,
                             const ServerSettings& s, Route r)
    : loop(l),
      workers(w),
      buffers(b),
      disk(d),
      log(g),
      settings(s),
      route(std::move(r)),
      own(s.connections_max),
      scratch(kSmallFileBytes) {}

void ServerContext::refuse_proxied(const Peer& peer, std::string_view why) {
  ++stats.proxied_refused_total;
  const auto times = proxied_refused.happened(why, loop.now());
  if (!times) return;
  log.warning("proxy_header_refused", {{"route", settings.name},
                                       {"client", peer.text},
                                       {"reason", why},
                                       {"times", static_cast<int64_t>(*times)}});
}

std::string_view ServerContext::date() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (now.tv_sec != date_of_) {
    date_of_ = now.tv_sec;
    date_text_ = http_date(now.tv_sec);
  }
  return date_text_;
}

ServedExchange::ServedExchange(ServerContext& context, Socket& socket, RequestParser& parser,
                               Deadline& deadline, const ConnectionPeer& of,
                               std::function<void(bool)> on_awaited)
    : context_(context),
      socket_(socket),
      parser_(parser),
      deadline_(deadline),
      of_(of),
      on_awaited_(std::move(on_awaited)),
      head_waits_(context.loop),
      body_rate_(context.settings.body_rate_min_bytes, Millis(context.settings.body_rate_time_ms)) {}

void ServedExchange::begin() {
  id_ = given_request_id(request().headers);
  if (id_.empty()) context_.request_ids.renew(id_);
  find_sender();
  status_ = 0;
  bytes_sent_ = 0;
  complete_ = closes_ = head_waiting_ = false;
  body_read_ = 0;
  body_rate_.begin();
  continue_said_ = false;
  is_reading_ = keeps_body_ = false;
  resumes_from_.reset();
  reply_left_.reset();
  body_broken_ = nullptr;
  step_ = "";
}

// Only a trusted proxy is asked for whom it asks.
void ServedExchange::find_sender() {
  is_sent_on_ = is_contradicted_ = false;
  is_secure_ = of_.is_tls;
  if (!of_.is_proxy) return;
  const IpAddress proxy(of_.peer.address);
  const auto found = forwarded_for(request().headers, proxy, context_.settings.trusted_proxies);
  is_contradicted_ = found.disagree;
  is_secure_ = is_secure_ || found.is_secure;
  is_sent_on_ = found.is_sent_on;
  if (!is_sent_on_) return;
  const bool is_known = !sender_.text.empty() && sender_.address == found.client.bytes();
  if (!is_known) {
    sender_ = peer_at(found.client);
    auto* const clients = context_.shares.clients;
    sender_client_ = clients == nullptr ? nullptr : clients->of(sender_);
  }
  sender_.is_told = found.is_told;
}

void ServedExchange::end() {
  body_reserved_.shrink(0);
  unsent_reserved_.shrink(0);
  end_turn();
}

// --- going on elsewhere

// Whether what has not been read of the body can be read by another server. Where nothing was read nothing
// was done.
bool ServedExchange::is_body_at_rest() const {
  return is_reading_ && body_broken_ == nullptr && (keeps_body_ || body_read_ == 0);
}

// Whether its body is not to be read any more. What is in the middle of one that cannot be handed over goes
// on for a while.
bool ServedExchange::is_to_rest() const {
  return !complete_ && socket_.stream().is_bare() &&
         (context_.releasing || (context_.settling && is_body_at_rest()));
}

Task<> ServedExchange::until_may_change() {
  if (is_repeatable(request()) || !socket_.stream().is_bare()) co_return;
  is_reading_ = true;
  while (context_.settling && !socket_.failed()) co_await socket_.changed().wait();
  is_reading_ = false;
}

bool ServedExchange::hand_over(HandedConnection& into) {
  if (!is_at_rest(into)) return false;
  step_ = "handed over";
  return true;
}

bool ServedExchange::is_at_rest(HandedConnection& into) const {
  const bool has_begun = started() && !head_waiting_;
  into.closes = closes_ && has_begun;
  if (has_begun && complete_) {
    into.ends = closes_;
    return parser_.body_ended();
  }
  if (has_begun) {
    if (!resumes_from_ || framing_ != Framing::length || !parser_.body_ended()) return false;
    into.reply_left = unwritten_;
    into.input = head_of_part(request(), *resumes_from_ + bytes_sent_, unwritten_);
  } else if (is_repeatable(request()) && parser_.body_ended()) {
    into.reply_left = reply_left_;
    into.closes = closes_;
    into.input = head_again(request(), continue_said_);
  } else if (!started() && is_body_at_rest()) {
    into.input = body_read_ == 0 ? head_again(request(), continue_said_)
                                 : head_of_rest(request(), parser_.body_left());
    into.input += chunk_begun(parser_);
    into.between_chunks = !body_length() && parser_.between_chunks();
  } else {
    return false;
  }
  return true;
}

bool ServedExchange::is_at_work() const {
  return !is_repeatable(request()) && !is_reading_ && !(started() && complete_);
}

void ServedExchange::resume(const HandedConnection& handed) {
  reply_left_ = handed.reply_left;
  closes_ = handed.closes;
  if (handed.between_chunks) parser_.begin_between_chunks();
}

// In the place of a head that another server has sent. What comes now must be what was promised there.
void ServedExchange::go_on(int status, std::optional<uint64_t> length) {
  const bool is_rest =
      (status == 200 || status == 206) && framing_ == Framing::length && length == reply_left_;
  head_.clear();
  if (!is_rest) cut_off("what is left of the reply cannot be had");
}

bool ServedExchange::take_turn() {
  if (client() == nullptr) return true;
  turn_ = client()->requests().try_reserve(1);
  return turn_.units() > 0;
}

Task<bool> ServedExchange::wait_for_turn(Moment deadline) {
  turn_ = co_await client()->requests().reserve_until(1, deadline);
  co_return turn_.units() > 0;
}

// --- the head

bool ServedExchange::must_close() const {
  const bool is_leaving = context_.draining || (context_.releasing && !socket_.stream().is_bare());
  if (is_leaving || !parser_.keep_alive() || framing_ == Framing::until_close || body_broken_ != nullptr)
    return true;
  if (parser_.body_ended()) return false;
  // A client that was not told to continue may or may not send its body, so the next byte may be the
  // beginning of the body or of the next request.
  if (parser_.expects_continue() && !continue_said_ && body_read_ == 0) return true;
  return !body_length() || *body_length() - body_read_ > context_.settings.drain_bytes_max;
}

void ServedExchange::begin_head(int status, const Headers& headers, std::optional<uint64_t> length) {
  assert(status_ == 0 && "a request has one reply");
  end_turn();
  status_ = status;
  framing_ = framing_of(request(), status, length);
  unwritten_ = framing_ == Framing::length ? *length : 0;
  closes_ = closes_ || must_close();
  if (reply_left_) return go_on(status, length);
  ReplyHead reply{status, length, closes_, context_.date(), id_};
  const bool is_through = request().headers.find("Via") != nullptr && !Hops::of(request().headers).empty();
  if (is_through) reply.hop_name = context_.settings.hop_name;
  compose_head(head_, request(), reply, headers);
}

std::string_view ServedExchange::take_head() {
  return std::exchange(head_waiting_, false) ? std::string_view(head_) : std::string_view();
}

void ServedExchange::send_head() {
  if (const auto head = take_head(); !head.empty()) socket_.send({head});
}

// --- the request's body

Error ServedExchange::broken_body(const char* why) {
  body_broken_ = why;
  closes_ = true;
  return Error(Error::Kind::invalid, std::string("read the request's body: ") + why, 0);
}

Task<Result<>> ServedExchange::until_received(size_t more_than) {
  if (parser_.expects_continue() && !continue_said_ && status_ == 0 && socket_.received() == 0) {
    continue_said_ = true;
    socket_.send({"HTTP/1.1 100 Continue\r\n\r\n"});
  }
  const auto since = context_.loop.now();
  const auto end = since + Millis(context_.settings.body_timeout_ms);
  auto now = since;
  while (socket_.received() <= more_than && !socket_.ended() && now < end) {
    const auto waits = std::min({Moment::duration(end - now), body_rate_.left(), Moment::duration(kStalled)});
    deadline_.set(std::chrono::ceil<Millis>(waits).count());
    while (socket_.received() <= more_than && !socket_.ended() && !deadline_.passed())
      co_await socket_.changed().wait();
    deadline_.clear();
    const auto began = std::exchange(now, context_.loop.now());
    body_rate_.waited(now - began);
    set_awaited(socket_.received() <= more_than && now - since >= kStalled);
    const bool is_judged = socket_.received() <= more_than && body_rate_.left() == Moment::duration(0);
    if (is_judged && body_rate_.is_too_slow()) co_return failure(too_slow_body());
  }
  set_awaited(false);
  if (socket_.received() > more_than) co_return Result<>();
  const bool timed_out = !socket_.ended();
  auto broken = broken_body(timed_out ? "the client sent nothing for too long" : "it ended early");
  // A timeout is a network that stood still: the same request may well succeed the next time.
  if (timed_out) broken.kind = Error::Kind::unavailable;
  co_return failure(std::move(broken));
}

Error ServedExchange::too_slow_body() {
  auto broken = broken_body("the client sent it too slowly");
  broken.kind = Error::Kind::too_slow;
  broken.message += ": less than " + std::to_string(context_.settings.body_rate_min_bytes) +
                    " bytes a second over " + std::to_string(context_.settings.body_rate_time_ms) + " ms";
  return broken;
}

// Receives what has come of the body, without waiting for more: at most `bytes_max` bytes of it, none if what
// has come is too little to be understood.
Piece ServedExchange::receive_piece(size_t bytes_max) {
  const auto left = parser_.body_left();
  Piece piece(left ? static_cast<size_t>(std::min<uint64_t>(*left, bytes_max))
                   : bytes_max + kChunkHeadsBytes);
  const auto received = piece.memory().first(socket_.receive(piece.memory()));
  const auto part = parser_.parse_body(received, bytes_max);
  if (part.progress == RequestParser::Progress::failed) (void)broken_body(parser_.malformed().why);
  if (part.taken < received.size()) socket_.put_back(received.subspan(part.taken));
  piece.shrink(part.body);
  body_read_ += piece.size();
  body_rate_.came(piece.size());
  return piece;
}

// Reads the next piece. The bytes are reserved from the limit of all buffers first; until then the socket
// reads no further than its own small limit. Pieces end at multiples of kPieceBytes: a piece that begins at
// one goes into the page cache as one.
Task<Result<Piece>> ServedExchange::read() {
  is_reading_ = true;
  auto piece = co_await read_piece();
  is_reading_ = false;
  co_return piece;
}

Task<Result<Piece>> ServedExchange::read_piece() {
  body_reserved_.shrink(0);
  Piece piece;
  size_t not_understood = 0;  // received bytes that are too few to be parsed
  while (piece.empty() && !parser_.body_ended()) {
    if (body_broken_ != nullptr) co_return failure(broken_body(body_broken_));
    if (socket_.received() <= not_understood) {
      auto received = co_await until_received(not_understood);
      if (!received) co_return failure(received.error());
    }
    while (is_to_rest()) co_await socket_.changed().wait();
    const auto deadline = context_.loop.now() + kMemoryWaitMax;
    body_reserved_ = co_await buffers().reserve_until(kPieceBytes + kChunkHeadsBytes, deadline);
    if (body_reserved_.units() == 0) {
      auto late = broken_body("there was no memory for it in time");
      late.kind = Error::Kind::unavailable;
      late.retry_after_s = kNoMemoryRetryAfterS;
      co_return failure(std::move(late));
    }
    while (is_to_rest()) co_await socket_.changed().wait();
    piece = receive_piece(kPieceBytes - static_cast<size_t>(body_read_ % kPieceBytes));
    body_reserved_.shrink(piece.held());
    not_understood = socket_.received();
  }
  if (body_broken_ != nullptr) co_return failure(broken_body(body_broken_));
  co_return piece;
}

// Parses what has come of a chunked body that the route does not want. Nobody knows how long such a body is,
// so the connection can be kept only if the end of the body has come already. What is received makes room for
// what its sender has ready, so the kernel is asked until it has no more.
void ServedExchange::skip_received() {
  if (body_length()) return;
  size_t skipped = 0;
  while (!parser_.body_ended() && body_broken_ == nullptr && skipped < kPieceBytes) {
    const size_t bytes = receive_piece(kPieceBytes).size();
    if (bytes == 0) return;
    skipped += bytes;
  }
}

Task<bool> ServedExchange::skip_body() {
  uint64_t skipped = 0;
  while (!parser_.body_ended()) {
    auto piece = co_await read();
    if (!piece) co_return false;
    skipped += piece->size();
    if (skipped > context_.settings.drain_bytes_max) co_return false;
  }
  co_return true;
}

// Whether the reply waits until the body is dropped. A client that meets it while it sends may stop to send,
// and wait for ever for somebody to take the rest (containerd 1.6). Not where the end of the connection ends
// the reply, nor where the client may send no body at all.
bool ServedExchange::holds_reply() const {
  const bool may_send_none = parser_.expects_continue() && !continue_said_ && body_read_ == 0;
  return closes_ && !parser_.body_ended() && body_broken_ == nullptr && !may_send_none &&
         framing_ != Framing::until_close;
}

Task<> ServedExchange::drop_body() {
  if (holds_reply()) co_await drop_until_end();
  if (!held_reply_.empty()) socket_.send({std::exchange(held_reply_, std::string())});
}

Task<> ServedExchange::drop_until_end() {
  const auto& settings = context_.settings;
  const auto end = context_.loop.now() + Millis(settings.drop_time_ms);
  size_t not_understood = 0;  // received bytes that are too few to be parsed
  while (!parser_.body_ended() && body_broken_ == nullptr && context_.loop.now() < end) {
    deadline_.set(settings.drop_silence_ms);
    const auto is_to_end = [this] { return context_.draining || context_.releasing; };
    while (socket_.received() <= not_understood && !socket_.ended() && !deadline_.passed() && !is_to_end())
      co_await socket_.changed().wait();
    deadline_.clear();
    if (socket_.received() <= not_understood || is_to_end()) co_return;
    const size_t bytes = receive_piece(kPieceBytes).size();
    not_understood = socket_.received();
    // The length of the pause is that of the piece at the pace, so others have their turn in between.
    co_await context_.loop.sleep(Millis(bytes * 1000 / std::max<uint64_t>(settings.drop_bytes_per_s, 1)));
  }
}

// --- the reply's body

void ServedExchange::reply(int status, Headers headers, std::string_view body) {
  skip_received();
  begin_head(status, headers, body.size());
  if (framing_ == Framing::none) body = std::string_view();
  if (holds_reply()) {
    held_reply_ = head_;
    held_reply_ += body;
  } else {
    socket_.send({head_, body});
    unsent_reserved_ = buffers().reserve_over_limit(socket_.unsent());
  }
  count_sent(body.size());
  complete_ = true;
}

void ServedExchange::reply(int status, Headers headers, std::shared_ptr<const std::string> body) {
  if (body->size() <= kSmallFileBytes) return reply(status, std::move(headers), std::string_view(*body));
  skip_received();
  begin_head(status, headers, body->size());
  if (framing_ == Framing::none) {
    socket_.send({head_});
  } else {
    const bool is_long = body->size() > kLongBodyBytes;
    count_sent(body->size());
    socket_.send(head_, std::move(body));
    if (!is_long) unsent_reserved_ = buffers().reserve_over_limit(socket_.unsent());
  }
  complete_ = true;
}

void ServedExchange::start(int status, Headers headers, std::optional<uint64_t> length) {
  begin_head(status, headers, length);
  complete_ = framing_ == Framing::none || (framing_ == Framing::length && unwritten_ == 0);
  head_waiting_ = true;
  if (complete_) return send_head();
  head_waits_.ring();
}

bool ServedExchange::fits(uint64_t bytes) {
  assert(started() && "start() comes first");
  if (framing_ == Framing::none || bytes == 0) return false;
  if (!complete_ && (framing_ != Framing::length || bytes <= unwritten_)) return true;
  cut_off("the route wrote more than it declared");
  return false;
}

void ServedExchange::count_sent(uint64_t bytes) {
  bytes_sent_ += bytes;
  context_.stats.sent_bytes_total += bytes;
  if (framing_ != Framing::length) return;
  unwritten_ -= bytes;
  complete_ = unwritten_ == 0;
}

Task<> ServedExchange::write(std::string piece) {
  if (fits(piece.size())) {
    if (framing_ == Framing::chunked) {
      head_ = std::string(take_head());
      append_chunk_head(head_, piece.size());
      socket_.send({head_, piece, kCrlf});
    } else {
      socket_.send({take_head(), piece});
    }
    count_sent(piece.size());
    sent_this_turn_ += piece.size();
    // Frees the piece. The socket has copied what the kernel did not take, and that is counted below.
    piece = std::string();
  }
  BufferReservation reserved = buffers().reserve_over_limit(socket_.unsent());
  if (socket_.unsent() > 0 || socket_.failed()) co_await until_sent();
  if (sent_this_turn_ >= kTurnBytes) co_await yield();
}

// --- waiting for the client

void ServedExchange::begin_wait(int64_t timeout_ms) {
  set_awaited(false);
  wait_ends_ = context_.loop.now() + Millis(timeout_ms);
  deadline_.set(std::min<int64_t>(timeout_ms, kStalled.count()));
}

// Whether the time is over. Before it is, a connection that has stood still for a while may give way.
bool ServedExchange::is_wait_over() {
  if (!deadline_.passed()) return false;
  const auto left = std::chrono::ceil<Millis>(wait_ends_ - context_.loop.now()).count();
  if (left <= 0) return true;
  set_awaited(true);
  deadline_.set(left);
  return false;
}

void ServedExchange::end_wait() {
  set_awaited(false);
  deadline_.clear();
}

void ServedExchange::set_awaited(bool is_awaited) {
  if (is_awaited != std::exchange(is_awaited_, is_awaited)) on_awaited_(is_awaited);
}

Task<> ServedExchange::until_sent() {
  size_t left = 0;
  while (socket_.unsent() > 0 || socket_.failed()) {
    if (socket_.unsent() != left) begin_wait(context_.settings.write_timeout_ms);
    left = socket_.unsent();
    co_await socket_.changed().wait();
    if (is_wait_over()) cut_off("the client took nothing for too long");
  }
  end_wait();
  sent_this_turn_ = 0;
}

Task<> ServedExchange::yield() {
  sent_this_turn_ = 0;
  begin_wait(context_.settings.write_timeout_ms);
  socket_.ring_when_writable();
  co_await socket_.changed().wait();
  while (deadline_.passed() && !is_wait_over()) co_await socket_.changed().wait();
  if (deadline_.passed()) cut_off("the client took nothing for too long");
  end_wait();
  if (socket_.failed()) co_await until_sent();
}

Task<> ServedExchange::send_file(store::SharedFile file, uint64_t offset, uint64_t length) {
  if (!fits(length)) {
    if (socket_.failed()) co_await until_sent();
    co_return;
  }
  if (framing_ == Framing::chunked) {
    head_ = std::string(take_head());
    append_chunk_head(head_, length);
    head_waiting_ = true;
  }
  bool small = length <= kSmallFileBytes && context_.disk.resident(*file, offset, length) &&
               send_small_file(*file, offset, static_cast<size_t>(length));
  if (!small) co_await send_large_file(file, offset, length);
  if (framing_ == Framing::chunked) socket_.send({kCrlf});
  if (socket_.unsent() > 0 || socket_.failed()) co_await until_sent();
}

bool ServedExchange::send_small_file(const store::File& file, uint64_t offset, size_t length) {
  auto bytes = std::span<char>(context_.scratch.data(), length);
  auto read = context_.disk.read(file, offset, bytes);
  if (!read || *read != length) {
    cut_off(read ? "the file is too short" : read.error().message);
    return true;
  }
  socket_.send({take_head(), std::string_view(bytes.data(), length)});
  count_sent(length);
  return true;
}

Task<> ServedExchange::send_large_file(store::SharedFile file, uint64_t offset, uint64_t length) {
  if (head_waiting_) socket_.send({take_head()}, Socket::More::soon);
  while (length > 0) {
    uint64_t ready = resident_bytes(*file, offset, std::min<uint64_t>(length, kSendFileBytes));
    if (ready == 0) {
      ready = std::min<uint64_t>(length, kReadAheadBytes);
      auto resident = co_await make_resident(file, offset, ready);
      if (!resident) cut_off(resident.error().message);
    }
    co_await send_resident(file, offset, ready);
    offset += ready;
    length -= ready;
  }
}

// How many of the bytes from `offset` on are in memory without a gap, to the precision of one piece.
uint64_t ServedExchange::resident_bytes(const store::File& file, uint64_t offset, uint64_t length) {
  uint64_t ready = 0;
  while (ready < length) {
    uint64_t piece = std::min<uint64_t>(length - ready, kResidentBytes);
    if (!context_.disk.resident(file, offset + ready, piece)) break;
    ready += piece;
  }
  return ready;
}

// Reads the file ahead on a worker. The job holds the file, because it goes on when the client has left.
Task<Result<>> ServedExchange::make_resident(store::SharedFile file, uint64_t offset, uint64_t length) {
  auto job = [&disk = context_.disk, file, offset, length] { return disk.read_ahead(*file, offset, length); };
  co_return co_await context_.workers.run(std::move(job));
}

Task<> ServedExchange::send_resident(store::SharedFile file, uint64_t offset, uint64_t length) {
  if (socket_.unsent() > 0 || socket_.failed()) co_await until_sent();
  bool stalled = false;
  while (length > 0) {
    auto went = socket_.send_file(file->fd(), offset, static_cast<size_t>(length));
    if (!went) {
      cut_off("the file is too short or cannot be read");
    } else if (*went > 0) {
      stalled = false;
      set_awaited(false);
      offset += *went;
      length -= *went;
      count_sent(*went);
      sent_this_turn_ += *went;
      if (sent_this_turn_ >= kTurnBytes) co_await yield();
      continue;
    }
    if (!stalled) begin_wait(context_.settings.write_timeout_ms);
    stalled = true;
    const auto held = buffers().reserve_over_limit(socket_.stream().held());
    co_await socket_.changed().wait();
    sent_this_turn_ = 0;
    if (is_wait_over()) cut_off("the client took nothing for too long");
  }
  end_wait();
}

void ServedExchange::finish() {
  assert(started() && "start() comes first");
  if (complete_) return;
  if (framing_ == Framing::length) return cut_off("the route finished before what it declared");
  if (framing_ == Framing::chunked) {
    socket_.send({take_head(), "0\r\n\r\n"});
  } else {
    send_head();
  }
  complete_ = true;
}

void ServedExchange::abort() {
  head_waiting_ = false;
  // If the end of the connection is the end of the body, only a reset tells the client that the body is not
  // whole.
  socket_.cut(started() && framing_ == Framing::until_close ? Socket::Closing::reset
                                                            : Socket::Closing::orderly);
}

void ServedExchange::fail(std::string_view why) {
  if (complete_ || socket_.failed()) return;
  if (started()) return cut_off(why);
  context_.log.error(
      "route_failed",
      {{"reason", why}, {"method", request().method}, {"path", path()}, {"step", step_}, {"trace", id_}});
  Headers headers;
  headers.add("Content-Type", "text/plain; charset=utf-8");
  headers.add("X-Content-Type-Options", "nosniff");
  const std::string said =
      "internal error; ask whoever runs Breakwater to look up the trace in its log (trace " + id_ + ")";
  headers.add(std::string(kReasonField), said);
  const std::string body = said + "\n";
  reply(500, std::move(headers), std::string_view(body));
}

void ServedExchange::cut_off(std::string_view why) {
  if (socket_.failed()) return;
  context_.log.warning("reply_cut", {{"reason", why},
                                     {"client", peer().text},
                                     {"method", request().method},
                                     {"path", path()},
                                     {"sent", static_cast<int64_t>(bytes_sent_)},
                                     {"step", step_},
                                     {"trace", id_}});
  abort();
}

std::string_view ServedExchange::path() const {
  std::string_view target = request().target;
  return target.substr(0, target.find('?'));
}

}  // namespace breakwater::proxy
