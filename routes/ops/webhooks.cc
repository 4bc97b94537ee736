#include "routes/ops/webhooks.h"

#include <algorithm>
#include <random>
#include <utility>

#include "proxy/upstream/retry.h"
#include "routes/ops/notification.h"
#include "store/base/digest.h"

namespace breakwater::routes {
namespace {

constexpr size_t kAnswerBytesMax = 64 << 10;
constexpr proxy::Millis kLookAgainAfter(60'000);  // whether the catalog can be read again

// Takes the head of an answer, and drops its body.
class AnswerSink final : public proxy::Sink {
 public:
  Result<> head(const proxy::Head& head) override {
    status = head.status;
    retry_after = head.headers.get("Retry-After");
    return {};
  }
  Result<bool> body(std::span<const char> data) override {
    bytes_ += data.size();
    if (bytes_ > kAnswerBytesMax) return failure(Error::Kind::too_large, "the answer is longer than 64 KiB");
    return true;
  }
  int status = 0;
  std::string retry_after;

 private:
  size_t bytes_ = 0;
};

bool is_taken(int status) { return status >= 200 && status < 300; }
bool is_passing(int status) { return status == 0 || status == 408 || status == 429 || status >= 500; }

}  // namespace

std::string WebhookSettings::reader() const {
  return store::digest_of(store::Algorithm::sha256, url.text()).hex();
}

std::map<std::string, store::EventQueue::Kinds> readers_of(const std::vector<WebhookSettings>& webhooks) {
  std::map<std::string, store::EventQueue::Kinds> readers;
  for (const auto& webhook : webhooks) readers.emplace(webhook.reader(), webhook.kinds);
  return readers;
}

int64_t webhook_delay_ms(const WebhookTiming& timing, uint32_t failures, double random,
                         std::optional<int64_t> retry_after_s) {
  int64_t delay_ms = timing.retry_first_ms;
  for (uint32_t i = 1; i < failures && delay_ms < timing.retry_max_ms; ++i) delay_ms *= 2;
  delay_ms = std::min(delay_ms, timing.retry_max_ms);
  delay_ms -= static_cast<int64_t>(static_cast<double>(delay_ms) / 2 * random);
  return std::max(delay_ms, retry_after_s.value_or(0) * 1000);
}

class Webhooks::Endpoint {
 public:
  Endpoint(const Parts& parts, const WebhookSettings& settings, const WebhookTiming& timing)
      : parts_(parts),
        settings_(settings),
        timing_(timing),
        reader_(settings.reader()),
        changed_(parts.loop) {
    state_.endpoint = settings.url.without_query();
  }

  proxy::Task<> run();
  void wake() {
    is_woken_ = true;
    changed_.ring();
  }
  WebhookState state() const {
    auto state = state_;
    state.queue = parts_.queue.stats(reader_);
    return state;
  }

 private:
  using Next = Result<std::optional<store::EventQueue::Numbered>>;
  struct Answer {
    int status = 0;  // 0: there was none
    std::string error;
    std::optional<int64_t> retry_after_s;
  };
  proxy::Task<Next> next();
  proxy::Task<> deliver(store::EventQueue::Numbered event);
  proxy::Task<Answer> try_once(const store::Event& event, std::string body);
  proxy::Task<> pass(uint64_t number);
  void note_failure(const Answer& answer);
  void note_success();

  const Parts& parts_;
  const WebhookSettings settings_;
  const WebhookTiming timing_;
  const std::string reader_;
  proxy::Signal changed_;
  bool is_woken_ = false;
  std::minstd_rand random_{std::random_device()()};
  WebhookState state_;
};

proxy::Task<> Webhooks::Endpoint::run() {
  for (;;) {
    is_woken_ = false;
    auto event = co_await next();
    if (event && *event) {
      co_await deliver(**std::move(event));
      continue;
    }
    const auto until = parts_.loop.now() + kLookAgainAfter;
    while (!is_woken_ && parts_.loop.now() < until) co_await changed_.wait_until(until);
  }
}

proxy::Task<Webhooks::Endpoint::Next> Webhooks::Endpoint::next() {
  auto job = [&queue = parts_.queue, reader = reader_] { return queue.next(reader); };
  co_return co_await parts_.workers.run(std::move(job));
}

proxy::Task<> Webhooks::Endpoint::pass(uint64_t number) {
  auto job = [&queue = parts_.queue, reader = reader_, number] { return queue.pass(reader, number); };
  auto passed = co_await parts_.workers.run(std::move(job));
  if (!passed)
    parts_.log.warning("webhook_not_noted",
                       {{"endpoint", state_.endpoint}, {"error", passed.error().message}});
}

// Until it is taken or given up.
proxy::Task<> Webhooks::Endpoint::deliver(store::EventQueue::Numbered event) {
  const std::string body = notification_body(event.event, parts_.machine);
  uint32_t refusals = 0;
  for (uint32_t failures = 1;; ++failures) {
    auto answer = co_await try_once(event.event, body);
    if (is_taken(answer.status)) {
      note_success();
      break;
    }
    note_failure(answer);
    if (!is_passing(answer.status) && ++refusals >= timing_.refusals_max) {
      ++state_.given_up;
      parts_.log.error("webhook_given_up", {{"endpoint", state_.endpoint},
                                            {"event_id", event.event.id},
                                            {"action", event.event.action},
                                            {"reason", answer.error}});
      break;
    }
    const double random = std::uniform_real_distribution<double>(0, 1)(random_);
    const proxy::Millis delay(webhook_delay_ms(timing_, failures, random, answer.retry_after_s));
    co_await parts_.loop.sleep(delay);
  }
  co_await pass(event.number);
}

proxy::Task<Webhooks::Endpoint::Answer> Webhooks::Endpoint::try_once(const store::Event& event,
                                                                     std::string body) {
  proxy::HttpClientRequest request("POST", settings_.url.text());
  request.headers = notification_headers(event, body, settings_.secret, parts_.clock.wall());
  request.body = std::move(body);
  request.timeout_ms = timing_.timeout_ms;
  AnswerSink sink;
  auto head = co_await parts_.http_client.send(std::move(request), sink);
  Answer answer;
  // An answer that goes on for ever has its status all the same.
  answer.status = sink.status;
  if (sink.status == 0) answer.error = head ? "there was no answer" : head.error().message;
  if (sink.status != 0) answer.error = "it answers " + std::to_string(sink.status);
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(parts_.clock.wall().time_since_epoch());
  answer.retry_after_s = proxy::retry_after_s(sink.retry_after, "", now.count());
  co_return answer;
}

void Webhooks::Endpoint::note_failure(const Answer& answer) {
  ++state_.failed;
  state_.error = answer.error;
  if (!std::exchange(state_.is_well, false)) return;
  state_.failing_since = parts_.clock.wall();
  parts_.log.warning("webhook_fails", {{"endpoint", state_.endpoint}, {"reason", answer.error}});
}

void Webhooks::Endpoint::note_success() {
  ++state_.delivered;
  if (std::exchange(state_.is_well, true)) return;
  state_.error.clear();
  parts_.log.info("webhook_takes_again", {{"endpoint", state_.endpoint}});
}

Webhooks::Webhooks(const Parts& parts, const std::vector<WebhookSettings>& endpoints,
                   const WebhookTiming& timing)
    : parts_(parts) {
  for (const auto& settings : endpoints)
    endpoints_.push_back(std::make_unique<Endpoint>(parts_, settings, timing));
}

Webhooks::~Webhooks() = default;

void Webhooks::start(proxy::Tasks& tasks) {
  for (auto& endpoint : endpoints_) tasks.spawn(endpoint->run());
}

void Webhooks::wake() {
  for (auto& endpoint : endpoints_) endpoint->wake();
}

std::vector<WebhookState> Webhooks::states() const {
  std::vector<WebhookState> states;
  states.reserve(endpoints_.size());
  for (const auto& endpoint : endpoints_) states.push_back(endpoint->state());
  return states;
}

}  // namespace breakwater::routes
