#include "proxy/stream/tls_context.h"

#include <optional>
#include <utility>

#include "proxy/loop/workers.h"
#include "proxy/stream/tls_stream.h"

namespace breakwater::proxy {
namespace {

struct Reading {
  TlsFileStamps stamps;
  std::optional<Result<OwnedTlsContext>> read;  // nothing: no file has changed
};

// The stamps are older than what is read: who writes meanwhile is noticed the next time.
Reading read_unless(const TlsFileStamps& stamps, const TlsSettings& settings) {
  Reading reading{stamps_of(settings), std::nullopt};
  if (reading.stamps != stamps) reading.read = read_tls_files(settings);
  return reading;
}

}  // namespace

TlsContext::TlsContext(TlsSettings settings, TlsFileStamps stamps, OwnedTlsContext current)
    : settings_(std::move(settings)),
      stamps_(std::move(stamps)),
      current_(std::move(current)),
      scratch_(ByteStream::kRecordBytes) {}

Result<std::unique_ptr<TlsContext>> TlsContext::read(TlsSettings settings) {
  auto stamps = stamps_of(settings);
  auto context = read_tls_files(settings);
  if (!context) return failure(context.error());
  return std::unique_ptr<TlsContext>(
      new TlsContext(std::move(settings), std::move(stamps), *std::move(context)));
}

std::unique_ptr<ByteStream> TlsContext::accept(int fd) {
  return std::make_unique<TlsStream>(current_.get(), fd, scratch_);
}

Task<Result<bool>> TlsContext::read_if_changed(Workers& workers) {
  auto job = [stamps = stamps_, settings = settings_] { return read_unless(stamps, settings); };
  auto reading = co_await workers.run(std::move(job));
  stamps_ = std::move(reading.stamps);
  if (!reading.read) co_return false;
  if (!*reading.read) co_return failure(reading.read->error());
  current_ = std::move(**reading.read);
  co_return true;
}

Task<> TlsContext::keep_up(Loop& loop, Workers& workers, store::Log& log, Millis interval) {
  for (;;) {
    co_await loop.sleep(interval);
    const auto renewed = co_await read_if_changed(workers);
    if (!renewed) {
      log.warning("tls_not_renewed", {{"reason", renewed.error().message}});
    } else if (*renewed) {
      log.info("tls_renewed", {{"certificate", settings_.certificate}});
    }
  }
}

}  // namespace breakwater::proxy
