#include "proxy/fill/fill_sink.h"

#include <algorithm>
#include <string>
#include <utility>

#include "proxy/fill/resumption.h"

namespace breakwater::proxy {
namespace {

// How much longer a decoded body may be than a manifest says, and how long where none does: a few bytes of
// gzip can become any number.
constexpr uint64_t kDecodedFactorMax = 16;
constexpr uint64_t kDecodedBytesMax = 4ULL << 30;

constexpr uint64_t kFirstStepBytes = 64 << 10;

}  // namespace

FillSink::FillSink(Fills& fills, std::shared_ptr<Fill> fill, size_t source)
    : fills_(fills),
      fill_(std::move(fill)),
      source_(source),
      last_byte_at_(fills.loop_.now()),
      tasks_(fills.loop_) {
  fill_->bytes_.set_sink(this);
  // Over all attempts of a source: one that breaks off each minute is slow too.
  if (std::exchange(fill_->measured_source_, source_) != source_) measure_from(last_byte_at_);
}

FillSink::~FillSink() { fill_->bytes_.set_sink(nullptr); }

void FillSink::begin() {
  const auto& source = fill_->sources_[source_];
  auto request = source.request;
  // A range of an encoded body would be one of other bytes.
  if (fill_->bytes_.written() > 0 && !fill_->sources_.is_decoded(source_))
    request.headers.set("Range", "bytes=" + std::to_string(fill_->bytes_.written()) + "-");
  tasks_.spawn(run(*source.registry, std::move(request)));
}

Task<> FillSink::run(RegistryClient& registry, RegistryClientRequest request) {
  outcome_ = co_await registry.download(std::move(request), *this);
  fill_->attention_.ring();
}

Millis FillSink::silence_max() const {
  return Millis(taken_ > 0 ? fills_.settings_.silence_max_ms : fills_.settings_.first_byte_wait_ms);
}

bool FillSink::is_silent(Moment now) const { return !is_paused_ && now - last_byte_at_ >= silence_max(); }

void FillSink::measure_from(Moment now) {
  fill_->measured_at_ = now;
  fill_->measured_from_ = have();
}

bool FillSink::was_slow(Moment now) {
  const Millis measured(fills_.settings_.slow_after_ms);
  if (now - fill_->measured_at_ < measured) return false;
  const auto due = fills_.settings_.slow_bytes_per_s * static_cast<uint64_t>(measured.count()) / 1000;
  const bool slow = !is_paused_ && have() < fill_->measured_from_ + due;
  measure_from(now);
  return slow;
}

Moment FillSink::look_again_at(Moment now) const {
  const auto silent_at = last_byte_at_ + silence_max();
  const auto measured_at = fill_->measured_at_ + Millis(fills_.settings_.slow_after_ms);
  return std::min(silent_at > now ? silent_at : now + silence_max(), measured_at);
}

Result<> FillSink::head(const Head& head) {
  // What one has told who brought nothing binds nobody.
  const auto size = fill_->bytes_.written() > 0 ? fill_->told_ : std::nullopt;
  auto resumption = check_resumption(head, fill_->bytes_.written(), size);
  if (!resumption) return failure(resumption.error());
  skip_ = resumption->skip;
  fill_->told_ = resumption->size;
  fill_->begun_ = true;
  if (head.decoded) fill_->sources_.decoded(source_);
  const auto told = size_of_whole(head);
  // Without a size, only its end tells whether it is the blob that others have brought the beginning of.
  if (fill_->bytes_.written() == 0 || told) fill_->sources_.answered(source_, told);
  fill_->last_failure_.reset();
  fills_.publish(*fill_);
  return {};
}

Result<bool> FillSink::body(std::span<const char> data) {
  last_byte_at_ = fills_.loop_.now();
  auto taken = take(data);
  const bool was_paused = std::exchange(is_paused_, taken && !*taken);
  if (was_paused && !is_paused_) measure_from(last_byte_at_);  // the pause was ours
  if (taken && *taken) taken_ += data.size();
  return taken;
}

Result<bool> FillSink::take(std::span<const char> data) {
  if (fill_->bytes_.error()) return failure(*fill_->bytes_.error());
  const auto skipped = std::min<uint64_t>(skip_, data.size());
  const auto fresh = data.subspan(skipped);
  const auto have = fill_->bytes_.received();
  if (fill_->told_ && have + fresh.size() > *fill_->told_)
    return failure(Error::Kind::corrupt, "upstream's " + fill_->digest().text() + " is longer than its " +
                                             std::to_string(*fill_->told_) + " bytes");
  if (fill_->sources_.is_decoded(source_) && have + fresh.size() > decoded_max())
    return failure(Error::Kind::corrupt,
                   "upstream's " + fill_->digest().text() + " is encoded, and has no end when decoded");
  if (fresh.empty()) {
    skip_ -= skipped;
    return true;
  }
  auto reserved = room_for(have, fresh.size());
  if (reserved.units() == 0) return false;
  skip_ -= skipped;
  if (!fill_->resumed_) fill_->sources_.contributed(source_);
  fill_->bytes_.push(fresh, std::move(reserved));
  return true;
}

uint64_t FillSink::decoded_max() const {
  return std::min(fill_->hint_.value_or(kDecodedBytesMax), kDecodedBytesMax / kDecodedFactorMax) *
         kDecodedFactorMax;
}

// Nothing if there is no room now; then the sink is resumed when there is some.
BufferReservation FillSink::room_for(uint64_t have, size_t more) {
  if (have + more > fill_->bytes_.granted()) {
    if (!std::exchange(growing_, true)) tasks_.spawn(grow());
    return {};
  }
  // The file resumes the sink when a worker has taken what is pending.
  if (fill_->bytes_.pending_bytes() >= fills_.settings_.pending_bytes_max) return {};
  auto reserved = std::move(in_advance_);
  if (reserved.units() >= more) {
    reserved.shrink(more);
    return reserved;
  }
  reserved = BufferReservation();
  reserved = fills_.buffers_.try_reserve(more);
  if (reserved.units() == 0 && !std::exchange(awaiting_buffers_, true)) tasks_.spawn(resume_with(more));
  return reserved;
}

Task<> FillSink::grow() {
  auto& bytes = fill_->bytes_;
  // An upstream that tells no length and sends little takes little.
  const auto most = std::max(fills_.settings_.growth_bytes, kFirstStepBytes);
  const auto step = std::clamp(bytes.granted(), kFirstStepBytes, most);
  auto grown = co_await bytes.reserve(fill_->told_.value_or(bytes.granted() + step));
  if (!grown) bytes.set_error(grown.error());
  growing_ = false;
  resume();
}

// Waits in line with all others who want buffers.
Task<> FillSink::resume_with(size_t more) {
  in_advance_ = co_await fills_.buffers_.reserve(more);
  awaiting_buffers_ = false;
  resume();
}

}  // namespace breakwater::proxy
