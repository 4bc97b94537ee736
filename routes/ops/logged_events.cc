#include "routes/ops/logged_events.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "routes/ops/notification.h"

namespace breakwater::routes {
namespace {

using Kind = store::Event::Kind;

struct Meaning {
  std::string_view logged;
  Kind kind;
  std::string_view action;
};

constexpr std::array<Meaning, 10> kMeanings = {{
    {"tag_expired", Kind::removal, "delete"},
    {"tag_removed", Kind::removal, "delete"},
    {"cache_tag_evicted", Kind::cache_eviction, "evict_cache_tag"},
    {"broken", Kind::integrity, "broken"},
    {"healed", Kind::integrity, "healed"},
    {"upstream_unreachable", Kind::upstream, "upstream_unreachable"},
    {"upstream_throttles", Kind::upstream, "upstream_throttles"},
    {"upstream_refuses_credentials", Kind::upstream, "upstream_refuses_credentials"},
    {"upstream_accepts_credentials", Kind::upstream, "upstream_accepts_credentials"},
    {"upstream_answers_again", Kind::upstream, "upstream_answers_again"},
}};

std::string text_of(std::span<const store::Log::Field> fields, std::string_view name) {
  for (const auto& field : fields) {
    const auto* text = std::get_if<std::string_view>(&field.value);
    if (field.key == name && text != nullptr) return std::string(*text);
  }
  return {};
}

std::string first_of(std::initializer_list<std::string> texts) {
  const auto found = std::find_if(texts.begin(), texts.end(), [](const auto& text) { return !text.empty(); });
  return found == texts.end() ? std::string() : *found;
}

// What happened to what, in one text: of integrity what it breaks, of an upstream which and why.
std::string reason_of(std::span<const store::Log::Field> fields) {
  const auto upstream = text_of(fields, "upstream"), breaks = text_of(fields, "breaks");
  std::string reason =
      first_of({text_of(fields, "reason"), text_of(fields, "what"), text_of(fields, "error")});
  if (!upstream.empty()) reason = upstream + (reason.empty() ? "" : ": " + reason);
  if (!breaks.empty()) reason += "; breaks " + breaks;
  return reason;
}

}  // namespace

void LoggedEvents::write(Level level, std::string_view name, std::span<const Field> fields) {
  log_.write(level, name, fields);
  const auto meaning = std::find_if(kMeanings.begin(), kMeanings.end(),
                                    [name](const Meaning& one) { return one.logged == name; });
  if (meaning == kMeanings.end()) return;
  store::Event event;
  event.kind = meaning->kind;
  event.action = meaning->action;
  event.id = new_event_id();
  event.at = clock_.wall();
  event.route = text_of(fields, "route");
  event.repository = text_of(fields, "repository");
  event.tag = text_of(fields, "tag");
  event.digest = text_of(fields, "digest");
  event.reason = reason_of(fields);
  const store::Lock lock(mutex_);
  if (waiting_.size() >= kWaitingMax) {
    ++lost_;
    waiting_.pop_front();
  }
  waiting_.push_back(std::move(event));
  if (came_) came_();
}

std::vector<store::Event> LoggedEvents::take() {
  const store::Lock lock(mutex_);
  std::vector<store::Event> all(std::make_move_iterator(waiting_.begin()),
                                std::make_move_iterator(waiting_.end()));
  waiting_.clear();
  return all;
}

uint64_t LoggedEvents::lost() const {
  const store::Lock lock(mutex_);
  return lost_;
}

void LoggedEvents::observe(std::function<void()> came) {
  const store::Lock lock(mutex_);
  came_ = std::move(came);
}

}  // namespace breakwater::routes
