// What a RegistryClient knows of the hosts that it asks: whether each question may be asked just now, and
// what came of those before. Reports to the Circuits, counts the failures that answers are, and logs when a
// host fails.
//
//   auto admitted = health.admit(question);
//   … then one of report_failure() and report_answer(), and admitted->answered() for an answer that is no
//   failure
//
// Belongs to the loop's thread. The constructor's arguments must outlive it.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "proxy/http/url.h"
#include "proxy/upstream/circuits.h"
#include "proxy/upstream/registry_client.h"
#include "store/base/clock.h"
#include "store/base/log.h"

namespace breakwater::proxy {

class HostHealth {
 public:
  // How a request failed that got no answer: the host was not reached, or it was and did not answer; each of
  // them within a moment or later. `impatient`: the caller's own timeout ended it although the host was
  // connected, which says nothing about the host.
  enum class Failed { to_reach_soon, to_reach, to_answer_soon, to_answer, impatient };

  // `registry` is the host whose health `stats` tells.
  HostHealth(const store::Clock& clock, store::Log& log, const RegistryClientSettings& settings,
             const Endpoint& registry, RegistryClientStats& stats);

  [[nodiscard]] Result<Circuits::Admitted> admit(const Question& question) {
    return circuits_.admit(question, now());
  }

  // `error` is why there was no answer.
  void report_failure(Circuits::Admitted& admitted, const Question& question, const Error& error,
                      Failed failed);
  // `error_text` is the beginning of the body, if the answer is a failure.
  void report_answer(Circuits::Admitted& admitted, const Question& question, const Head& head,
                     std::string_view error_text);

  // A host has begun to answer. One that was in trouble, and was told so, is well again once it answers
  // without a failure and no question to it is throttled any more.
  void report_head(const Endpoint& host, int status);

  // The token endpoint of the registry has answered with this 429, so no token is asked for.
  void report_tokens_throttled(const Head& head, std::string_view error_text);
  // The error for a request that would need a new token of the registry while none may be asked for.
  std::optional<Error> tokens_refused();

 private:
  store::Time now() const { return clock_.now(); }
  void report_throttled(Circuits::Admitted& admitted, const Question& question, const Head& head,
                        std::string_view error_text);
  std::optional<int64_t> wait_of(const Head& head, std::string_view error_text) const;
  void note_throttled_until();
  void note_trouble(const Endpoint& host);

  const store::Clock& clock_;
  store::Log& log_;
  const RegistryClientSettings& settings_;
  const Endpoint& registry_;
  RegistryClientStats& stats_;
  Circuits circuits_;
  std::set<std::string> troubled_;  // hosts that the log was told of
};

}  // namespace breakwater::proxy
