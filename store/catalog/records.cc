#include "store/catalog/records.h"

#include "store/catalog/record_codec.h"

namespace breakwater::store {
namespace {

// Written in the place of fields that only earlier versions used.
constexpr Time kNoMore{};
constexpr uint64_t kNone = 0;

void add_texts(Encoder& out, const std::vector<std::string>& texts) {
  out.number(texts.size());
  for (const std::string& text : texts) out.text(text);
}

// A number that is too high ends with the bytes, because each text takes some.
std::vector<std::string> texts_of(Decoder& in) {
  std::vector<std::string> texts;
  for (uint64_t left = in.number(); left > 0 && !in.failed(); --left) texts.push_back(in.text());
  return texts;
}

}  // namespace

std::string encode(const TagRecord& record) {
  return Encoder()
      .digest(record.digest)
      .text(record.media_type)
      .time(record.set_at)
      .time(record.checked_at)
      .time(record.sequence)
      .take();
}

std::string encode(const TagHistoryRecord& record) {
  Encoder encoder;
  encoder.number(record.sightings.size());
  for (const auto& sighting : record.sightings) encoder.digest(sighting.digest).time(sighting.first_seen);
  return encoder.take();
}

std::string encode(const ManifestRecord& record) {
  Encoder encoder;
  encoder.text(record.media_type).number(record.size).flag(record.subject.has_value());
  if (record.subject) encoder.digest(*record.subject);
  return encoder.text(record.artifact_type)
      .time(record.pushed_at)
      .time(kNoMore)
      .time(record.kept_until)
      .take();
}

std::string encode(const EdgeRecord& record) {
  return Encoder().text(record.media_type).number(record.size).flag(record.is_manifest).take();
}

std::string encode(const ReferrerRecord& record) {
  return Encoder().text(record.descriptor).text(record.artifact_type).number(record.whole_bytes).take();
}

std::string encode(const LinkRecord&) { return Encoder().time(kNoMore).take(); }

std::string encode(const UploadRecord& record) {
  return Encoder()
      .text(record.route)
      .text(record.repository)
      .number(static_cast<uint64_t>(record.algorithm))
      .number(kNone)
      .time(record.touched_at)
      .flag(record.is_abandoned)
      .time(record.begun_at)
      .text(record.client)
      .take();
}

std::string encode(const BlobRecord& record) {
  return Encoder()
      .number(record.size)
      .text(record.route)
      .time(record.stored_at)
      .time(record.used_at)
      .text(record.client)
      .take();
}

std::string encode(const LeaseRecord& record) {
  return Encoder().time(record.read).time(record.upload).number(record.uploads).time(record.inherited).take();
}

std::string encode(const ClockRecord& record) {
  return Encoder()
      .time(record.at)
      .time(record.machine)
      .text(record.boot)
      .time(record.bound)
      .time(record.wall)
      .take();
}

std::string encode(const ScrubRecord& record) {
  return Encoder().time(record.passed_at).text(record.position).take();
}

std::string encode(const PinRecord& record) { return Encoder().time(record.pinned_at).take(); }

std::string encode(const BackupRecord& record) { return Encoder().time(record.made_at).take(); }

std::string encode(const TokenRecord& record) {
  Encoder out;
  out.text(record.name);
  add_texts(out, record.may);
  add_texts(out, record.repositories);
  return out.text(record.made_by)
      .time(record.created_at)
      .time(record.expires_at)
      .time(record.expires_at_wall)
      .time(record.last_used_at)
      .time(record.revoked_at)
      .take();
}

// The initialisers below run in the order in which they are written, which is the order of the fields.

template <>
Result<TagRecord> decode<TagRecord>(std::string_view bytes) {
  Decoder in(bytes);
  TagRecord record{in.digest(), in.text(), in.time(), in.time(), in.more() ? in.time() : Time()};
  return checked(in, std::move(record), "tag");
}

template <>
Result<TagHistoryRecord> decode<TagHistoryRecord>(std::string_view bytes) {
  Decoder in(bytes);
  TagHistoryRecord record;
  // A number that is too high ends with the bytes, because each sighting takes some.
  for (uint64_t left = in.number(); left > 0 && !in.failed(); --left)
    record.sightings.push_back({in.digest(), in.time()});
  return checked(in, std::move(record), "history");
}

template <>
Result<ManifestRecord> decode<ManifestRecord>(std::string_view bytes) {
  Decoder in(bytes);
  ManifestRecord record;
  record.media_type = in.text();
  record.size = in.number();
  if (in.flag()) record.subject = in.digest();
  record.artifact_type = in.text();
  record.pushed_at = in.time();
  if (in.more()) (void)in.time();
  if (in.more()) record.kept_until = in.time();
  return checked(in, std::move(record), "manifest");
}

template <>
Result<EdgeRecord> decode<EdgeRecord>(std::string_view bytes) {
  Decoder in(bytes);
  EdgeRecord record{in.text(), in.number(), in.more() && in.flag()};
  return checked(in, std::move(record), "edge");
}

template <>
Result<ReferrerRecord> decode<ReferrerRecord>(std::string_view bytes) {
  Decoder in(bytes);
  ReferrerRecord record{in.text(), in.more() ? in.text() : std::string(), in.more() ? in.number() : 0};
  return checked(in, std::move(record), "referrer");
}

template <>
Result<LinkRecord> decode<LinkRecord>(std::string_view bytes) {
  Decoder in(bytes);
  (void)in.time();
  return checked(in, LinkRecord(), "link");
}

template <>
Result<UploadRecord> decode<UploadRecord>(std::string_view bytes) {
  Decoder in(bytes);
  UploadRecord record{in.text(), in.text(), in.algorithm(), {}};
  (void)in.number();
  if (in.more()) record.touched_at = in.time();
  if (in.more()) record.is_abandoned = in.flag();
  if (in.more()) record.begun_at = in.time();
  if (in.more()) record.client = in.text();
  return checked(in, std::move(record), "upload");
}

template <>
Result<BlobRecord> decode<BlobRecord>(std::string_view bytes) {
  Decoder in(bytes);
  BlobRecord record{in.number(), in.text(), in.time(), in.more() ? in.time() : Time{},
                    in.more() ? in.text() : std::string()};
  return checked(in, std::move(record), "blob");
}

template <>
Result<LeaseRecord> decode<LeaseRecord>(std::string_view bytes) {
  Decoder in(bytes);
  LeaseRecord record{in.time(), in.time(), in.number(), in.more() ? in.time() : Time{}};
  return checked(in, record, "lease");
}

template <>
Result<ClockRecord> decode<ClockRecord>(std::string_view bytes) {
  Decoder in(bytes);
  ClockRecord record{in.time(), in.time(), in.text(), in.time(), in.time()};
  return checked(in, std::move(record), "clock");
}

template <>
Result<ScrubRecord> decode<ScrubRecord>(std::string_view bytes) {
  Decoder in(bytes);
  ScrubRecord record{in.time(), in.text()};
  return checked(in, std::move(record), "scrub");
}

template <>
Result<PinRecord> decode<PinRecord>(std::string_view bytes) {
  Decoder in(bytes);
  const PinRecord record{in.time()};
  return checked(in, record, "pin");
}

template <>
Result<BackupRecord> decode<BackupRecord>(std::string_view bytes) {
  Decoder in(bytes);
  const BackupRecord record{in.time()};
  return checked(in, record, "backup");
}

template <>
Result<TokenRecord> decode<TokenRecord>(std::string_view bytes) {
  Decoder in(bytes);
  TokenRecord record{in.text(), texts_of(in), texts_of(in), in.text(), in.time(),
                     in.time(), in.time(),    in.time(),    in.time()};
  return checked(in, std::move(record), "token");
}

}  // namespace breakwater::store
