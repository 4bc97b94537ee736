#include "routes/ops/event_stream.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <memory>
#include <random>
#include <utility>

#include "routes/oci/date_text.h"
#include "routes/oci/request_context.h"
#include "routes/ops/notification.h"
#include "routes/ops/request_filter.h"
#include "routes/ops/request_log.h"
#include "store/base/printable.h"

namespace breakwater::routes {
namespace {

constexpr proxy::Millis kCommentAfter(15'000);
// Entries of the ring that one write looks at for a filter.
constexpr uint64_t kLookedAtMax = 1000;
// Who is cut off comes again after this time.
constexpr std::string_view kRetry = "retry: 2000\n\n";

Json json_of(const store::Event& event) {
  Json json;
  const auto add = [&json](const char* key, const std::string& text) {
    if (!text.empty()) json[key] = store::printable(text);
  };
  add("id", event.id);
  add("at", date_text(event.at));
  json["kind"] = name_of(event.kind);
  add("action", event.action);
  add("route", event.route);
  add("repository", event.repository);
  add("tag", event.tag);
  add("digest", event.digest);
  add("reason", event.reason);
  add("client", event.address);
  add("trace", event.request_id);
  return json;
}

std::string text_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string message(const std::string& id, std::string_view name, const std::string& data) {
  return "id: " + id + "\nevent: " + std::string(name) + "\ndata: " + data + "\n\n";
}

std::string missed_text(uint64_t requests, uint64_t events) {
  return text_of(Json{{"requests", requests}, {"events", events}});
}

// Eight hex digits that no other start has.
std::string new_start() {
  std::array<char, 9> digits{};
  std::snprintf(digits.data(), digits.size(), "%08x", static_cast<unsigned>(std::random_device()()));
  return digits.data();
}

bool is_filtered(const RequestFilter& filter) {
  return !filter.sight.is_of_all() || filter.client || filter.outcome != RequestFilter::Outcome::any ||
         !filter.route.empty() || !filter.repository.empty() || !filter.reference.empty();
}

}  // namespace

Result<EventsWanted> EventsWanted::of(const Arguments& arguments, const RouteDirectory& directory) {
  EventsWanted wanted;
  for (const auto& [name, values] : arguments.all()) {
    const bool is_known = name == "of" || name == "client" || name == "image" || name == "route" ||
                          name == "result" || name == "after";
    if (!is_known)
      return failure(Error::Kind::invalid,
                     "unknown parameter \"" + name + "\"; it takes of, client, image, route, result, after");
    if (values.size() > 1) return failure(Error::Kind::invalid, "\"" + name + "\" is given more than once");
  }
  auto filter = filter_of(arguments, directory);
  if (!filter) return failure(filter.error());
  wanted.filter = *std::move(filter);
  wanted.after = arguments.word("after");
  if (!arguments.has("of")) return wanted;
  wanted.status = wanted.requests = wanted.events = false;
  std::string_view rest = arguments.word("of");
  while (!rest.empty()) {
    const auto kind = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), kind.size() + 1));
    if (kind == "status") wanted.status = true;
    if (kind == "request") wanted.requests = true;
    if (kind == "event") wanted.events = true;
    if (kind != "status" && kind != "request" && kind != "event")
      return failure(Error::Kind::invalid,
                     "\"of\" is status, request and event, with commas, not \"" + std::string(kind) + "\"");
  }
  return wanted;
}

EventStream::EventStream(proxy::Loop& loop, const RequestRing& requests, const EventRing& events,
                         Summary summary, proxy::Millis write_every)
    : loop_(loop),
      requests_(requests),
      events_(events),
      summary_(std::move(summary)),
      write_every_(write_every),
      start_(new_start()),
      ending_(loop),
      told_(kBehindMax) {}

void EventStream::end() {
  ++ended_;
  ending_.ring();
}

// One that is served just now.
class EventStream::Open {
 public:
  Open(EventStream& of, const proxy::ClientKey& client) : of_(of), client_(client) {
    ++of_.open_count_;
    ++of_.open_[client_];
  }
  ~Open() {
    --of_.open_count_;
    if (--of_.open_[client_] == 0) of_.open_.erase(client_);
  }
  Open(const Open&) = delete;
  Open& operator=(const Open&) = delete;

 private:
  EventStream& of_;
  const proxy::ClientKey client_;
};

bool EventStream::is_too_many(const proxy::Peer& peer) const {
  const bool has_no_address = peer.address == decltype(peer.address)();
  const auto of_client = open_.find(peer.client());
  const uint32_t count = of_client == open_.end() ? 0 : of_client->second;
  return open_count_ >= kStreamsMax || count >= (has_no_address ? kStreamsOfMachineMax : kStreamsOfClientMax);
}

std::string EventStream::id_of(const Position& position) const {
  return start_ + "." + std::to_string(position.requests) + "." + std::to_string(position.events);
}

EventStream::Position EventStream::begin_of(std::string_view last_id) const {
  const Position newest{requests_.newest(), events_.newest()};
  const size_t dot = last_id.find('.');
  if (dot == std::string_view::npos) return newest;
  const auto numbers = last_id.substr(dot + 1);
  Position position;
  const char *begin = numbers.data(), *end = begin + numbers.size();
  const auto requests = std::from_chars(begin, end, position.requests);
  if (requests.ec != std::errc() || requests.ptr == end || *requests.ptr != '.') return newest;
  const auto events = std::from_chars(requests.ptr + 1, end, position.events);
  if (events.ec != std::errc() || events.ptr != end) return newest;
  return last_id.substr(0, dot) == start_ ? position : Position();
}

// Made once for all streams that are written to in the meantime.
void EventStream::renew_status() {
  const auto now = loop_.now();
  if (status_changes_ > 0 && now - status_at_ < write_every_) return;
  status_at_ = now;
  auto status = text_of(summary_({}));
  if (status == status_) return;
  status_ = std::move(status);
  ++status_changes_;
}

// The same for all streams that are written to in the meantime, so that they tell the same requests, and the
// text of each is made once.
uint64_t EventStream::newest_told() {
  const auto now = loop_.now();
  if (now - newest_at_ < write_every_) return newest_;
  newest_at_ = now;
  newest_ = requests_.newest();
  return newest_;
}

const std::string& EventStream::data_of(uint64_t request) {
  auto& told = told_[request % told_.size()];
  if (told.number == request) return told.data;
  told.number = request;
  told.data = text_of(routes::json_of(requests_.value_of(request)));
  return told.data;
}

void EventStream::add_requests(std::string& text, const EventsWanted& wanted, Position& position) {
  if (position.requests > requests_.newest()) position.requests = 0;
  const uint64_t newest = std::max(newest_told(), position.requests);
  const bool has_filter = is_filtered(wanted.filter);
  const uint64_t behind = newest - position.requests, behind_max = has_filter ? kLookedAtMax : kBehindMax;
  if (behind > behind_max) {
    const uint64_t kept = has_filter ? kLookedAtMax : kToldTogether;
    position.requests = newest - kept;
    text += message(id_of(position), "missed", missed_text(behind - kept, 0));
  }
  if (!has_filter) {
    for (size_t told = 0; told < kToldTogether && position.requests < newest; ++told) {
      if (!requests_.has(++position.requests)) continue;
      text += message(id_of(position), "request", data_of(position.requests));
    }
    return;
  }
  const auto page = requests_.after(position.requests, wanted.filter, kToldTogether, kLookedAtMax);
  for (const auto& request : page.requests) {
    position.requests = request.number;
    text += message(id_of(position), "request", text_of(routes::json_of(request)));
  }
  position.requests = page.next;
}

void EventStream::add_events(std::string& text, const Sight& sight, Position& position) const {
  const auto page = events_.after(position.events, kToldTogether);
  position.events = page.next - page.events.size();
  if (page.missed > 0) text += message(id_of(position), "missed", missed_text(0, page.missed));
  for (const auto& event : page.events) {
    ++position.events;
    if (!sight.is_of_all() && !sight.sees(event.route, event.repository)) continue;
    text += message(id_of(position), "event", text_of(json_of(event)));
  }
}

void EventStream::add_status(std::string& text, const EventsWanted& wanted, Heard& heard) {
  const Sight& sight = wanted.filter.sight;
  if (sight.is_of_all()) {
    renew_status();
    if (heard.status_changes != status_changes_) text += message(id_of(heard.position), "status", status_);
    heard.status_changes = status_changes_;
    return;
  }
  auto status = text_of(summary_(sight));
  if (status == heard.own_status) return;
  text += message(id_of(heard.position), "status", status);
  heard.own_status = std::move(status);
}

// What is behind where `heard` is, which moves on, and the status, if it is not the one that was told.
std::string EventStream::more(const EventsWanted& wanted, Heard& heard) {
  std::string text;
  auto& position = heard.position;
  if (wanted.requests) add_requests(text, wanted, position);
  if (!wanted.requests) position.requests = requests_.newest();
  if (wanted.events) add_events(text, wanted.filter.sight, position);
  if (!wanted.events) position.events = events_.newest();
  if (wanted.status) add_status(text, wanted, heard);
  return text;
}

proxy::Task<> EventStream::serve(proxy::Exchange& exchange, EventsWanted wanted) {
  auto headers = base_headers();
  if (is_too_many(exchange.peer())) {
    headers.add("Retry-After", "15");
    exchange.reply(503, std::move(headers), std::string_view("as many streams are open as may be\n"));
    co_return;
  }
  const Open open(*this, exchange.peer().client());
  const auto last_heard = exchange.request().headers.get("Last-Event-ID");
  Heard heard;
  heard.position = begin_of(last_heard.empty() ? std::string_view(wanted.after) : last_heard);
  headers.add("Content-Type", "text/event-stream");
  headers.add("Cache-Control", "no-store");
  exchange.start(200, std::move(headers), std::nullopt);
  auto told_at = loop_.now();
  auto text = std::string(kRetry) + more(wanted, heard);
  for (const uint64_t ended = ended_; ended == ended_;) {
    if (text.empty() && loop_.now() - told_at >= kCommentAfter) text = ":\n\n";
    if (!text.empty()) {
      told_at = loop_.now();
      co_await exchange.write(std::move(text));
    }
    // A timer may come a little early.
    const auto next = loop_.now() + write_every_;
    while (loop_.now() < next && ended == ended_) co_await ending_.wait_until(next);
    if (wanted.goes_on && !wanted.goes_on()) break;
    text = more(wanted, heard);
  }
  exchange.finish();
}

}  // namespace breakwater::routes
