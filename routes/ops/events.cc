#include "routes/ops/events.h"

#include <chrono>
#include <utility>

namespace breakwater::routes {

Events::Events(const Parts& parts, const std::vector<WebhookSettings>& webhooks, const WebhookTiming& timing)
    : parts_(parts),
      queue_(parts.catalog, readers_of(webhooks)),
      webhooks_({parts.loop, parts.workers, parts.http_client, queue_, parts.clock, parts.log, parts.machine},
                webhooks, timing),
      came_(parts.loop) {
  queue_.observe([this](const auto& events) {
    ring_.add(events);
    on_loop([this] { webhooks_.wake(); });
  });
  parts_.logged.observe([this] { on_loop([this] { came_.ring(); }); });
}

Events::~Events() { parts_.logged.observe({}); }

// Not after the end of this. Any thread.
void Events::on_loop(std::function<void()> job) {
  parts_.loop.post([job = std::move(job), there = std::weak_ptr<bool>(is_there_)] {
    if (there.lock()) job();
  });
}

void Events::start(proxy::Tasks& tasks) {
  webhooks_.start(tasks);
  tasks.spawn(take_logged());
}

proxy::Task<> Events::until_more_are_logged() {
  const auto due = parts_.logged.due_in();
  if (!due) co_return co_await came_.wait();
  co_await came_.wait_until(parts_.loop.now() + std::chrono::ceil<proxy::Millis>(*due));
}

proxy::Task<> Events::take_logged() {
  uint64_t lost_told = 0;
  for (;;) {
    auto events = parts_.logged.take();
    const uint64_t lost = parts_.logged.lost();
    if (lost > lost_told)
      parts_.log.warning("events_lost", {{"events", static_cast<int64_t>(lost - lost_told)}});
    lost_told = lost;
    if (events.empty()) {
      co_await until_more_are_logged();
      continue;
    }
    auto job = [&queue = queue_, events = std::move(events)] {
      return queue.note(events, store::Durability::buffered);
    };
    auto noted = co_await parts_.workers.run(std::move(job));
    if (!noted) parts_.log.warning("event_not_noted", {{"error", noted.error().message}});
  }
}

}  // namespace breakwater::routes
