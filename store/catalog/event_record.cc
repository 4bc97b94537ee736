#include "store/catalog/event_record.h"

#include "store/catalog/record_codec.h"

namespace breakwater::store {

std::string encode(const Event& event) {
  Encoder out;
  out.number(static_cast<uint64_t>(event.kind)).text(event.id).time(event.at).text(event.action);
  out.text(event.route).text(event.repository).text(event.tag).text(event.digest).text(event.media_type);
  out.number(event.size).text(event.reason);
  out.text(event.request_id).text(event.address).text(event.host).text(event.method).text(event.user_agent);
  out.text(event.user).flag(event.is_secure);
  return out.take();
}

Result<Event> decode_event(std::string_view bytes) {
  Decoder in(bytes);
  Event event;
  const uint64_t kind = in.number();
  event.kind = static_cast<Event::Kind>(kind);
  event.id = in.text();
  event.at = in.time();
  event.action = in.text();
  event.route = in.text();
  event.repository = in.text();
  event.tag = in.text();
  event.digest = in.text();
  event.media_type = in.text();
  event.size = in.number();
  event.reason = in.text();
  event.request_id = in.text();
  event.address = in.text();
  event.host = in.text();
  event.method = in.text();
  event.user_agent = in.text();
  if (in.more()) {
    event.user = in.text();
    event.is_secure = in.flag();
  }
  if (kind > static_cast<uint64_t>(Event::Kind::upstream))
    return failure(Error::Kind::corrupt, "a malformed event record in the catalog");
  return checked(in, std::move(event), "event");
}

}  // namespace breakwater::store
