#include "routes/mirror/fill_source.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "proxy/fill/resumption.h"

namespace breakwater::routes {

using proxy::Exchange;
using proxy::Fill;
using proxy::Task;

Error stall_reason(const Fill& fill) {
  return fill.last_failure().value_or(
      Error(Error::Kind::unavailable, "upstream has not begun to send yet", 0));
}

bool can_pass(const Error& error) {
  return error.kind == Error::Kind::full || error.kind == Error::Kind::storage ||
         error.kind == Error::Kind::internal;
}

FillSource::FillSource(const MirrorParts& parts, uint64_t far_ahead_bytes, std::shared_ptr<Fill> fill,
                       proxy::FillRequest request, RequestContext& context, bool open_ended,
                       proxy::Moment deadline)
    : parts_(parts),
      far_ahead_bytes_(far_ahead_bytes),
      fill_(fill),
      follower_(std::move(fill), parts.fills.stats()),
      request_(std::move(request)),
      context_(context),
      open_ended_(open_ended),
      deadline_(deadline) {}

Task<Result<>> FillSource::ready(ByteRange range) {
  auto& loop = parts_.loop;
  while (!fill_->begun() && !ended() && loop.now() < deadline_)
    co_await fill_->progress().wait_until(deadline_);
  if (!fill_->begun() && !ended()) co_return failure(stall_reason(*fill_));
  far_ahead_ = is_far_ahead(range);
  while (!far_ahead_ && fill_->available() <= range.first && !ended() && loop.now() < deadline_)
    co_await fill_->progress().wait_until(deadline_);
  if (fill_->error() && fill_->available() <= range.first) co_return failure(*fill_->error());
  // An empty reply is complete as soon as its head is sent, so the content must be verified before.
  if (range.length == 0 && !fill_->verified()) co_return failure(stall_reason(*fill_));
  co_return Result<>();
}

Task<> FillSource::send(Exchange& exchange, ByteRange range) {
  uint64_t sent = 0;
  if (far_ahead_) sent = co_await pass_far_ahead(exchange, range);
  while (sent < range.length) {
    const auto position = range.first + sent;
    while (fill_->available() <= position && !ended()) co_await fill_->progress().wait();
    if (fill_->available() <= position) break;
    const auto count = std::min(fill_->available() - position, range.length - sent);
    co_await exchange.send_file(fill_->file(), position, count);
    sent += count;
  }
  if (sent == range.length) co_return;
  const bool passable = fill_->error() && can_pass(*fill_->error());
  if (!passable) co_return exchange.abort();
  co_await pass_rest(exchange, range, sent);
}

bool FillSource::is_far_ahead(const ByteRange& range) const {
  return !open_ended_ && !fill_->error() && range.first > fill_->available() + far_ahead_bytes_ &&
         range.length < *fill_->size() && !fill_->verified();
}

// Fetches a range far ahead of the fill from upstream. Returns how many bytes were sent; the fill will bring
// the rest.
Task<uint64_t> FillSource::pass_far_ahead(Exchange& exchange, ByteRange range) {
  context_.cache = CacheResult::pass;
  auto request = request_;
  request.size = fill_->size();
  auto has = [&fill = *fill_](uint64_t position) { return fill.available() > position; };
  const proxy::Alternative filled(fill_->progress(), has);
  auto piece = co_await parts_.pass_through.send_range(exchange, parts_.registry_client, std::move(request),
                                                       proxy::Headers(), range.first, range.length, &filled);
  far_ahead_ = !piece.error;
  if (piece.error) context_.cache = CacheResult::follow;
  co_return piece.bytes;
}

// Passes the rest of the range through from upstream, because the fill has failed.
Task<> FillSource::pass_rest(Exchange& exchange, ByteRange range, uint64_t sent) {
  context_.cache = CacheResult::pass;
  auto request = request_;
  request.size = fill_->size();
  auto& pass_through = parts_.pass_through;
  if (range.length == *fill_->size()) {
    auto before = std::optional<proxy::SentBefore>(proxy::SentBefore(fill_->file(), sent));
    auto passed = co_await pass_through.send_whole(exchange, parts_.registry_client, std::move(request),
                                                   proxy::Headers(), std::move(before));
    if (!passed) exchange.abort();
  } else {
    auto piece =
        co_await pass_through.send_range(exchange, parts_.registry_client, std::move(request),
                                         proxy::Headers(), range.first + sent, range.length - sent, nullptr);
    if (piece.error) exchange.abort();
  }
}

}  // namespace breakwater::routes
