#include "proxy/upstream/guarded_client.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "proxy/upstream/content_decoder.h"

namespace breakwater::proxy {
namespace {

// How much of an error's body is kept: enough for a Retry-After in its text.
constexpr size_t kErrorBytesKept = size_t{16} * 1024;
constexpr size_t kErrorBytesMax = size_t{1024} * 1024;  // a longer body of an error is not read to its end
constexpr Millis kFailedSoon(3'000);  // within this time a client can still wait for another attempt

// The number that `text` begins with. Docker Hub's "ratelimit-remaining" reads "76;w=21600".
std::optional<int64_t> leading_number(std::string_view text) {
  int64_t number = 0;
  size_t digits = 0;
  while (digits < std::min(text.size(), size_t{18}) && text[digits] >= '0' && text[digits] <= '9')
    number = number * 10 + (text[digits++] - '0');
  return digits == 0 ? std::nullopt : std::optional(number);
}

// The time that a count of the header is for: 21600 of "100;w=21600".
std::optional<int64_t> window_of(std::string_view text) {
  constexpr std::string_view kWindow = ";w=";
  const size_t at = text.find(kWindow);
  return at == std::string_view::npos ? std::nullopt : leading_number(text.substr(at + kWindow.size()));
}

bool has_body_for_caller(GuardedClient::Reading::Bodies bodies, int status) {
  if (bodies == GuardedClient::Reading::Bodies::of_success) return status >= 200 && status < 300;
  return status == 200 || status == 206;
}

HostHealth::Failed how_failed(bool is_connected, bool out_of_time, bool is_soon) {
  using Failed = HostHealth::Failed;
  if (!is_connected) return is_soon ? Failed::to_reach_soon : Failed::to_reach;
  if (out_of_time) return Failed::impatient;
  return is_soon ? Failed::to_answer_soon : Failed::to_answer;
}

// The repository that a question is about. The scope of a token is "repository:library/alpine:pull".
std::string_view repository_of(const Question& question) {
  const std::string_view text = question.repository;
  if (question.kind != Question::Kind::tokens) return text;
  const size_t begin = text.find(':'), end = text.rfind(':');
  return begin == end || !text.starts_with("repository:") ? std::string_view()
                                                          : text.substr(begin + 1, end - begin - 1);
}

}  // namespace

// What one request has cost, which is told when it ends, however it ends: this object lives in the frame of
// the request. libcurl sends it once more if the connection that it had kept is dead.
class GuardedClient::Use {
 public:
  Use(const GuardedClient& client, const Question& question) : client_(client), question_(question) {}
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  ~Use() {
    if (!client_.observe_use_) return;
    for (uint64_t i = 0; i < sent_; ++i)
      client_.observe_use_(repository_of(question_), std::exchange(bytes_, 0));
  }
  void sent() { ++sent_; }
  void add(uint64_t bytes) { bytes_ += bytes; }

 private:
  const GuardedClient& client_;
  const Question& question_;
  uint64_t sent_ = 0;
  uint64_t bytes_ = 0;
};

// Stands between libcurl and the caller's sink for one request. The caller's sink sees only the bodies that
// it wants; the text of an error is kept here.
class GuardedClient::AnswerSink final : public Sink {
 public:
  AnswerSink(GuardedClient& client, const Url& url, const HttpClientRequest& request, const Reading& reading,
             Circuits::Admitted& admitted, Use& use, Sink& caller)
      : client_(client),
        url_(url),
        request_(request),
        reading_(reading),
        admitted_(admitted),
        use_(use),
        caller_(caller) {
    caller_.resume_ = [this] { resume(); };
  }
  ~AnswerSink() override { caller_.resume_ = nullptr; }
  AnswerSink(const AnswerSink&) = delete;
  AnswerSink& operator=(const AnswerSink&) = delete;

  bool is_connected() const { return connected_; }
  const std::optional<Head>& answered() const { return head_; }
  // The answer is a range of an encoded body, which says nothing of the range that was asked for.
  bool is_encoded_range() const { return is_encoded_range_; }
  // How upstream failed, if it did.
  const std::optional<UpstreamFailure>& failure_of_upstream() const { return failure_; }
  bool is_whole() const { return !decoder_ || decoder_->is_complete(); }
  std::string& error_text() { return error_text_; }

  void connected() override {
    connected_ = true;
    use_.sent();
  }

  void failed(UpstreamFailure kind) override { failure_ = kind; }

  Result<> head(const Head& head) override {
    head_ = head;
    client_.note_head(url_, head);
    if (reading_.note != nullptr) reading_.note->status = head.status;
    if (reading_.note != nullptr) reading_.note->seconds += head.seconds;
    // A 429 or a server error is reported once its text is here.
    if (head.status != 429 && !is_server_error(head.status)) admitted_.answered();
    if (reading_.vouched == Vouched::by_nothing && is_unasked_html(request_.headers, head))
      return failure(Error::Kind::corrupt, url_.without_query() + " answered with a web page");
    // A 416 is complete with its head, and its body may never come: docker-registry 2.8 announces the length
    // of the blob and sends 33 bytes.
    if (head.status == 416)
      return failure(Error::Kind::not_found, url_.without_query() + " has nothing in that range");
    for_caller_ = has_body_for_caller(reading_.bodies, head.status);
    return for_caller_ ? head_for_caller() : Result<>();
  }

  Result<bool> body(std::span<const char> data) override {
    if (!for_caller_) {
      use_.add(data.size());
      return keep_error_text(data);
    }
    auto taken = decoder_ ? decoder_->body(data) : caller_.body(data);
    if (!taken || *taken) use_.add(data.size());  // else it comes again
    if (taken && *taken) client_.stats_.fetched_bytes += data.size();
    return taken;
  }

 private:
  Result<> head_for_caller() {
    const auto coding = coding_to_undo(*head_, reading_.decoding, reading_.size);
    if (!coding) return caller_.head(*head_);
    if (head_->status == 206) {
      is_encoded_range_ = true;
      return failure(Error::Kind::unavailable, url_.without_query() + " sent a range of an encoded body");
    }
    head_->headers.remove("Content-Encoding");
    head_->length.reset();
    head_->decoded = true;
    if (request_.method != "HEAD") decoder_.emplace(*coding, caller_);
    return caller_.head(*head_);
  }

  Result<bool> keep_error_text(std::span<const char> data) {
    error_bytes_ += data.size();
    if (error_bytes_ > kErrorBytesMax)
      return failure(Error::Kind::corrupt, url_.without_query() + ": the text of its error does not end");
    error_text_.append(data.data(), std::min(data.size(), kErrorBytesKept - error_text_.size()));
    return true;
  }

  GuardedClient& client_;
  const Url& url_;
  const HttpClientRequest& request_;
  const Reading& reading_;
  Circuits::Admitted& admitted_;
  Use& use_;
  Sink& caller_;
  bool connected_ = false;
  bool for_caller_ = false;
  bool is_encoded_range_ = false;
  std::optional<ContentDecoder> decoder_;
  std::optional<Head> head_;
  std::optional<UpstreamFailure> failure_;
  size_t error_bytes_ = 0;
  std::string error_text_;
};

Task<Result<GuardedClient::Answer>> GuardedClient::send(Url url, Question question, HttpClientRequest request,
                                                        Reading reading, Sink& sink) {
  bool is_encoded_range = false;
  auto answer = co_await send_once(url, question, request, reading, sink, is_encoded_range);
  if (!is_encoded_range || request.headers.find("Range") == nullptr) co_return answer;
  request.headers.remove("Range");
  co_return co_await send_once(url, question, request, reading, sink, is_encoded_range);
}

Task<Result<GuardedClient::Answer>> GuardedClient::send_once(const Url& url, const Question& question,
                                                             const HttpClientRequest& request,
                                                             const Reading& reading, Sink& sink,
                                                             bool& is_encoded_range) {
  auto admitted = health_.admit(question);
  if (!admitted) co_return failure(std::move(admitted).error());

  ++stats_.requests_total;
  Use use(*this, question);
  AnswerSink answer_sink(*this, url, request, reading, *admitted, use, sink);
  auto began = std::chrono::steady_clock::now();
  auto ended = co_await http_client_.send(request, answer_sink);
  auto took = std::chrono::steady_clock::now() - began;
  const auto& failed = answer_sink.failure_of_upstream();

  if (!answer_sink.answered()) {
    auto error = ended ? Error(Error::Kind::unavailable, url.without_query() + " ended without an answer", 0)
                       : std::move(ended).error();
    const bool out_of_time = request.timeout_ms > 0 && took >= Millis(request.timeout_ms);
    const bool is_soon = !out_of_time && took < kFailedSoon;
    if (reading.note != nullptr) reading.note->seconds += std::chrono::duration<double>(took).count();
    if (failed) stats_.failures.count(*failed);
    health_.report_failure(*admitted, question, error,
                           how_failed(answer_sink.is_connected(), out_of_time, is_soon));
    co_return failure(std::move(error));
  }
  health_.report_answer(*admitted, question, *answer_sink.answered(), answer_sink.error_text());
  is_encoded_range = answer_sink.is_encoded_range();
  bool refused = answer_sink.answered()->status >= 400;
  if (failed && !refused) stats_.failures.count(*failed);
  if (!ended && !refused) co_return failure(std::move(ended).error());
  if (!answer_sink.is_whole())
    co_return failure(Error::Kind::unavailable, url.without_query() + " ended inside its encoded body");
  Answer answer;
  answer.head = *answer_sink.answered();
  answer.error_text = std::move(answer_sink.error_text());
  co_return std::move(answer);
}

void GuardedClient::note_head(const Url& url, const Head& head) {
  if (observe_) observe_(head.seconds);
  log_.debug("upstream_answered", {{"route", settings_.name},
                                   {"url", url.without_query()},
                                   {"status", int64_t{head.status}},
                                   {"seconds", head.seconds}});
  health_.report_head(url.endpoint(), head.status);
  if (url.endpoint() != targets_.registry) return;
  targets_.registry_address = IpAddress::parse(head.address);
  stats_.latency.add(head.seconds);
  stats_.last_answered_at = clock_.wall();
  const auto left = head.headers.get("ratelimit-remaining"), limit = head.headers.get("ratelimit-limit");
  const auto remaining = leading_number(left);
  if (!remaining) return;
  stats_.ratelimit_remaining = remaining;
  stats_.ratelimit_limit = leading_number(limit);
  stats_.ratelimit_window_s = window_of(left) ? window_of(left) : window_of(limit);
}

}  // namespace breakwater::proxy
