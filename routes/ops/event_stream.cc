#include "routes/ops/event_stream.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "routes/oci/date_text.h"
#include "routes/oci/request_context.h"
#include "routes/ops/notification.h"
#include "routes/ops/request_log.h"
#include "store/base/printable.h"

namespace breakwater::routes {
namespace {

using nlohmann::ordered_json;

constexpr size_t kWrittenTogether = 50;
constexpr proxy::Millis kLookAgainAfter(100);
constexpr proxy::Millis kCommentAfter(15'000);

ordered_json json_of(const store::Event& event) {
  ordered_json json;
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

std::string message(const std::string& id, const char* name, const ordered_json& data) {
  return "id: " + id + "\nevent: " + name +
         "\ndata: " + data.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n\n";
}

}  // namespace

std::string EventStream::Position::text() const {
  return std::to_string(requests) + "." + std::to_string(events);
}

// One that is served just now.
class EventStream::Open {
 public:
  explicit Open(uint32_t& count) : count_(count) { ++count_; }
  ~Open() { --count_; }
  Open(const Open&) = delete;
  Open& operator=(const Open&) = delete;

 private:
  uint32_t& count_;
};

EventStream::Position EventStream::begin_of(std::string_view last_id) const {
  const Position newest{requests_.newest(), events_.newest()};
  Position position;
  const char* end = last_id.data() + last_id.size();
  const auto requests = std::from_chars(last_id.data(), end, position.requests);
  if (requests.ec != std::errc() || requests.ptr == end || *requests.ptr != '.') return newest;
  const auto events = std::from_chars(requests.ptr + 1, end, position.events);
  return events.ec == std::errc() && events.ptr == end ? position : newest;
}

std::string EventStream::more(Position& position, uint64_t& missed) const {
  std::string text;
  const auto requests = requests_.after(position.requests, {}, kWrittenTogether);
  const auto events = events_.after(position.events, kWrittenTogether);
  missed = requests.missed + events.missed;
  if (missed > 0) {
    const ordered_json told = {{"requests", requests.missed}, {"events", events.missed}};
    text += message(position.text(), "missed", told);
  }
  for (const auto& request : requests.requests) {
    position.requests = request.number;
    text += message(position.text(), "request", routes::json_of(request));
  }
  position.requests = requests.next;
  position.events = events.next - events.events.size();
  for (const auto& event : events.events) {
    ++position.events;
    text += message(position.text(), "event", json_of(event));
  }
  return text;
}

proxy::Task<> EventStream::serve(proxy::Exchange& exchange) {
  auto headers = base_headers();
  if (open_ >= kStreamsMax) {
    headers.add("Retry-After", "15");
    exchange.reply(503, std::move(headers), std::string_view("as many streams are open as may be\n"));
    co_return;
  }
  const Open open(open_);
  Position position = begin_of(exchange.request().headers.get("Last-Event-ID"));
  headers.add("Content-Type", "text/event-stream");
  headers.add("Cache-Control", "no-store");
  exchange.start(200, std::move(headers), std::nullopt);
  std::string begin = ": what happens\n\n";
  co_await exchange.write(std::move(begin));
  auto told_at = loop_.now();
  for (bool is_first = true;; is_first = false) {
    uint64_t missed = 0;
    auto text = more(position, missed);
    if (missed > 0 && !is_first) break;
    if (text.empty() && loop_.now() - told_at >= kCommentAfter) text = ":\n\n";
    if (text.empty()) {
      co_await loop_.sleep(kLookAgainAfter);
      continue;
    }
    told_at = loop_.now();
    co_await exchange.write(std::move(text));
  }
  exchange.finish();
}

}  // namespace breakwater::routes
