#include "proxy/fill/fill_reader.h"

#include <algorithm>
#include <utility>

namespace breakwater::proxy {
namespace {

// Why a fill has sent nothing in time: the failure that it is waiting to retry, if there was one.
Error stall_reason(const Fill& fill) {
  return fill.last_failure().value_or(
      Error(Error::Kind::unavailable, "upstream has not begun to send yet", 0));
}

}  // namespace

bool can_pass(const Error& error) {
  return error.kind == Error::Kind::full || error.kind == Error::Kind::storage ||
         error.kind == Error::Kind::internal;
}

FillReader::FillReader(const FillReaderParts& parts, FillRequest request, Moment deadline)
    : parts_(parts), request_(std::move(request)), fill_(parts_.fills.join(request_)), deadline_(deadline) {}

bool FillReader::may_read() const { return fill_->is_shown_by(request_.sources.front().repository); }

std::optional<Error> FillReader::own_failure() const {
  return fill_->failure_of(request_.sources.front().repository);
}

std::optional<uint64_t> FillReader::told_size() const {
  return fill_->is_size_told() ? fill_->size() : std::nullopt;
}

bool FillReader::is_outdated() const {
  return begun_ && (fill_->size() != size_ || fill_->generation() != generation_);
}

// Whether there is neither something to read nor an error yet.
bool FillReader::is_undecided(May may) const {
  if (ended()) return false;
  if (may == May::read_own && own_failure()) return false;
  return !fill_->begun() || (!fill_->size() && fill_->available() == 0);
}

Task<Result<>> FillReader::begin(May may) {
  while (is_undecided(may) && parts_.loop.now() < deadline_) co_await fill_->progress().wait_until(deadline_);
  begun_ = false;
  const auto own = own_failure();
  const bool failed = fill_->error() && (fill_->available() == 0 || !fill_->size());
  if (own && (failed || (may == May::read_own && !may_read()))) co_return failure(*own);
  if (failed) co_return failure(*fill_->error());
  if (!fill_->begun() && !ended()) co_return failure(stall_reason(*fill_));
  begun_ = true;
  size_ = fill_->size();
  generation_ = fill_->generation();
  co_return Result<>();
}

Task<Result<>> FillReader::ready(uint64_t first, uint64_t length, Range kind) {
  far_ahead_ = kind == Range::closed && is_far_ahead(first, length);
  while (!far_ahead_ && readable() <= first && !ended() && !is_outdated() && parts_.loop.now() < deadline_)
    co_await fill_->progress().wait_until(deadline_);
  if (is_outdated()) co_return failure(Error::Kind::unavailable, "upstream's blob has another size");
  if (fill_->error() && readable() <= first) co_return failure(*fill_->error());
  // An empty reply is complete as soon as its head is sent, so the content must be verified before.
  if (length == 0 && !fill_->verified()) co_return failure(stall_reason(*fill_));
  co_return Result<>();
}

// How much of the file may be sent as a part of a whole of size_ bytes. Nothing if the file turns out to be
// another whole; and the last byte only if it is not.
uint64_t FillReader::readable() const {
  if (fill_->generation() != generation_) return 0;
  if (fill_->verified()) return fill_->size() == size_ ? fill_->available() : 0;
  return size_ ? std::min(fill_->available(), *size_ - std::min<uint64_t>(*size_, 1)) : fill_->available();
}

Task<> FillReader::send(Exchange& exchange, uint64_t first, uint64_t length) {
  uint64_t sent = 0;
  if (far_ahead_) sent = co_await pass_far_ahead(exchange, first, length);
  while (sent < length) {
    const auto position = first + sent;
    while (readable() <= position && !ended() && fill_->generation() == generation_)
      co_await fill_->progress().wait();
    if (readable() <= position) break;
    const auto count = std::min(readable() - position, length - sent);
    co_await exchange.send_file(fill_->file(), position, count);
    sent += count;
  }
  if (sent == length) co_return;
  const bool passable = fill_->error() && can_pass(*fill_->error()) && fill_->generation() == generation_;
  if (!passable) co_return exchange.abort();
  co_await pass_rest(exchange, first, length, sent);
}

Task<> FillReader::send_unsized(Exchange& exchange) {
  for (uint64_t sent = 0; !fill_->verified() || sent < fill_->available();) {
    const auto is_same = [this] { return fill_->generation() == generation_; };
    while (fill_->available() <= sent && !ended() && is_same()) co_await fill_->progress().wait();
    if (!is_same() || (fill_->available() <= sent && fill_->error())) co_return exchange.abort();
    if (fill_->available() <= sent) break;
    const auto count = fill_->available() - sent;
    co_await exchange.send_file(fill_->file(), sent, count);
    sent += count;
  }
  exchange.finish();
}

bool FillReader::is_far_ahead(uint64_t first, uint64_t length) const {
  return !ended() && first > fill_->available() + parts_.far_ahead_bytes && length < *size_;
}

// Fetches a range far ahead of the fill from upstream, first from those that the fill has no doubt of.
// Returns how many bytes were sent; the fill will bring the rest.
Task<uint64_t> FillReader::pass_far_ahead(Exchange& exchange, uint64_t first, uint64_t length) {
  passing_ = true;
  auto request = request_;
  request.size = size_;
  std::stable_partition(request.sources.begin(), request.sources.end(),
                        [this](const FillSource& source) { return !fill_->is_doubtful(*source.registry); });
  auto has = [this](uint64_t position) { return readable() > position; };
  const Alternative filled(fill_->progress(), has);
  auto piece = co_await parts_.pass_through.send_range(exchange, std::move(request), Headers(), first, length,
                                                       &filled);
  far_ahead_ = passing_ = !piece.error;
  co_return piece.bytes;
}

// Passes the rest of the range through from upstream, because the fill has failed.
Task<> FillReader::pass_rest(Exchange& exchange, uint64_t first, uint64_t length, uint64_t sent) {
  passing_ = true;
  auto request = request_;
  request.size = size_;
  if (length == *size_) {
    auto before = std::optional<SentBefore>(SentBefore(fill_->file(), sent));
    auto passed =
        co_await parts_.pass_through.send_whole(exchange, std::move(request), Headers(), std::move(before));
    if (!passed) exchange.abort();
  } else {
    auto piece = co_await parts_.pass_through.send_range(exchange, std::move(request), Headers(),
                                                         first + sent, length - sent, nullptr);
    if (piece.error) exchange.abort();
  }
}

}  // namespace breakwater::proxy
