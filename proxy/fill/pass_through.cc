#include "proxy/fill/pass_through.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

#include "proxy/fill/resumption.h"
#include "proxy/fill/streamed_download.h"
#include "proxy/http/content_range.h"

namespace breakwater::proxy {
namespace {

// How much is skipped before a range if upstream ignores Range and sends the whole.
constexpr uint64_t kSkippedMax = 64 << 20;

// Hashes the bytes that pass through and withholds the last of them.
class HoldBack {
 public:
  HoldBack(store::Algorithm algorithm, uint64_t bytes) : hasher_(algorithm), bytes_(bytes) {}
  store::Hasher& hasher() { return hasher_; }

  // Takes the next piece and returns what may be sent now.
  std::string pass(std::string piece) {
    hasher_.update(piece);
    withheld_ += piece;
    if (withheld_.size() <= bytes_) return {};
    auto rest = withheld_.substr(withheld_.size() - bytes_);
    withheld_.resize(withheld_.size() - bytes_);
    return std::exchange(withheld_, std::move(rest));
  }
  bool matches(const store::Digest& digest) { return hasher_.finish() == digest; }
  std::string rest() { return std::move(withheld_); }

 private:
  store::Hasher hasher_;
  uint64_t bytes_;
  std::string withheld_;
};

// Checks the answer to a request for the range from `first` to `last`. The answer may end early, as RFC 9110,
// 15.3.7 allows; the caller then asks for the rest. Bytes after the range are not taken. If upstream ignores
// Range and sends the whole, the bytes before the range are skipped, provided that `may_skip` allows it and
// they are few.
Result<Resumption> check_range(const Head& head, uint64_t first, uint64_t last, std::optional<uint64_t> size,
                               bool may_skip) {
  Resumption rest;
  rest.size = last - first + 1;
  if (head.status == 200 && may_skip && first <= kSkippedMax && size &&
      head.length.value_or(*size) == *size) {
    rest.skip = first;
    return rest;
  }
  auto range = parse_content_range(head.headers.get("Content-Range"));
  const bool right = head.status == 206 && range && range->first == first &&
                     range->total.value_or(size.value_or(0)) == size.value_or(range->total.value_or(0));
  if (!right)
    return failure(Error::Kind::corrupt, "upstream did not answer with the range that it was asked for");
  rest.size = std::min(*range->last, last) - first + 1;
  return rest;
}

// How long there has been no progress, if the client has a part of the reply already; otherwise nothing.
std::optional<int64_t> silence_ms(const Exchange& exchange, Moment::duration silence) {
  if (!exchange.started()) return std::nullopt;
  return std::chrono::duration_cast<Millis>(silence).count();
}

int status_of(const Headers& reply) { return reply.get("Content-Range").empty() ? 200 : 206; }

Result<> give_up(Exchange& exchange, Error error) {
  if (!exchange.started()) return failure(std::move(error));
  exchange.abort();
  return {};
}

}  // namespace

// The state of the body that send_whole() sends.
struct PassThrough::Body {
  Body(store::Algorithm algorithm, uint64_t hold_back_bytes, std::optional<uint64_t> expected)
      : hold_back(algorithm, hold_back_bytes), hint(expected) {}
  // The length of a reply that starts now.
  std::optional<uint64_t> size() const { return told ? told : hint; }
  // Whether the reply that has started is not the whole.
  bool breaks_promise() const { return promised && (have > *promised || (told && *told != *promised)); }

  HoldBack hold_back;
  uint64_t have = 0;
  std::optional<uint64_t> hint;      // the size, as a manifest says
  std::optional<uint64_t> told;      // as upstream says
  std::optional<uint64_t> promised;  // as the head of the reply says
  bool complete = false;
};

struct PassThrough::Range {
  Range(uint64_t from, uint64_t bytes, Moment by, const Alternative* beside)
      : first(from), length(bytes), first_byte_by(by), other(beside) {}
  bool is_overtaken(uint64_t sent) const { return other != nullptr && other->has(first + sent); }

  uint64_t first;
  uint64_t length;
  Moment first_byte_by;
  const Alternative* other;
};

PassThrough::PassThrough(Loop& loop, Workers& workers, Buffers& buffers, store::Disk& disk,
                         const PassThroughSettings& settings)
    : loop_(loop), workers_(workers), buffers_(buffers), disk_(disk), settings_(settings) {}

Task<Result<>> PassThrough::hash_file(store::Hasher& hasher, SentBefore before) {
  for (uint64_t offset = 0; offset < before.bytes;) {
    auto job = [&disk = disk_, file = before.file, offset,
                length = std::min<uint64_t>(before.bytes - offset, 256 << 10)]() -> Result<std::string> {
      std::string bytes(length, '\0');
      auto count = disk.read(*file, offset, bytes);
      if (!count) return failure(count.error());
      if (*count != length) return failure(Error::Kind::corrupt, file->path().string() + " became shorter");
      return bytes;
    };
    auto bytes = co_await workers_.run(std::move(job));
    if (!bytes) co_return failure(bytes.error());
    hasher.update(*bytes);
    offset += bytes->size();
  }
  co_return Result<>();
}

// At `by`, and sooner if another source stands by.
PassThrough::FirstByteBy PassThrough::first_byte_by(const FillSources& sources, size_t index,
                                                    FirstByteBy by) const {
  const auto now = loop_.now();
  if (!sources.another_stands_by(index, now)) return by;
  const auto silent_at = now + Millis(settings_.silence_max_ms);
  return std::min(by.value_or(silent_at), silent_at);
}

// One transfer of what follows `body.have`, as far as it goes. The error says why it ended early.
Task<Result<>> PassThrough::attempt(Exchange& exchange, const FillSource& source, const Headers& headers,
                                    Body& body, FirstByteBy first_byte_by) {
  auto wanted = source.request;
  if (body.have > 0) wanted.headers.set("Range", "bytes=" + std::to_string(body.have) + "-");
  auto check = [have = body.have, size = body.told](const Head& head) {
    return check_resumption(head, have, size);
  };
  StreamedDownload download(loop_, buffers_, settings_.queue_bytes_max, body.have,
                            StreamedDownload::Wanted::all, check);
  if (first_byte_by) download.expect_first_byte_by(*first_byte_by);
  download.begin(*source.registry, std::move(wanted));
  for (;;) {
    auto piece = co_await download.next();
    if (download.size()) body.told = download.size();
    if (piece.empty()) break;
    body.have += piece.size();
    auto free = body.hold_back.pass(std::move(piece));
    if (body.breaks_promise())
      co_return failure(Error::Kind::corrupt, "upstream's body has not the size that was promised");
    if (free.empty()) continue;
    if (!exchange.started()) {
      body.promised = body.size();
      exchange.start(status_of(headers), headers, body.promised);
    }
    co_await exchange.write(std::move(free));
  }
  auto ended = download.ended();
  if (!ended) co_return ended;
  if (body.have < body.told.value_or(body.promised.value_or(body.have)))
    co_return failure(Error::Kind::unavailable, "upstream's body ended early");
  body.complete = true;
  co_return Result<>();
}

Task<Result<>> PassThrough::send_whole(Exchange& exchange, FillRequest request, Headers headers,
                                       std::optional<SentBefore> before) {
  Body body(request.digest.algorithm(), settings_.hold_back_bytes, request.size);
  if (before) {
    auto hashed = co_await hash_file(body.hold_back.hasher(), *before);
    if (!hashed) co_return give_up(exchange, hashed.error());
    body.have = before->bytes;
    body.promised = request.size;
    body.complete = body.promised == body.have;
  }
  FillSources sources(request.sources, Millis(settings_.silence_max_ms));
  const auto head_by = loop_.now() + Millis(settings_.first_byte_wait_ms);
  auto progress_at = loop_.now();
  auto next = sources.next(progress_at);
  while (!body.complete) {
    const auto begun_at = body.have;
    const auto by = first_byte_by(sources, next->index, begun_at == 0 ? FirstByteBy(head_by) : std::nullopt);
    auto ended = co_await attempt(exchange, sources[next->index], headers, body, by);
    if (ended || (body.have > 0 && body.have == body.size())) break;
    FailedAttempt failed(ended.error());
    failed.progressed = body.have > begun_at;
    failed.stalled = !failed.progressed && by && loop_.now() >= *by;
    if (failed.progressed) progress_at = loop_.now();
    failed.silence_ms = silence_ms(exchange, loop_.now() - progress_at);
    sources.failed(next->index, failed, settings_.retry, loop_.now());
    next = sources.next(loop_.now());
    const bool too_late = next && body.have == 0 && next->at >= head_by;
    if (!next) co_return give_up(exchange, sources.failure());
    if (too_late || body.breaks_promise()) co_return give_up(exchange, ended.error());
    co_await loop_.sleep(std::chrono::ceil<Millis>(next->at - loop_.now()));
  }
  if (!body.hold_back.matches(request.digest)) {
    auto error = Error(Error::Kind::corrupt, "upstream's bytes are not " + request.digest.text(), 0);
    co_return give_up(exchange, std::move(error));
  }
  if (!exchange.started()) exchange.start(status_of(headers), headers, body.have);
  auto rest = body.hold_back.rest();
  co_await exchange.write(std::move(rest));
  exchange.finish();
  co_return Result<>();
}

// One transfer of what is missing of the range, as far as it goes. The error says why it ended early.
Task<Result<>> PassThrough::attempt_range(Exchange& exchange, const FillSource& source,
                                          std::optional<uint64_t> size, const Headers& headers,
                                          const Range& range, FirstByteBy first_byte_by, uint64_t& sent) {
  auto wanted = source.request;
  const auto first = range.first + sent;
  const auto last = range.first + range.length - 1;
  wanted.headers.set("Range", "bytes=" + std::to_string(first) + "-" + std::to_string(last));
  const bool may_skip = range.other == nullptr;
  auto check = [first, last, size, may_skip](const Head& head) {
    return check_range(head, first, last, size, may_skip);
  };
  StreamedDownload download(loop_, buffers_, settings_.queue_bytes_max, 0, StreamedDownload::Wanted::part,
                            check);
  if (first_byte_by) download.expect_first_byte_by(*first_byte_by);
  auto overtaken = [&range, &sent] { return range.is_overtaken(sent); };
  if (range.other != nullptr) download.stop_when(overtaken, range.other->progress);
  download.begin(*source.registry, std::move(wanted));
  for (;;) {
    auto bytes = co_await download.next();
    if (bytes.empty()) break;
    sent += bytes.size();
    if (!exchange.started()) exchange.start(206, headers, range.length);
    co_await exchange.write(std::move(bytes));
  }
  auto ended = download.ended();
  if (!ended) co_return ended;
  if (sent < range.length) co_return failure(Error::Kind::unavailable, "upstream's body ended early");
  co_return Result<>();
}

Task<RangeSent> PassThrough::send_range(Exchange& exchange, FillRequest request, Headers headers,
                                        uint64_t first, uint64_t length, const Alternative* other) {
  const Range range(first, length, loop_.now() + Millis(settings_.first_byte_wait_ms), other);
  FillSources sources(request.sources, Millis(settings_.silence_max_ms));
  RangeSent sent;
  auto progress_at = loop_.now();
  auto next = sources.next(progress_at);
  while (sent.bytes < length) {
    if (range.is_overtaken(sent.bytes)) {
      sent.error = Error(Error::Kind::unavailable, "not asked for", 0);
      break;
    }
    const auto before = sent.bytes;
    const auto by = first_byte_by(sources, next->index,
                                  exchange.started() ? std::nullopt : FirstByteBy(range.first_byte_by));
    auto ended =
        co_await attempt_range(exchange, sources[next->index], request.size, headers, range, by, sent.bytes);
    if (ended || sent.bytes == length) break;
    FailedAttempt failed(ended.error());
    failed.progressed = sent.bytes > before;
    failed.stalled = !failed.progressed && by && loop_.now() >= *by;
    if (failed.progressed) progress_at = loop_.now();
    failed.silence_ms = silence_ms(exchange, loop_.now() - progress_at);
    // The first answer with another range, or with the whole, may be a bad answer of one edge of a CDN.
    failed.corrupt_retries = 1;
    sources.failed(next->index, failed, settings_.retry, loop_.now());
    next = sources.next(loop_.now());
    const bool too_late = next && !exchange.started() && next->at >= range.first_byte_by;
    while (next && !too_late && other != nullptr && !range.is_overtaken(sent.bytes) && loop_.now() < next->at)
      co_await other->progress.wait_until(next->at);
    if (!next || too_late) {
      sent.error = next ? ended.error() : sources.failure();
      break;
    }
    if (other == nullptr) co_await loop_.sleep(std::chrono::ceil<Millis>(next->at - loop_.now()));
  }
  co_return sent;
}

}  // namespace breakwater::proxy
