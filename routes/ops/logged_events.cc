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

constexpr std::array<Meaning, 11> kMeanings = {{
    {"tag_expired", Kind::removal, "delete"},
    {"tag_removed", Kind::removal, "delete"},
    {"cache_tag_evicted", Kind::cache_eviction, "evict_cache_tag"},
    {"broken", Kind::integrity, "broken"},
    {"healed", Kind::integrity, "healed"},
    {"upstream_unreachable", Kind::upstream, "upstream_unreachable"},
    {"upstream_throttles", Kind::upstream, "upstream_throttles"},
    {"upstream_fails", Kind::upstream, "upstream_fails"},
    {"upstream_refuses_credentials", Kind::upstream, "upstream_refuses_credentials"},
    {"upstream_accepts_credentials", Kind::upstream, "upstream_accepts_credentials"},
    {"upstream_answers_again", Kind::upstream, "upstream_answers_again"},
}};

// What an upstream is said to be twice is told once, and it is well until something else is said.
constexpr std::string_view kAnswers = "upstream_answers_again", kAccepts = "upstream_accepts_credentials";
bool is_of_credentials(std::string_view action) { return action.ends_with("_credentials"); }

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
  if (event.kind == Kind::upstream) {
    hear(text_of(fields, "upstream"), std::move(event));
  } else {
    wait(std::move(event));
  }
  if (came_) came_();
}

void LoggedEvents::wait(store::Event event) {
  if (waiting_.size() >= kWaitingMax) {
    ++lost_;
    waiting_.pop_front();
  }
  waiting_.push_back(std::move(event));
}

// Told at once after a while of quiet, else when that is over: what it is then.
void LoggedEvents::hear(const std::string& host, store::Event event) {
  if (upstreams_.size() >= kUpstreamsMax) forget_upstreams();
  const bool is_of_login = is_of_credentials(event.action);
  auto& upstream = upstreams_[{event.route, host, is_of_login}];
  if (upstream.told.empty()) upstream.told = is_of_login ? kAccepts : kAnswers;
  upstream.waits.reset();
  if (event.action == upstream.told) return;
  if (clock_.now() < upstream.quiet_until) {
    upstream.waits = std::move(event);
    return;
  }
  tell(upstream, std::move(event));
}

void LoggedEvents::tell(Upstream& upstream, store::Event event) {
  upstream.waits.reset();
  upstream.told = event.action;
  upstream.quiet_until = clock_.now() + kUpstreamQuiet;
  wait(std::move(event));
}

// A lost entry costs only an event that says what was told before.
void LoggedEvents::forget_upstreams() {
  for (auto& [of, upstream] : upstreams_) {
    if (upstream.waits) wait(*std::move(upstream.waits));
  }
  upstreams_.clear();
}

std::optional<store::Time::duration> LoggedEvents::due_in() const {
  const store::Lock lock(mutex_);
  std::optional<store::Time> due;
  for (const auto& [of, upstream] : upstreams_) {
    if (upstream.waits && (!due || upstream.quiet_until < *due)) due = upstream.quiet_until;
  }
  if (!due) return std::nullopt;
  return std::max(*due - clock_.now(), store::Time::duration::zero());
}

std::vector<store::Event> LoggedEvents::take() {
  const store::Lock lock(mutex_);
  for (auto& [of, upstream] : upstreams_) {
    if (upstream.waits && upstream.quiet_until <= clock_.now()) tell(upstream, *std::move(upstream.waits));
  }
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
