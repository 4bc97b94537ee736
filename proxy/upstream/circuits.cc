#include "proxy/upstream/circuits.h"

#include <algorithm>
#include <utility>

namespace breakwater::proxy {
namespace {

using Kind = Question::Kind;

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::manifests: return "manifests";
    case Kind::manifest_heads: return "HEAD of manifests";
    case Kind::blobs: return "blobs";
    case Kind::lists: return "lists";
    case Kind::tokens: return "tokens";
    case Kind::other: break;
  }
  return "other";
}

std::string with_kind(const Question& question) {
  return question.host.text() + " (" + name_of(question.kind) + ")";
}

}  // namespace

std::string Question::text() const {
  return repository.empty() ? with_kind(*this) : host.text() + "/" + repository + " (" + name_of(kind) + ")";
}

Question question_of(const Endpoint& host, std::string_view method, std::string_view path) {
  struct Place {
    std::string_view name;
    Kind kind;
  };
  constexpr std::array<Place, 4> kPlaces{Place{"/manifests/", Kind::manifests}, Place{"/blobs/", Kind::blobs},
                                         Place{"/tags/", Kind::lists}, Place{"/referrers/", Kind::lists}};
  constexpr std::string_view kRoot = "/v2/";
  Question question;
  question.host = host;
  path = path.substr(0, path.find('?'));
  for (const Place& place : kPlaces) {
    const size_t at = path.rfind(place.name);
    if (!path.starts_with(kRoot) || at == std::string_view::npos || at < kRoot.size()) continue;
    question.kind = place.kind;
    question.repository = path.substr(kRoot.size(), at - kRoot.size());
    break;
  }
  if (question.kind == Kind::manifests && method == "HEAD") question.kind = Kind::manifest_heads;
  return question;
}

// A breaker, and what has failed since the last answer.
struct Circuits::Circuit {
  explicit Circuit(const CircuitBreakerSettings& settings) : breaker(settings) {}

  void answered(CircuitBreaker::Permit permit) {
    breaker.answered(permit);
    first_failed.reset();
    have_several_kinds = have_several_repositories = false;
  }
  void note_failed(const Question& question) {
    if (!first_failed) first_failed = question;
    have_several_kinds |= first_failed->kind != question.kind;
    have_several_repositories |= first_failed->repository != question.repository;
  }
  // A failure that may be the fault of what was asked for counts only once something else has failed too.
  void failed(CircuitBreaker::Permit permit, store::Time now, bool have_several) {
    if (have_several)
      breaker.server_error(permit, now);
    else
      breaker.abandoned(permit);
  }
  bool is_forgettable(store::Time now) const { return !first_failed && breaker.is_forgettable(now); }

  CircuitBreaker breaker;
  std::optional<Question> first_failed;
  bool have_several_kinds = false;
  bool have_several_repositories = false;
  uint64_t used = 0;
};

// ---- Admitted

Circuits::Admitted::~Admitted() {
  if (reported_) return;
  for (const Passed* passed : {&host_, &kind_, &thing_})
    if (passed->circuit) passed->circuit->breaker.abandoned(passed->permit);
}

void Circuits::Admitted::answered() {
  if (!is_first_report()) return;
  for (const Passed* passed : {&host_, &kind_, &thing_}) passed->circuit->answered(passed->permit);
}

void Circuits::Admitted::unreached(store::Time now) {
  if (!is_first_report()) return;
  host_.circuit->breaker.unreached(host_.permit, now);
  kind_.circuit->breaker.abandoned(kind_.permit);
  thing_.circuit->breaker.abandoned(thing_.permit);
}

void Circuits::Admitted::unreached_soon(store::Time now) {
  if (!is_first_report()) return;
  host_.circuit->breaker.broken_off(host_.permit, began_, now);
  kind_.circuit->breaker.abandoned(kind_.permit);
  thing_.circuit->breaker.abandoned(thing_.permit);
}

void Circuits::Admitted::unanswered(store::Time now) {
  if (!is_first_report()) return;
  thing_.circuit->breaker.unreached(thing_.permit, now);
  count_failure(now);
}

void Circuits::Admitted::unanswered_soon(store::Time now) {
  if (!is_first_report()) return;
  thing_.circuit->breaker.broken_off(thing_.permit, began_, now);
  count_failure(now);
}

void Circuits::Admitted::server_error(store::Time now) {
  if (!is_first_report()) return;
  thing_.circuit->breaker.server_error(thing_.permit, now);
  count_failure(now);
}

void Circuits::Admitted::count_failure(store::Time now) {
  Circuit& kind = *kind_.circuit;
  Circuit& host = *host_.circuit;
  kind.note_failed(question_);
  host.note_failed(question_);
  kind.failed(kind_.permit, now, kind.have_several_repositories);
  host.failed(host_.permit, now, host.have_several_repositories && host.have_several_kinds);
}

int64_t Circuits::Admitted::throttled(store::Time now, std::optional<int64_t> wait_s, std::string words) {
  if (is_first_report()) {
    host_.circuit->answered(host_.permit);
    thing_.circuit->answered(thing_.permit);
  }
  return kind_.circuit->breaker.throttled(kind_.permit, now, wait_s, std::move(words));
}

void Circuits::Admitted::note_cause(std::string_view cause) {
  for (const Passed* passed : {&host_, &kind_, &thing_})
    passed->circuit->breaker.note_cause(std::string(cause.substr(0, kCauseBytesMax)));
}

bool Circuits::Admitted::is_tripped() const {
  return host_.circuit->breaker.is_tripped() || kind_.circuit->breaker.is_tripped() ||
         thing_.circuit->breaker.is_tripped();
}

// ---- Circuits

Result<Circuits::Admitted> Circuits::admit(const Question& question, store::Time now) {
  Admitted admitted(question, now);
  struct Step {
    Admitted::Passed& passed;
    Key key;
    std::string name;
  };
  const Endpoint& host = question.host;
  for (Step step : {Step{admitted.host_, Key{host, std::nullopt, std::nullopt}, host.text()},
                    Step{admitted.kind_, Key{host, question.kind, std::nullopt}, with_kind(question)},
                    Step{admitted.thing_, Key{host, question.kind, question.repository}, question.text()}}) {
    auto passing = circuit(std::move(step.key), now);
    auto permit = passing->breaker.admit(now, step.name);
    if (!permit) return failure(std::move(permit).error());
    step.passed.circuit = std::move(passing);
    step.passed.permit = *permit;
  }
  return admitted;
}

void Circuits::throttle(const Question& question, store::Time now, std::optional<int64_t> wait_s,
                        std::string words) {
  auto throttled = circuit(Key{question.host, question.kind, std::nullopt}, now);
  throttled->breaker.throttled(CircuitBreaker::Permit::normal, now, wait_s, std::move(words));
}

std::optional<Error> Circuits::refusal(const Question& question, store::Time now) {
  auto found = circuits_.find(Key{question.host, question.kind, std::nullopt});
  if (found == circuits_.end()) return std::nullopt;
  CircuitBreaker& breaker = found->second->breaker;
  auto permit = breaker.admit(now, with_kind(question));
  if (permit) breaker.abandoned(*permit);
  const bool is_throttled = !permit && permit.error().kind == Error::Kind::throttled;
  return is_throttled ? std::optional(permit.error()) : std::nullopt;
}

store::Time Circuits::throttled_until(const Endpoint& host) const {
  store::Time until{};
  for (const auto& [key, circuit] : circuits_)
    if (key.host == host) until = std::max(until, circuit->breaker.throttled_until());
  return until;
}

std::shared_ptr<Circuits::Circuit> Circuits::circuit(Key key, store::Time now) {
  auto& found = circuits_[std::move(key)];
  if (!found) found = std::make_shared<Circuit>(settings_);
  auto circuit = found;
  circuit->used = ++uses_;
  make_room(now);
  return circuit;
}

void Circuits::make_room(store::Time now) {
  if (circuits_.size() <= circuits_max_) return;
  std::erase_if(circuits_, [this, now](const auto& entry) {
    return entry.second->used + 3 <= uses_ && entry.second->is_forgettable(now);
  });
  const auto is_older = [](const auto& a, const auto& b) { return a.second->used < b.second->used; };
  while (circuits_.size() > circuits_max_)
    circuits_.erase(std::min_element(circuits_.begin(), circuits_.end(), is_older));
}

}  // namespace breakwater::proxy
