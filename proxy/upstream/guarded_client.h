// Sends one request to one host, if the circuits that it is part of let it pass, and reports what came of it:
// to them, to the statistics and to the log. What an answer means for the caller is not decided here, but
// for one thing: a web page that nobody asked for is `corrupt`, unless something vouches for the body. A
// Content-Encoding is undone here.
//
// Belongs to the loop's thread. The constructor's arguments must outlive it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "proxy/http/hops.h"
#include "proxy/http/url.h"
#include "proxy/upstream/host_health.h"
#include "proxy/upstream/http_client.h"
#include "proxy/upstream/registry_client.h"
#include "proxy/upstream/registry_rules.h"
#include "store/base/clock.h"
#include "store/base/log.h"

namespace breakwater::proxy {

class GuardedClient {
 public:
  // `targets` is told when the registry turns out to be in a private network.
  GuardedClient(HttpClient& http_client, const store::Clock& clock, store::Log& log,
                const RegistryClientSettings& settings, TargetPolicy& targets, RegistryClientStats& stats)
      : http_client_(http_client),
        clock_(clock),
        log_(log),
        settings_(settings),
        targets_(targets),
        stats_(stats),
        health_(clock, log, settings, targets.registry, stats) {}

  struct Answer {
    Head head;
    std::string error_text;  // the beginning of the body, if the sink did not get it
  };
  // How the body of an answer is taken.
  struct Reading {
    // Which bodies reach the sink: those of 200 and 206, or those of every 2xx.
    enum class Bodies { of_content, of_success };
    Bodies bodies = Bodies::of_content;
    Vouched vouched = Vouched::by_nothing;
    Decoding decoding = Decoding::as_labelled;
    std::optional<uint64_t> size;  // as RegistryClientRequest has it
    UpstreamNote* note = nullptr;  // of the request that it is asked for; null: nobody's
  };

  // The answer to `question`, whatever its status. An error means that the request was not sent, or that the
  // transfer failed. `sink` must outlive the Task.
  Task<Result<Answer>> send(Url url, Question question, HttpClientRequest request, Reading reading,
                            Sink& sink);
  // A 429 of the registry's token endpoint: no token of that registry is asked for until its time is over.
  void throttled_by_realm(const Answer& answer) {
    health_.report_tokens_throttled(answer.head, answer.error_text);
  }
  // The error for a request that would need a new token of the registry during that time.
  std::optional<Error> tokens_refused() { return health_.tokens_refused(); }

  void observe_latency(RegistryClient::Observe observe) { observe_ = std::move(observe); }
  void observe_use(RegistryClient::ObserveUse observe) { observe_use_ = std::move(observe); }

 private:
  class AnswerSink;
  class Use;
  Task<Result<Answer>> send_once(const Url& url, const Question& question, const HttpClientRequest& request,
                                 const Reading& reading, Sink& sink, bool& is_encoded_range);
  void note_head(const Url& url, const Head& head);
  store::Time now() const { return clock_.now(); }

  HttpClient& http_client_;
  const store::Clock& clock_;
  store::Log& log_;
  const RegistryClientSettings& settings_;
  TargetPolicy& targets_;
  RegistryClientStats& stats_;
  RegistryClient::Observe observe_;
  RegistryClient::ObserveUse observe_use_;
  HostHealth health_;
};

}  // namespace breakwater::proxy
